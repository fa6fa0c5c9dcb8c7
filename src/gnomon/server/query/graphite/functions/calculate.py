"""Functions that compute a line from a whole series: percentiles, deviation, regression."""

from __future__ import annotations

import math

import numpy as np

from gnomon.server.query.graphite.aggregation import aggregation, over_time
from gnomon.server.query.graphite.attime import parse_time
from gnomon.server.query.graphite.context import Context, Deferred
from gnomon.server.query.graphite.declare import (
    DEFERRED,
    SERIES,
    Group,
    Param,
    ParamType,
    function,
)
from gnomon.server.query.graphite.grammar import TargetError
from gnomon.server.query.graphite.lines import constant
from gnomon.server.query.graphite.percentile import percentile
from gnomon.server.query.graphite.timeseries import (
    Float64s,
    SeriesList,
    TimeSeries,
    floats,
    timestamps,
)


@function(
    "aggregateLine",
    Group.CALCULATE,
    SERIES,
    Param("func", ParamType.AGGREGATION, default="average"),
    Param("keepStep", ParamType.BOOLEAN, default=False),
)
def aggregate_line(
    context: Context,
    series_list: SeriesList,
    func: str = "average",
    keep_step: bool = False,  # positional in targets
) -> SeriesList:
    """A horizontal line at each series' aggregation over time: `aggregateLine(load, "max")`."""
    aggregation(func)
    return [_level(context, series, func, keep_step=keep_step) for series in series_list]


def _level(context: Context, series: TimeSeries, func: str, *, keep_step: bool) -> TimeSeries:
    value = over_time(func, series.values)
    text = "None" if math.isnan(value) else f"{value:g}"
    name = f"aggregateLine({series.name}, {text})"
    if keep_step:
        return series.derived(name, np.full(len(series), value))
    line = constant(context, int(value) if func == "count" else value)
    called = "None" if math.isnan(value) else line.name
    return line.but(name=name, path_expression=name, tags={"name": called})


@function("nPercentile", Group.CALCULATE, SERIES, Param("n", ParamType.FLOAT, required=True))
def n_percentile(series_list: SeriesList, n: float) -> SeriesList:
    """A horizontal line at each series' n-th percentile; series without values are left out."""
    if not n:
        raise TargetError("the percentile must be greater than 0")
    results: SeriesList = []
    for series in series_list:
        level = percentile(series.values[:, None], n)[0]
        if not np.isnan(level):
            points = max(int((series.end - series.start) / series.step), 0)
            results.append(
                series.tagged(nPercentile=n).derived(
                    f"nPercentile({series.name}, {n:g})", np.full(points, level)
                )
            )
    return results


@function(
    "stdev",
    Group.CALCULATE,
    SERIES,
    Param("points", ParamType.INTEGER, required=True),
    Param("windowTolerance", ParamType.FLOAT, default=0.1),
)
def stdev(series_list: SeriesList, points: int, tolerance: float = 0.1) -> SeriesList:
    """The standard deviation of the last so many points, where at least a share of them is there."""
    if points <= 0:
        raise TargetError("stdev(): a window has at least one point")
    return [
        series.tagged(stdev=points).derived(
            f"stdev({series.name},{points})", _moving_deviation(series.values, points, tolerance)
        )
        for series in series_list
    ]


def _moving_deviation(values: Float64s, points: int, tolerance: float) -> Float64s:
    """From running sums of values and of their squares, in upstream's order of operations."""
    present = (~np.isnan(values)).astype(np.float64)
    known = np.where(np.isnan(values), 0.0, values)
    counts = _running(present, points)
    total, squares = _running(known, points), _running(known**2, points)
    deviation = np.sqrt(counts * squares - total**2) / counts
    return np.where((counts > 0) & (counts / points >= tolerance), deviation, np.nan)


def _running(values: Float64s, points: int) -> Float64s:
    """The sum of the last `points`: at each place what drops out is taken off, then the new added."""
    changes = np.zeros(2 * len(values))
    changes[1::2] = values
    changes[2 * points :: 2] = -values[: max(len(values) - points, 0)]
    return np.cumsum(changes)[1::2]


@function(
    "linearRegression",
    Group.CALCULATE,
    DEFERRED,
    Param("startSourceAt", ParamType.DATE),
    Param("endSourceAt", ParamType.DATE),
)
def linear_regression(
    context: Context,
    series: Deferred,
    start: str | int | None = None,
    end: str | int | None = None,
) -> SeriesList:
    """The straight line that fits each series best, over the graph or another time range."""
    first = context.start if start is None else parse_time(str(start), context.zone, context.now)
    last = context.end if end is None else parse_time(str(end), context.zone, context.now)
    results: SeriesList = []
    for source, shown in zip(series.over(first, last), series.series(), strict=False):
        fit = _fit(source)
        if fit is not None:
            slope, level = fit
            name = f"linearRegression({shown.name}, {first}, {last})"
            results.append(
                shown.tagged(linearRegressions=f"{first}, {last}").derived(
                    name, floats(level + timestamps(shown) * slope), consolidation="average"
                )
            )
    return results


def _fit(series: TimeSeries) -> tuple[float, float] | None:
    """Slope per second and level at the epoch by least squares; None for fewer than two values."""
    places = np.flatnonzero(~np.isnan(series.values)).astype(np.float64)
    values = series.values[~np.isnan(series.values)]
    count = len(places)
    # The level is far below the first point, so every bit counts: add in upstream's order.
    sum_i, sum_ii, sum_v, sum_iv = (
        float(np.cumsum(terms)[-1]) if count else 0.0
        for terms in (places, places * places, values, places * values)
    )
    denominator = count * sum_ii - sum_i * sum_i
    if denominator == 0:
        return None
    slope = (count * sum_iv - sum_i * sum_v) / denominator / series.step
    level = (sum_ii * sum_v - sum_iv * sum_i) / denominator - slope * series.start
    return slope, level


@function("identity", Group.CALCULATE, Param("name", ParamType.STRING, required=True))
def identity(context: Context, name: str) -> SeriesList:
    """A line whose value is its time, a point each minute."""
    values = np.arange(context.start, context.end, 60, dtype=np.float64)
    return [
        TimeSeries(
            name,
            context.start,
            context.end,
            60,
            values,
            path_expression=f'identity("{name}")',
            x_files_factor=context.state.x_files_factor,
        )
    ]
