"""What a query is: declared once for all versions, built for one, its rows turned into samples.

A family of queries lives in a module of its own; here is what they have in common. A `Query` names
its label columns and its value columns; a `Column` says since and until which version it exists, so
the statement for a version asks only for what that version has. Versions are numbers as
`server_version_num` has them: 90600, 150008.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from gnomon.core.component import Output
from gnomon.core.model import Kind, Metric

V10, V12, V13, V14, V17 = 100000, 120000, 130000, 140000, 170000
OLDEST = 90600
"""PostgreSQL 9.6 is the oldest version that is understood."""
NEWEST = 10**9

IS_CLIENT = (
    "coalesce(backend_type, CASE WHEN datid IS NOT NULL THEN 'client backend' END) "
    "= 'client backend'"
)
"""Of `pg_stat_activity`. A role that may not see others' sessions does not see their type, too."""

BEFORE_10 = {
    "pg_current_wal_lsn": "pg_current_xlog_location",
    "pg_last_wal_receive_lsn": "pg_last_xlog_receive_location",
    "pg_last_wal_replay_lsn": "pg_last_xlog_replay_location",
    "pg_wal_lsn_diff": "pg_xlog_location_diff",
    "sent_lsn": "sent_location",
    "replay_lsn": "replay_location",
    # Background processes were not sessions then.
    IS_CLIENT: "true",
}
"""Names that version 10 changed, in the statements below written as they are since."""

Row = Sequence[Any]
Totals = dict[tuple[str, ...], tuple[Any, Any]]
"""Part and whole by metric and label values."""


class Column(NamedTuple):
    """One value of a row. The metric's kind says how it is put.

    A gauge as it is; a rate or a count from a cumulative total. With `of`, the share that `sql` has
    in the growth of `of` since the run before (hits of all block reads, say).
    """

    sql: str
    metric: Metric
    since: int = 0
    until: int = NEWEST
    """The first version that does not have it any more."""
    of: str = ""


class Query(NamedTuple):
    """One statement and the meaning of its columns. Columns that are NULL give no sample."""

    name: str
    """For a person: `database sizes`."""
    labels: Mapping[str, str]
    """SQL expression by label name."""
    columns: Sequence[Column]
    source: str
    """The rest of the statement, from FROM on."""
    since: int = 0
    until: int = NEWEST
    role: Literal["any", "primary", "standby"] = "any"
    every: float = 0.0
    """Seconds between two executions; in between, the rows of the last one are put again."""
    folds: bool = False
    """Whether rows over the limit are summed under the label value `other`; else they are dropped.

    Only for counts, and the rows must come with the largest first.
    """
    relations: bool = False
    """Whether it takes the names of tables as its parameters."""
    text: str = ""
    """The whole statement, where a person wrote it; the rest then says only what it means."""

    def serves(self, version: int, *, standby: bool) -> bool:
        """Whether there is anything to ask a server of this version in this role."""
        return self.role in ("any", "standby" if standby else "primary") and (
            self.since <= version < self.until
        )

    def columns_at(self, version: int) -> list[Column]:
        """What this version has."""
        return [column for column in self.columns if column.since <= version < column.until]

    def statement(self, version: int, activity: str = "pg_stat_activity") -> str:
        """The SQL for a version. `activity` is where the sessions of all users can be seen."""
        if self.text:
            return self.text
        values: list[str] = []
        for column in self.columns_at(version):
            values += [column.sql, column.of] if column.of else [column.sql]
        sql = f"SELECT {', '.join([*self.labels.values(), *values])} {self.source}"
        if version < V10:
            for new, old in BEFORE_10.items():
                sql = sql.replace(new, old)
        return sql.replace("{activity}", activity)


class Rows:
    """Puts the rows of queries. Keeps what a share of growth needs from the run before."""

    def __init__(self, base: Mapping[str, str], most: int) -> None:
        """`base` are labels of every sample, `most` bounds the rows of one query."""
        self._base = base
        self._most = most
        self._totals: dict[str, Totals] = {}
        """By query, as they were in its last run."""

    def put(self, query: Query, version: int, rows: Sequence[Row], out: Output) -> int:
        """Puts the samples of one query; returns how many rows were dropped."""
        taken, dropped = self._bounded(query, rows)
        columns = query.columns_at(version)
        width = len(query.labels)
        before, now = self._totals.get(query.name, {}), Totals()
        for row in taken:
            names = ["" if value is None else str(value) for value in row[:width]]
            labels = {**self._base, **dict(zip(query.labels, names, strict=True))}
            values = iter(row[width:])
            for column in columns:
                value = next(values)
                if column.of:
                    key = (column.metric.name, *names)
                    now[key] = total = (value, next(values))
                    value = _share(before.get(key), total)
                _put(column.metric, value, labels, out)
        self._totals[query.name] = now
        return dropped

    def _bounded(self, query: Query, rows: Sequence[Row]) -> tuple[Sequence[Row], int]:
        over = len(rows) - self._most
        if over <= 0:
            return rows, 0
        if not query.folds:
            return rows[: self._most], over
        width = len(query.labels)
        kept, rest = rows[: self._most - 1], rows[self._most - 1 :]
        sums = [sum(row[place] or 0 for row in rest) for place in range(width, len(rest[0]))]
        return [*kept, ("other",) * width + tuple(sums)], 0


def _put(metric: Metric, value: Any, labels: Mapping[str, str], out: Output) -> None:
    if value is None:
        return
    if metric.kind is Kind.RATE:
        out.rate(metric, float(value), labels)
    elif metric.kind is Kind.COUNT:
        out.delta(metric, float(value), labels)
    else:
        out.put(metric, float(value), labels)


def _share(before: tuple[Any, Any] | None, now: tuple[Any, Any]) -> float | None:
    """What part of the growth of the second number the first one's is; None if nothing grew."""
    if before is None or None in (*before, *now):
        return None
    part, whole = float(now[0] - before[0]), float(now[1] - before[1])
    return part / whole if whole > 0 and 0 <= part <= whole else None
