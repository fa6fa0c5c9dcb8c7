"""Functions that keep some series and leave out others."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping

import numpy as np

from gnomon.server.query.graphite.aggregation import (
    aggregation,
    count_values,
    enough,
    over_time,
)
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
from gnomon.server.query.graphite.normalize import stacked
from gnomon.server.query.graphite.ordering import ranked
from gnomon.server.query.graphite.pattern import regex, substitute
from gnomon.server.query.graphite.percentile import percentile
from gnomon.server.query.graphite.timeseries import SeriesList, TimeSeries

_COUNT = Param("n", ParamType.INTEGER, required=True)
_VALUE = Param("n", ParamType.FLOAT, required=True)
_PATTERN = Param("pattern", ParamType.STRING, required=True)
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    # A series without any value is less than everything.
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": lambda value, threshold: value != value or value < threshold,  # noqa: PLR0124
    "<=": lambda value, threshold: value != value or value <= threshold,  # noqa: PLR0124
}


@function(
    "filterSeries",
    Group.FILTER_SERIES,
    SERIES,
    Param("func", ParamType.AGGREGATION, required=True),
    Param("operator", ParamType.STRING, required=True, options=tuple(sorted(_COMPARE))),
    Param("threshold", ParamType.FLOAT, required=True),
)
def filter_series(series_list: SeriesList, func: str, compare: str, threshold: float) -> SeriesList:
    """Series whose aggregation over time compares so: `filterSeries(a.*, "max", ">", 100)`."""
    aggregation(func)
    fits = _COMPARE.get(compare)
    if fits is None:
        raise TargetError(f"unsupported operator {compare!r}; known: {', '.join(_COMPARE)}")
    return [series for series in series_list if fits(over_time(func, series.values), threshold)]


@function("averageAbove", Group.FILTER_SERIES, SERIES, _VALUE)
def average_above(series_list: SeriesList, n: float) -> SeriesList:
    """Series whose average is above n."""
    return filter_series(series_list, "average", ">", n)


@function("averageBelow", Group.FILTER_SERIES, SERIES, _VALUE)
def average_below(series_list: SeriesList, n: float) -> SeriesList:
    """Series whose average is n or below."""
    return filter_series(series_list, "average", "<=", n)


@function("currentAbove", Group.FILTER_SERIES, SERIES, _VALUE)
def current_above(series_list: SeriesList, n: float) -> SeriesList:
    """Series whose newest value is above n."""
    return filter_series(series_list, "last", ">", n)


@function("currentBelow", Group.FILTER_SERIES, SERIES, _VALUE)
def current_below(series_list: SeriesList, n: float) -> SeriesList:
    """Series whose newest value is n or below."""
    return filter_series(series_list, "last", "<=", n)


@function("maximumAbove", Group.FILTER_SERIES, SERIES, _VALUE)
def maximum_above(series_list: SeriesList, n: float) -> SeriesList:
    """Series whose largest value is above n."""
    return filter_series(series_list, "max", ">", n)


@function("maximumBelow", Group.FILTER_SERIES, SERIES, _VALUE)
def maximum_below(series_list: SeriesList, n: float) -> SeriesList:
    """Series whose largest value is n or below."""
    return filter_series(series_list, "max", "<=", n)


@function("minimumAbove", Group.FILTER_SERIES, SERIES, _VALUE)
def minimum_above(series_list: SeriesList, n: float) -> SeriesList:
    """Series whose smallest value is above n."""
    return filter_series(series_list, "min", ">", n)


@function("minimumBelow", Group.FILTER_SERIES, SERIES, _VALUE)
def minimum_below(series_list: SeriesList, n: float) -> SeriesList:
    """Series whose smallest value is n or below."""
    return filter_series(series_list, "min", "<=", n)


@function(
    "highest",
    Group.FILTER_SERIES,
    SERIES,
    _COUNT,
    Param("func", ParamType.AGGREGATION, default="average"),
)
def highest(series_list: SeriesList, n: int = 1, func: str = "average") -> SeriesList:
    """The n series with the highest aggregation over time, highest first."""
    return ranked(series_list, func, reverse=True)[:n]


@function(
    "lowest",
    Group.FILTER_SERIES,
    SERIES,
    _COUNT,
    Param("func", ParamType.AGGREGATION, default="average"),
)
def lowest(series_list: SeriesList, n: int = 1, func: str = "average") -> SeriesList:
    """The n series with the lowest aggregation over time, lowest first."""
    return ranked(series_list, func)[:n]


@function("highestAverage", Group.FILTER_SERIES, SERIES, _COUNT)
def highest_average(series_list: SeriesList, n: int) -> SeriesList:
    """The n series with the highest average."""
    return highest(series_list, n, "average")


@function("highestCurrent", Group.FILTER_SERIES, SERIES, _COUNT)
def highest_current(series_list: SeriesList, n: int) -> SeriesList:
    """The n series with the highest newest value."""
    return highest(series_list, n, "current")


@function("highestMax", Group.FILTER_SERIES, SERIES, _COUNT)
def highest_max(series_list: SeriesList, n: int) -> SeriesList:
    """The n series with the highest largest value."""
    return highest(series_list, n, "max")


@function("lowestAverage", Group.FILTER_SERIES, SERIES, _COUNT)
def lowest_average(series_list: SeriesList, n: int) -> SeriesList:
    """The n series with the lowest average."""
    return lowest(series_list, n, "average")


@function("lowestCurrent", Group.FILTER_SERIES, SERIES, _COUNT)
def lowest_current(series_list: SeriesList, n: int) -> SeriesList:
    """The n series with the lowest newest value."""
    return lowest(series_list, n, "current")


@function("limit", Group.FILTER_SERIES, SERIES, _COUNT)
def limit(series_list: SeriesList, n: int) -> SeriesList:
    """The first n series."""
    return series_list[0:n]


@function("mostDeviant", Group.FILTER_SERIES, SERIES, _COUNT)
def most_deviant(series_list: SeriesList, n: int) -> SeriesList:
    """The n series that deviate most from their own average."""
    deviations = [(over_time("stddev", series.values), series) for series in series_list]
    known = [pair for pair in deviations if not math.isnan(pair[0])]
    known.sort(key=lambda pair: pair[0], reverse=True)
    return [series for _, series in known][:n]


@function("grep", Group.FILTER_SERIES, SERIES, _PATTERN)
def grep(series_list: SeriesList, pattern: str) -> SeriesList:
    """Series whose names match a regular expression."""
    found = regex(pattern)
    return [series for series in series_list if found.search(series.name)]


@function("exclude", Group.FILTER_SERIES, SERIES, _PATTERN)
def exclude(series_list: SeriesList, pattern: str) -> SeriesList:
    """Series whose names do not match a regular expression."""
    found = regex(pattern)
    return [series for series in series_list if not found.search(series.name)]


@function("unique", Group.FILTER_SERIES, SERIES_LISTS)
def unique(*series_lists: SeriesList) -> SeriesList:
    """Of series with the same name, the first."""
    seen: dict[str, TimeSeries] = {}
    for series_list in series_lists:
        for series in series_list:
            seen.setdefault(series.name, series)
    return list(seen.values())


@function("removeEmptySeries", Group.FILTER_SERIES, SERIES, X_FILES_FACTOR)
def remove_empty_series(series_list: SeriesList, x_files_factor: float | None = None) -> SeriesList:
    """Series that have a value; with `xFilesFactor`, at least that share of them."""
    return [
        series
        for series in series_list
        if enough(count_values(series.values), len(series), x_files_factor or 0)
    ]


@function("averageOutsidePercentile", Group.FILTER_SERIES, SERIES, _VALUE)
def average_outside_percentile(series_list: SeriesList, n: float) -> SeriesList:
    """Series whose average lies outside the middle: above the n-th percentile or below the other end."""
    if not series_list:
        return []
    n = max(n, 100 - n)
    averages = np.array([over_time("average", series.values) for series in series_list])
    low, high = (percentile(averages[:, None], rank)[0] for rank in (100 - n, n))
    inside = (low < averages) & (averages < high)
    return [series for series, middle in zip(series_list, inside, strict=True) if not middle]


@function("removeBetweenPercentile", Group.FILTER_SERIES, SERIES, _VALUE)
def remove_between_percentile(series_list: SeriesList, n: float) -> SeriesList:
    """Series that leave the middle at least once, compared with all others at that point."""
    if not series_list:
        return []
    n = max(n, 100 - n)
    stack = stacked([series.values for series in series_list])
    low, high = percentile(stack, 100 - n), percentile(stack, n)
    outside = (stack <= low) | (stack >= high)
    return [series for series, leaves in zip(series_list, outside, strict=True) if leaves.any()]


@function(
    "useSeriesAbove",
    Group.FILTER_SERIES,
    SERIES,
    Param("value", ParamType.FLOAT, required=True),
    Param("search", ParamType.STRING, required=True),
    Param("replace", ParamType.STRING, required=True),
)
def use_series_above(
    context: Context, series_list: SeriesList, value: float, search: str, replace: str
) -> SeriesList:
    """For each series that gets above a value, another one, found by search and replace in its name.

    `useSeriesAbove(ganglia.*.reqs, 10, "reqs", "time")` shows the response times of busy servers.
    """
    pattern = regex(search)
    names = [
        substitute(pattern, replace, series.name)
        for series in series_list
        if over_time("max", series.values) > value
    ]
    found = context.evaluate(context, f"group({','.join(names)})") if names else []
    return [series for series in found if len(series)]
