"""Functions that rename series."""

from __future__ import annotations

import math
from collections.abc import Callable

from gnomon.server.query.graphite.aggregation import AGGREGATIONS, SYNONYMS, over_time
from gnomon.server.query.graphite.context import Context
from gnomon.server.query.graphite.declare import SERIES, Group, Param, ParamType, function
from gnomon.server.query.graphite.formatting import plain, with_prefix
from gnomon.server.query.graphite.grammar import TargetError
from gnomon.server.query.graphite.naming import Node, node_key, sub_path
from gnomon.server.query.graphite.pattern import regex, substitute
from gnomon.server.query.graphite.timeseries import SeriesList, TimeSeries

_SEARCH = Param("search", ParamType.STRING, required=True)
_REPLACE = Param("replace", ParamType.STRING, required=True)
_KINDS = (*AGGREGATIONS, *SYNONYMS)
_POSITIONS = Param("pos", ParamType.INTEGER, multiple=True)


@function("alias", Group.ALIAS, SERIES, Param("newName", ParamType.STRING, required=True))
def alias(series_list: SeriesList, name: str) -> SeriesList:
    """Shows this text in place of the metric's name: `alias(sales.blue, "Blue widgets")`."""
    return [series.but(name=name) for series in series_list]


@function(
    "aliasByNode",
    Group.ALIAS,
    SERIES,
    Param("nodes", ParamType.NODE_OR_TAG, required=True, multiple=True),
)
def alias_by_node(series_list: SeriesList, *nodes: Node) -> SeriesList:
    """Names each series by nodes of its path, counted from 0 (from the end when negative), or by tags.

    `aliasByNode(servers.web1.cpu.user, 1, 3)` shows `web1.user`.
    """
    return [series.but(name=node_key(series, nodes)) for series in series_list]


@function(
    "aliasByTags",
    Group.ALIAS,
    SERIES,
    Param("tags", ParamType.NODE_OR_TAG, required=True, multiple=True),
)
def alias_by_tags(series_list: SeriesList, *tags: Node) -> SeriesList:
    """Names each series by values of its tags: `aliasByTags(seriesByTag("name=load"), "host")`."""
    return alias_by_node(series_list, *tags)


@function("aliasByMetric", Group.ALIAS, SERIES)
def alias_by_metric(series_list: SeriesList) -> SeriesList:
    """Names each series by the last node of its path."""
    return [series.but(name=sub_path(series.name, -1, 0)) for series in series_list]


@function("aliasSub", Group.ALIAS, SERIES, _SEARCH, _REPLACE)
def alias_sub(series_list: SeriesList, search: str, replace: str) -> SeriesList:
    r"""Renames by search and replace with a regular expression; `\1` is the first group.

    `aliasSub(ip.*TCP*, "^.*TCP(\d+)", "\1")`
    """
    pattern = regex(search)
    return [series.but(name=substitute(pattern, replace, series.name)) for series in series_list]


@function(
    "aliasQuery",
    Group.ALIAS,
    SERIES,
    _SEARCH,
    _REPLACE,
    Param("newName", ParamType.STRING, required=True),
)
def alias_query(
    context: Context, series_list: SeriesList, search: str, replace: str, name: str
) -> SeriesList:
    r"""Names each series after the newest value of another, found by search and replace in its name.

    `aliasQuery(power.*, "power\.(\d+)", "frequency.\1", "Channel %d MHz")`
    """
    pattern = regex(search)
    return [
        series.but(name=_queried(context, substitute(pattern, replace, series.name), name))
        for series in series_list
    ]


def _queried(context: Context, query: str, name: str) -> str:
    found = context.evaluate(context, query)
    if not found:
        raise TargetError(f"aliasQuery(): no series found with {query!r}")
    newest = over_time("last", found[0].values)
    if math.isnan(newest):
        raise TargetError(f"aliasQuery(): {found[0].name!r} has no value to name a series by")
    try:
        return name % newest
    except (TypeError, ValueError) as error:
        raise TargetError(f"aliasQuery(): {name!r} does not format one number: {error}") from None


@function(
    "legendValue",
    Group.ALIAS,
    SERIES,
    Param(
        "valuesTypes",
        ParamType.STRING,
        multiple=True,
        options=(*_KINDS, *(f"{kind}Series" for kind in _KINDS), "si", "binary"),
    ),
)
def legend_value(series_list: SeriesList, *value_types: str) -> SeriesList:
    """Appends values to the legend: `legendValue(a.b, "last", "max")` or, with units, `..., "si")`."""
    system = value_types[-1] if value_types[-1:] in (("si",), ("binary",)) else None
    for kind in value_types[:-1] if system else value_types:
        series_list = [_with_legend(series, kind, system) for series in series_list]
    return series_list


def _with_legend(series: TimeSeries, kind: str, system: str | None) -> TimeSeries:
    known = SYNONYMS.get(kind, kind) in AGGREGATIONS
    value = over_time(kind, series.values) if known else math.nan
    if system is None:
        text = plain(value, whole=kind == "count") if known else "(?)"
        return series.but(name=f"{series.name} ({kind}: {text})")
    if not known:
        text = "(?)"
    elif math.isnan(value):
        text = "None"
    else:
        text = "{:.2f}{}".format(*with_prefix(value, system))
    return series.but(name=f"{series.name:<20}{kind:<5}{text:<10}")


@function("upper", Group.ALIAS, SERIES, _POSITIONS)
def upper(series_list: SeriesList, *positions: int) -> SeriesList:
    """Names in capitals; with positions, only these characters."""
    return [series.but(name=_recased(series.name, positions, str.upper)) for series in series_list]


@function("lower", Group.ALIAS, SERIES, _POSITIONS)
def lower(series_list: SeriesList, *positions: int) -> SeriesList:
    """Names in small letters; with positions, only these characters."""
    return [series.but(name=_recased(series.name, positions, str.lower)) for series in series_list]


def _recased(name: str, positions: tuple[int, ...], case: Callable[[str], str]) -> str:
    if not positions:
        return case(name)
    letters = list(name)
    for position in positions:
        if -len(letters) <= position < len(letters):
            letters[position] = case(letters[position])
    return "".join(letters)
