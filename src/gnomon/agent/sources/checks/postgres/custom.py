"""An instance's own queries, in the form of Datadog Agent 5's `custom_metrics`.

::

    custom_metrics:
      - query: SELECT consumer_name, %s FROM pgq.get_consumer_info()
        descriptors: [[consumer_name, consumer]]
        metrics:
          extract(epoch FROM lag) AS lag: [postgresql.londiste_lag, GAUGE]
        relation: false

`%s` stands for the columns under `metrics`; descriptors are the columns before it, and the labels
made of them. With `relation: true` a second `%s` stands for the names under `relations`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from gnomon.agent.sources.checks.postgres.query import Column, Query
from gnomon.core.errors import SettingsError
from gnomon.core.model import Kind, Metric

KINDS = {"GAUGE": Kind.GAUGE, "RATE": Kind.RATE, "MONOTONIC": Kind.COUNT}
EXPECTED = "expected {query: SELECT ..., metrics: {column: [name, GAUGE]}, descriptors: [...]}"


def queries(metrics: Sequence[Mapping[str, Any]], relations: Sequence[str] = ()) -> list[Query]:
    """The queries; raises `SettingsError` for one that cannot be understood.

    `relations` are the names of tables for those that want them.
    """
    return [_query(metric, position, relations) for position, metric in enumerate(metrics)]


def _query(metric: Mapping[str, Any], position: int, relations: Sequence[str]) -> Query:
    where = f"custom_metrics[{position}]"
    text, named = metric.get("query"), metric.get("metrics")
    descriptors = cast(Sequence[tuple[Any, Any]], metric.get("descriptors") or ())
    if not isinstance(text, str) or not isinstance(named, Mapping) or not named:
        raise SettingsError(f"{where}: {EXPECTED}")
    table = cast(Mapping[str, Any], named)
    columns = [_column(where, str(sql), what) for sql, what in table.items()]
    try:
        labels = {str(label): str(column) for column, label in descriptors}
    except (TypeError, ValueError):
        raise SettingsError(f"{where}: descriptors: expected [[column, label], ...]") from None
    holes: tuple[str, ...] = (", ".join(column.sql for column in columns),)
    if metric.get("relation"):
        holes += (", ".join("'" + name.replace("'", "''") + "'" for name in relations) or "NULL",)
    try:
        statement = text % holes
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"{where}: query: {error}; write %s where the columns go, and %% for a percent sign"
        ) from None
    return Query(f"custom query {position}", labels, columns, source="", text=statement)


def _column(where: str, sql: str, what: Any) -> Column:
    pair = cast(Sequence[Any], what) if isinstance(what, (list, tuple)) else ()
    if len(pair) != 2 or str(pair[1]).upper() not in KINDS:
        raise SettingsError(f"{where}: metrics: {sql}: expected [name, GAUGE, RATE or MONOTONIC]")
    return Column(sql, Metric(str(pair[0]), KINDS[str(pair[1]).upper()]))
