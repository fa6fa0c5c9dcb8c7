"""Functions that take values out of series."""

from __future__ import annotations

import numpy as np

from gnomon.server.query.graphite.declare import SERIES, Group, Param, ParamType, function
from gnomon.server.query.graphite.grammar import TargetError
from gnomon.server.query.graphite.percentile import percentile
from gnomon.server.query.graphite.timeseries import SeriesList, TimeSeries

_BOUND = Param("n", ParamType.FLOAT, required=True)


@function("removeAboveValue", Group.FILTER_DATA, SERIES, _BOUND)
def remove_above_value(series_list: SeriesList, n: float) -> SeriesList:
    """Without values above n."""
    return [_without_above(series, n, "removeAboveValue", n) for series in series_list]


@function("removeBelowValue", Group.FILTER_DATA, SERIES, _BOUND)
def remove_below_value(series_list: SeriesList, n: float) -> SeriesList:
    """Without values below n."""
    return [_without_below(series, n, "removeBelowValue", n) for series in series_list]


@function("removeAbovePercentile", Group.FILTER_DATA, SERIES, _BOUND)
def remove_above_percentile(series_list: SeriesList, n: float) -> SeriesList:
    """Without values above the series' own n-th percentile."""
    return [
        _marked(_without_above(series, _own(series, n), "removeAbovePercentile", n), series, n)
        for series in series_list
    ]


@function("removeBelowPercentile", Group.FILTER_DATA, SERIES, _BOUND)
def remove_below_percentile(series_list: SeriesList, n: float) -> SeriesList:
    """Without values below the series' own n-th percentile."""
    return [
        _marked(_without_below(series, _own(series, n), "removeBelowPercentile", n), series, n)
        for series in series_list
    ]


def _own(series: TimeSeries, n: float) -> float:
    if not n:
        raise TargetError("the percentile must be greater than 0")
    return float(percentile(series.values[:, None], n)[0])


def _marked(result: TimeSeries, series: TimeSeries, n: float) -> TimeSeries:
    """With the tag of the percentile, where there was one."""
    return result if np.isnan(series.values).all() else result.tagged(nPercentile=n)


def _without_above(series: TimeSeries, bound: float, function_name: str, n: float) -> TimeSeries:
    values = np.where(series.values > bound, np.nan, series.values)
    return series.named(f"{function_name}({series.name}, {n:g})").but(values=values)


def _without_below(series: TimeSeries, bound: float, function_name: str, n: float) -> TimeSeries:
    values = np.where(series.values < bound, np.nan, series.values)
    return series.named(f"{function_name}({series.name}, {n:g})").but(values=values)
