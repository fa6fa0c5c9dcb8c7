"""Functions that change the values of each series on their own."""

from __future__ import annotations

import numpy as np

from gnomon.server.query.graphite.aggregation import count_values
from gnomon.server.query.graphite.arithmetic import power
from gnomon.server.query.graphite.declare import SERIES, Group, Param, ParamType, function
from gnomon.server.query.graphite.gaps import filled, interpolated
from gnomon.server.query.graphite.grammar import TargetError
from gnomon.server.query.graphite.normalize import stacked
from gnomon.server.query.graphite.rounding import rounded
from gnomon.server.query.graphite.timeseries import Float64s, Int64s, SeriesList, nothing

_FACTOR = Param("factor", ParamType.FLOAT, required=True)
_LIMIT = Param("limit", ParamType.INTEGER_OR_INFINITY, default=float("inf"))


@function("scale", Group.TRANSFORM, SERIES, _FACTOR)
def scale(series_list: SeriesList, factor: float) -> SeriesList:
    """Multiplies each value: `scale(disk.bytes, 8)`."""
    return [
        series.named(f"scale({series.name},{factor:g})")
        .but(values=series.values * factor)
        .tagged(scale=factor)
        for series in series_list
    ]


@function(
    "scaleToSeconds", Group.TRANSFORM, SERIES, Param("seconds", ParamType.FLOAT, required=True)
)
def scale_to_seconds(series_list: SeriesList, seconds: float) -> SeriesList:
    """Values per so many seconds, whatever the step: `scaleToSeconds(requests.count, 1)`."""
    return [
        series.named(f"scaleToSeconds({series.name},{int(seconds)})")
        .but(values=rounded(series.values * (seconds / series.step), 6))
        .tagged(scaleToSeconds=seconds)
        for series in series_list
    ]


@function("add", Group.TRANSFORM, SERIES, Param("constant", ParamType.FLOAT, required=True))
def add(series_list: SeriesList, constant: float) -> SeriesList:
    """Adds a constant to each value."""
    return [
        series.named(f"add({series.name},{int(constant)})")
        .but(values=series.values + constant)
        .tagged(add=constant)
        for series in series_list
    ]


@function("offset", Group.TRANSFORM, SERIES, _FACTOR)
def offset(series_list: SeriesList, factor: float) -> SeriesList:
    """Adds a constant to each value; the older name of `add`."""
    return [
        series.named(f"offset({series.name},{factor:g})")
        .but(values=series.values + factor)
        .tagged(offset=factor)
        for series in series_list
    ]


@function("offsetToZero", Group.TRANSFORM, SERIES)
def offset_to_zero(series_list: SeriesList) -> SeriesList:
    """Subtracts each series' smallest value, so that all begin at zero."""
    shifted: SeriesList = []
    for series in series_list:
        least = float(np.fmin.reduce(series.values, initial=np.nan))
        shifted.append(
            series.named(f"offsetToZero({series.name})")
            .but(values=series.values - least)
            .tagged(offsetToZero=None if np.isnan(least) else least)
        )
    return shifted


@function("absolute", Group.TRANSFORM, SERIES)
def absolute(series_list: SeriesList) -> SeriesList:
    """The value without its sign."""
    return [
        series.named(f"absolute({series.name})")
        .but(values=np.abs(series.values))
        .tagged(absolute=1)
        for series in series_list
    ]


@function("invert", Group.TRANSFORM, SERIES)
def invert(series_list: SeriesList) -> SeriesList:
    """One divided by each value."""
    return [
        series.named(f"invert({series.name})")
        .but(values=power(series.values, -1.0))
        .tagged(invert=1)
        for series in series_list
    ]


@function("pow", Group.TRANSFORM, SERIES, _FACTOR)
def pow_(series_list: SeriesList, factor: float) -> SeriesList:
    """Each value to a power: `pow(a.b, 2)`."""
    return [
        series.named(f"pow({series.name},{factor:g})")
        .but(values=power(series.values, factor))
        .tagged(pow=factor)
        for series in series_list
    ]


@function("squareRoot", Group.TRANSFORM, SERIES)
def square_root(series_list: SeriesList) -> SeriesList:
    """The square root of each value; of a negative one there is none."""
    return [
        series.named(f"squareRoot({series.name})")
        .but(values=power(series.values, 0.5))
        .tagged(squareRoot=1)
        for series in series_list
    ]


@function("exp", Group.TRANSFORM, SERIES)
def exp(series_list: SeriesList) -> SeriesList:
    """E to the power of each value."""
    return [
        series.named(f"exp({series.name})").but(values=np.exp(series.values)).tagged(exp="e")
        for series in series_list
    ]


@function("sigmoid", Group.TRANSFORM, SERIES)
def sigmoid(series_list: SeriesList) -> SeriesList:
    """1 / (1 + exp(-x)) of each value: anything becomes 0 to 1."""
    return [
        series.named(f"sigmoid({series.name})")
        .but(values=1 / (1 + np.exp(-series.values)))
        .tagged(sigmoid="sigmoid")
        for series in series_list
    ]


@function("logit", Group.TRANSFORM, SERIES)
def logit(series_list: SeriesList) -> SeriesList:
    """log(x / (1 - x)) of each value between 0 and 1."""
    return [
        series.named(f"logit({series.name})")
        .but(values=_logit(series.values))
        .tagged(logit="logit")
        for series in series_list
    ]


def _logit(values: Float64s) -> Float64s:
    odds = values / (1 - values)
    return np.log(np.where((odds > 0) & np.isfinite(odds), odds, np.nan))


@function(
    "log",
    Group.TRANSFORM,
    SERIES,
    Param("base", ParamType.INTEGER, default=10, accepts=ParamType.NUMBER),
)
def logarithm(series_list: SeriesList, base: float = 10) -> SeriesList:
    """The logarithm of each value, for a logarithmic axis: `log(a.b, 2)`."""
    if base <= 0 or base == 1:
        raise TargetError(f"log(): {base} is no base of a logarithm")
    return [
        series.tagged(log=base).derived(
            f"log({series.name}, {base})",
            np.log(np.where(series.values > 0, series.values, np.nan)) / np.log(base),
        )
        for series in series_list
    ]


@function("round", Group.TRANSFORM, SERIES, Param("precision", ParamType.INTEGER, default=0))
def round_(series_list: SeriesList, precision: int | None = None) -> SeriesList:
    """Rounds each value to so many decimals, half to even."""
    suffix = "" if precision is None else f",{precision:g}"
    return [
        series.named(f"round({series.name}{suffix})")
        .but(values=rounded(series.values, precision or 0))
        .tagged(round=precision or 0)
        for series in series_list
    ]


@function("minMax", Group.TRANSFORM, SERIES)
def min_max(series_list: SeriesList) -> SeriesList:
    """Scales each series to 0 (its smallest value) to 1 (its largest)."""
    scaled: SeriesList = []
    for series in series_list:
        least = np.fmin.reduce(series.values, initial=np.nan)
        span = np.fmax.reduce(series.values, initial=np.nan) - least
        values = (series.values - least) / span if span else series.values * 0.0
        scaled.append(series.named(f"minMax({series.name})").but(values=values))
    return scaled


@function("delay", Group.TRANSFORM, SERIES, Param("steps", ParamType.INTEGER, required=True))
def delay(series_list: SeriesList, steps: int) -> SeriesList:
    """Moves values so many points to the right (to the left when negative)."""
    delayed: SeriesList = []
    for series in series_list:
        points = len(series)
        values = nothing(points)
        if steps < 0:
            values[: max(points + steps, 0)] = series.values[-steps:]
        elif steps > 0:
            values[steps:] = series.values[: max(points - steps, 0)]
        else:  # `values[:-0]` is nothing at all upstream
            values = nothing(0)
        delayed.append(series.tagged(delay=steps).derived(f"delay({series.name},{steps})", values))
    return delayed


@function("keepLastValue", Group.TRANSFORM, SERIES, _LIMIT)
def keep_last_value(series_list: SeriesList, limit: float = float("inf")) -> SeriesList:
    """Fills gaps of at most `limit` points with the value before them."""
    return [
        series.named(f"keepLastValue({series.name})").but(values=filled(series.values, limit))
        for series in series_list
    ]


@function("interpolate", Group.TRANSFORM, SERIES, _LIMIT)
def interpolate(series_list: SeriesList, limit: float = float("inf")) -> SeriesList:
    """Fills gaps of at most `limit` points with a straight line."""
    return [
        series.named(f"interpolate({series.name})").but(values=interpolated(series.values, limit))
        for series in series_list
    ]


@function(
    "transformNull",
    Group.TRANSFORM,
    SERIES,
    Param("default", ParamType.FLOAT, default=0),
    Param("referenceSeries", ParamType.SERIES_LIST),
)
def transform_null(
    series_list: SeriesList,
    default: float = 0,
    reference: SeriesList | None = None,
) -> SeriesList:
    """Puts a value where there is none; with reference series, only where one of those has one."""
    suffix = ",referenceSeries" if reference else ""
    marks = {"referenceSeries": 1} if reference else {}
    there = count_values(stacked([one.values for one in reference])) if reference else None
    return [
        series.named(f"transformNull({series.name},{default:g}{suffix})")
        .but(values=_defaulted(series.values, default, there))
        .tagged(transformNull=default, **marks)
        for series in series_list
    ]


def _defaulted(values: Float64s, default: float, there: Int64s | None) -> Float64s:
    if there is None:
        return np.where(np.isnan(values), default, values)
    both = stacked([values, np.where(there > 0, default, np.nan)])
    filled_up = np.where(np.isnan(both[:1]), both[1:], both[:1]).ravel()
    return filled_up[
        len(filled_up) - len(values) :
    ]  # where the reference is longer, its end counts


@function("isNonNull", Group.TRANSFORM, SERIES)
def is_non_null(series_list: SeriesList) -> SeriesList:
    """1 where there is a value and 0 where there is none: `sumSeries(isNonNull(a.*))` counts."""
    return [
        series.named(f"isNonNull({series.name})")
        .but(values=(~np.isnan(series.values)).astype(np.float64))
        .tagged(isNonNull=1)
        for series in series_list
    ]
