"""Functions that make one series of several."""

from __future__ import annotations

import numpy as np

from gnomon.server.query.graphite.aggregation import aggregation
from gnomon.server.query.graphite.arithmetic import power
from gnomon.server.query.graphite.combining import combined
from gnomon.server.query.graphite.context import Context
from gnomon.server.query.graphite.declare import (
    SERIES,
    SERIES_LISTS,
    X_FILES_FACTOR,
    Group,
    Param,
    ParamType,
    function,
)
from gnomon.server.query.graphite.grammar import TargetError
from gnomon.server.query.graphite.naming import joined_paths
from gnomon.server.query.graphite.normalize import normalize
from gnomon.server.query.graphite.percentile import percentile
from gnomon.server.query.graphite.timeseries import SeriesList, TimeSeries

_AGGREGATION = Param("func", ParamType.AGGREGATION, required=True)
_POSITION = Param("position", ParamType.NODE, multiple=True)
_FIRST = Param("seriesListFirstPos", ParamType.SERIES_LIST, required=True)
_SECOND = Param("seriesListSecondPos", ParamType.SERIES_LIST, required=True)


def _combined(context: Context, lists: tuple[SeriesList, ...], func: str) -> SeriesList:
    series_list = [series for part in lists for series in part]
    return [combined(context, series_list, func)] if series_list else []


@function("aggregate", Group.COMBINE, SERIES, _AGGREGATION, X_FILES_FACTOR)
def aggregate(
    context: Context, series_list: SeriesList, func: str, x_files_factor: float | None = None
) -> SeriesList:
    """One series of many by any aggregation: `aggregate(host.cpu-*.user, "sum")`.

    `average`, `avg_zero`, `median`, `sum`, `min`, `max`, `diff`, `stddev`, `count`, `range`,
    `multiply` or `last`. Steps that differ are brought to their least common multiple first.
    """
    aggregation(func.removesuffix("Series"))
    return [combined(context, series_list, func, x_files_factor)] if series_list else []


@function("sumSeries", Group.COMBINE, SERIES_LISTS, aliases=("sum",), aggregates=True)
def sum_series(context: Context, *series_lists: SeriesList) -> SeriesList:
    """The sum of all series at each point."""
    return _combined(context, series_lists, "sum")


@function("averageSeries", Group.COMBINE, SERIES_LISTS, aliases=("avg",), aggregates=True)
def average_series(context: Context, *series_lists: SeriesList) -> SeriesList:
    """The average of all series at each point."""
    return _combined(context, series_lists, "average")


@function("minSeries", Group.COMBINE, SERIES_LISTS, aggregates=True)
def min_series(context: Context, *series_lists: SeriesList) -> SeriesList:
    """The smallest value of all series at each point."""
    return _combined(context, series_lists, "min")


@function("maxSeries", Group.COMBINE, SERIES_LISTS, aggregates=True)
def max_series(context: Context, *series_lists: SeriesList) -> SeriesList:
    """The largest value of all series at each point."""
    return _combined(context, series_lists, "max")


@function("diffSeries", Group.COMBINE, SERIES_LISTS, aggregates=True)
def diff_series(context: Context, *series_lists: SeriesList) -> SeriesList:
    """The first series less all others: `diffSeries(connections.total, connections.failed)`."""
    return _combined(context, series_lists, "diff")


@function("stddevSeries", Group.COMBINE, SERIES_LISTS, aggregates=True)
def stddev_series(context: Context, *series_lists: SeriesList) -> SeriesList:
    """The standard deviation of all series at each point."""
    return _combined(context, series_lists, "stddev")


@function("rangeOfSeries", Group.COMBINE, SERIES_LISTS, aggregates=True)
def range_of_series(context: Context, *series_lists: SeriesList) -> SeriesList:
    """The largest less the smallest value at each point."""
    return _combined(context, series_lists, "rangeOf")


@function("multiplySeries", Group.COMBINE, SERIES_LISTS, aggregates=True)
def multiply_series(context: Context, *series_lists: SeriesList) -> SeriesList:
    """The product of all series; no value where one has none. A single series is left as it is."""
    if len(series_lists) == 1 and len(series_lists[0]) == 1:
        return series_lists[0]
    return _combined(context, series_lists, "multiply")


@function(
    "countSeries",
    Group.COMBINE,
    Param("seriesLists", ParamType.SERIES_LIST, multiple=True),
    aggregates=True,
)
def count_series(context: Context, *series_lists: SeriesList) -> SeriesList:
    """How many series there are, as a line."""
    if not series_lists:
        (line,) = context.call(context, "constantLine", 0)
        return [line.but(name="0", path_expression="countSeries()", tags={"name": "0"})]
    series_list = [series for part in series_lists for series in part]
    if not series_list:
        return []
    normal = normalize(series_list)
    width = max(len(row) for row in normal.rows)
    name = f"countSeries({joined_paths(series_list)})"
    values = np.full(width, float(len(series_list)))
    return [
        TimeSeries(
            name,
            normal.start,
            normal.end,
            normal.step,
            values,
            x_files_factor=context.state.x_files_factor,
        )
    ]


@function("group", Group.COMBINE, Param("seriesLists", ParamType.SERIES_LIST, multiple=True))
def group(*series_lists: SeriesList) -> SeriesList:
    """Several lists of series as one, to be renamed or drawn together."""
    return [series for part in series_lists for series in part]


@function(
    "aggregateWithWildcards",
    Group.COMBINE,
    SERIES,
    _AGGREGATION,
    _POSITION,
)
def aggregate_with_wildcards(
    context: Context, series_list: SeriesList, func: str, *positions: int
) -> SeriesList:
    """Aggregates series whose names differ only in the nodes at these positions.

    `aggregateWithWildcards(host.cpu-[0-7].cpu-{user,system}.value, "sum", 1)` gives one series for
    `user` and one for `system`.
    """
    groups: dict[str, SeriesList] = {}
    for series in series_list:
        nodes = enumerate(series.name.split("."))
        key = ".".join(node for place, node in nodes if place not in positions)
        groups.setdefault(key, []).append(series)
    return [combined(context, members, func).but(name=key) for key, members in groups.items()]


@function("sumSeriesWithWildcards", Group.COMBINE, SERIES, _POSITION, aggregates=True)
def sum_series_with_wildcards(
    context: Context, series_list: SeriesList, *positions: int
) -> SeriesList:
    """`aggregateWithWildcards` with `sum`."""
    return aggregate_with_wildcards(context, series_list, "sum", *positions)


@function("averageSeriesWithWildcards", Group.COMBINE, SERIES, _POSITION, aggregates=True)
def average_series_with_wildcards(
    context: Context, series_list: SeriesList, *positions: int
) -> SeriesList:
    """`aggregateWithWildcards` with `average`."""
    return aggregate_with_wildcards(context, series_list, "average", *positions)


@function("multiplySeriesWithWildcards", Group.COMBINE, SERIES, _POSITION, aggregates=True)
def multiply_series_with_wildcards(
    context: Context, series_list: SeriesList, *positions: int
) -> SeriesList:
    """`aggregateWithWildcards` with `multiply`."""
    return aggregate_with_wildcards(context, series_list, "multiply", *positions)


@function("aggregateSeriesLists", Group.COMBINE, _FIRST, _SECOND, _AGGREGATION, X_FILES_FACTOR)
def aggregate_series_lists(
    context: Context,
    first: SeriesList,
    second: SeriesList,
    func: str,
    x_files_factor: float | None = None,
) -> SeriesList:
    """Aggregates the first series of both lists, then the second of both, and so on."""
    if len(first) != len(second):
        raise TargetError(f"both lists must be of one length, got {len(first)} and {len(second)}")
    short = func.removesuffix("Series")
    return [
        combined(context, [one, other], func, x_files_factor).but(
            name=f"{short}Series({one.name},{other.name})"
        )
        for one, other in zip(first, second, strict=True)
    ]


@function("sumSeriesLists", Group.COMBINE, _FIRST, _SECOND, aggregates=True)
def sum_series_lists(context: Context, first: SeriesList, second: SeriesList) -> SeriesList:
    """`aggregateSeriesLists` with `sum`."""
    return aggregate_series_lists(context, first, second, "sum")


@function("diffSeriesLists", Group.COMBINE, _FIRST, _SECOND, aggregates=True)
def diff_series_lists(context: Context, first: SeriesList, second: SeriesList) -> SeriesList:
    """`aggregateSeriesLists` with `diff`."""
    return aggregate_series_lists(context, first, second, "diff")


@function("multiplySeriesLists", Group.COMBINE, _FIRST, _SECOND, aggregates=True)
def multiply_series_lists(context: Context, first: SeriesList, second: SeriesList) -> SeriesList:
    """`aggregateSeriesLists` with `multiply`."""
    return aggregate_series_lists(context, first, second, "multiply")


@function(
    "percentileOfSeries",
    Group.COMBINE,
    SERIES,
    Param("n", ParamType.FLOAT, required=True),
    Param("interpolate", ParamType.BOOLEAN, default=False),
)
def percentile_of_series(
    context: Context,
    series_list: SeriesList,
    n: float,
    interpolate: bool = False,  # positional in targets
) -> SeriesList:
    """The n-th percentile of all series at each point: `percentileOfSeries(api.*.latency, 95)`."""
    if n <= 0:
        raise TargetError("the percentile must be greater than 0")
    if not series_list:
        return []
    normal = normalize(series_list)
    name = f"percentileOfSeries({series_list[0].path_expression},{n:g})"
    values = percentile(normal.stack(), n, interpolate=interpolate)
    factor = context.state.x_files_factor
    return [TimeSeries(name, normal.start, normal.end, normal.step, values, x_files_factor=factor)]


@function(
    "powSeries",
    Group.COMBINE,
    Param("seriesList", ParamType.SERIES_LIST, required=True, multiple=True),
    aggregates=True,
)
def pow_series(context: Context, *series_lists: SeriesList) -> SeriesList:
    """The first series to the power of the second, that to the power of the third, and so on."""
    series_list = [series for part in series_lists for series in part]
    if not series_list:
        return []
    normal = normalize(series_list)
    stack = normal.stack()
    values = stack[0]
    for exponents in stack[1:]:
        values = power(values, exponents)
    name = f"powSeries({','.join(series.name for series in series_list)})"
    factor = context.state.x_files_factor
    return [TimeSeries(name, normal.start, normal.end, normal.step, values, x_files_factor=factor)]
