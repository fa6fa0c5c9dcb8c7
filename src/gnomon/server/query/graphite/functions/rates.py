"""Functions of how values change from point to point."""

from __future__ import annotations

import numpy as np

from gnomon.server.query.graphite.buckets import interval
from gnomon.server.query.graphite.compression import compressed
from gnomon.server.query.graphite.context import Context
from gnomon.server.query.graphite.declare import SERIES, Group, Param, ParamType, function
from gnomon.server.query.graphite.gaps import filled_forward
from gnomon.server.query.graphite.rounding import rounded
from gnomon.server.query.graphite.timeseries import Float64s, SeriesList, TimeSeries, timestamps

_MAXIMUM = Param("maxValue", ParamType.FLOAT)
_MINIMUM = Param("minValue", ParamType.FLOAT)


def _before(values: Float64s) -> Float64s:
    """Each point's predecessor."""
    previous = np.full(len(values), np.nan)
    previous[1:] = values[:-1]
    return previous


def _growth(values: Float64s, highest: float | None, lowest: float | None) -> Float64s:
    """What a counter grew by; with its bounds known also across a wrap, else none there."""
    if highest is not None:
        values = np.where(values > highest, np.nan, values)
    if lowest is not None:
        values = np.where(values < lowest, np.nan, values)
    previous = _before(values)
    grown = values - previous
    if highest is not None:
        wrapped = highest + 1 + values - previous - (lowest or 0)
    elif lowest is not None:
        wrapped = np.where(np.isnan(previous), np.nan, values - lowest)
    else:
        wrapped = np.full(len(values), np.nan)
    return np.where(values >= previous, grown, wrapped)


@function("derivative", Group.TRANSFORM, SERIES)
def derivative(series_list: SeriesList) -> SeriesList:
    """How much each value differs from the one before."""
    return [
        series.tagged(derivative=1).derived(
            f"derivative({series.name})", series.values - _before(series.values)
        )
        for series in series_list
    ]


@function("nonNegativeDerivative", Group.TRANSFORM, SERIES, _MAXIMUM, _MINIMUM)
def non_negative_derivative(
    series_list: SeriesList,
    maximum: float | None = None,
    minimum: float | None = None,
) -> SeriesList:
    """How much a counter grew from point to point; no value where it was reset.

    With `maxValue`, a counter that falls is taken to have wrapped there (to `minValue` or 0).
    """
    return [
        series.tagged(nonNegativeDerivative=1).derived(
            f"nonNegativeDerivative({series.name})", _growth(series.values, maximum, minimum)
        )
        for series in series_list
    ]


@function("perSecond", Group.TRANSFORM, SERIES, _MAXIMUM, _MINIMUM)
def per_second(
    series_list: SeriesList,
    maximum: float | None = None,
    minimum: float | None = None,
) -> SeriesList:
    """`nonNegativeDerivative` by the step: a counter's rate per second."""
    return [
        series.tagged(perSecond=1).derived(
            f"perSecond({series.name})",
            rounded(_growth(series.values, maximum, minimum) / series.step, 6),
        )
        for series in series_list
    ]


@function("integral", Group.TRANSFORM, SERIES)
def integral(series_list: SeriesList) -> SeriesList:
    """The sum of all values so far."""
    return [
        series.tagged(integral=1).derived(
            f"integral({series.name})",
            np.where(np.isnan(series.values), np.nan, _total(series.values)),
        )
        for series in series_list
    ]


def _total(values: Float64s) -> Float64s:
    return np.cumsum(np.where(np.isnan(values), 0.0, values))


@function(
    "integralByInterval",
    Group.TRANSFORM,
    SERIES,
    Param("intervalUnit", ParamType.STRING, required=True),
)
def integral_by_interval(context: Context, series_list: SeriesList, unit: str) -> SeriesList:
    """The sum of all values since the interval began: `integralByInterval(sales, "1d")`.

    Intervals count from the beginning of the graph.
    """
    seconds = interval(unit.lstrip("+-"))
    return [
        series.tagged(integralByInterval=unit).derived(
            f"integralByInterval({series.name},'{unit}')", _totals(series, seconds, context.start)
        )
        for series in series_list
    ]


def _totals(series: TimeSeries, seconds: int, start: int) -> Float64s:
    number = (timestamps(series) - start) // seconds
    parts = np.split(series.values, np.flatnonzero(np.diff(number)) + 1)
    return np.concatenate([_total(part) for part in parts])


@function("changed", Group.SPECIAL, SERIES)
def changed(series_list: SeriesList) -> SeriesList:
    """1 where the value is another than the last one, 0 elsewhere."""
    return [
        series.named(f"changed({series.name})").but(values=_changes(series.values))
        for series in series_list
    ]


def _changes(values: Float64s) -> Float64s:
    last = _before(filled_forward(values))
    both = ~np.isnan(values) & ~np.isnan(last)
    return (both & (values != last)).astype(np.float64)


@function("compressPeriodicGaps", Group.TRANSFORM, SERIES)
def compress_periodic_gaps(series_list: SeriesList) -> SeriesList:
    """Takes out gaps that come regularly, as of data written less often than its step says."""
    return [
        compressed(series.named(f"compressPeriodicGaps({series.name})")) for series in series_list
    ]
