"""Functions that keep some series and leave out others."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping

from gnomon.server.query.graphite.aggregation import aggregation, over_time
from gnomon.server.query.graphite.declare import SERIES, Group, Param, ParamType, function
from gnomon.server.query.graphite.grammar import TargetError
from gnomon.server.query.graphite.ordering import ranked
from gnomon.server.query.graphite.timeseries import SeriesList

_COUNT = Param("n", ParamType.INTEGER, required=True)
_VALUE = Param("n", ParamType.FLOAT, required=True)
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


@function("highestAverage", Group.FILTER_SERIES, SERIES, _COUNT)
def highest_average(series_list: SeriesList, n: int) -> SeriesList:
    """The n series with the highest average."""
    return highest(series_list, n, "average")
