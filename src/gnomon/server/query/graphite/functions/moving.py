"""Functions over a window that moves along each series.

They read the series from a window's length before the graph, so that it begins with a full window.
"""

from __future__ import annotations

import numpy as np

from gnomon.server.query.graphite.aggregation import aggregation, over_time
from gnomon.server.query.graphite.attime import parse_offset
from gnomon.server.query.graphite.context import Context, Deferred
from gnomon.server.query.graphite.declare import (
    DEFERRED,
    X_FILES_FACTOR,
    Group,
    Param,
    ParamType,
    function,
)
from gnomon.server.query.graphite.rounding import rounded
from gnomon.server.query.graphite.timeseries import Float64s, SeriesList, TimeSeries
from gnomon.server.query.graphite.windows import moving

_WINDOW = Param(
    "windowSize",
    ParamType.INTEGER_OR_INTERVAL,
    required=True,
    suggestions=(5, 7, 10, "1min", "5min", "10min", "30min", "1hour"),
)
Window = int | float | str


class _Preview:
    """Series from a window before the graph, and what the window is in seconds and in points."""

    def __init__(self, context: Context, series: Deferred, window: Window) -> None:
        self.window = window
        shown = series.series()
        if isinstance(window, str):
            self.seconds = abs(parse_offset(window))
        else:
            self.seconds = max((one.step for one in shown), default=0) * int(window)
        self.series = series.over(context.start - self.seconds, context.end) if shown else []

    def points(self, series: TimeSeries) -> int:
        """The window in points of this series."""
        if isinstance(self.window, str):
            return self.seconds // series.step
        return int(self.window)

    def name(self, function_name: str, series: TimeSeries) -> str:
        """What the result is called."""
        window = f'"{self.window}"' if isinstance(self.window, str) else self.window
        return f"{function_name}({series.name},{window})"


@function(
    "movingWindow",
    Group.CALCULATE,
    DEFERRED,
    _WINDOW,
    Param("func", ParamType.AGGREGATION, default="average"),
    X_FILES_FACTOR,
)
def moving_window(
    context: Context,
    series: Deferred,
    window: Window,
    func: str = "average",
    x_files_factor: float | None = None,
) -> SeriesList:
    """The aggregation of the last so many points, or of the last `"5min"`, at each point."""
    aggregation(func)
    preview = _Preview(context, series, window)
    tag = "moving" + func.capitalize()
    results: SeriesList = []
    for one in preview.series:
        factor = one.x_files_factor if x_files_factor is None else x_files_factor
        results.append(
            one.tagged(**{tag: window}).derived(
                preview.name(tag, one),
                moving(one.values[1:], preview.points(one), func, factor),
                start=one.start + preview.seconds,
            )
        )
    return results


@function("movingAverage", Group.CALCULATE, DEFERRED, _WINDOW, X_FILES_FACTOR)
def moving_average(
    context: Context, series: Deferred, window: Window, x_files_factor: float | None = None
) -> SeriesList:
    """The average of the last so many points, or of the last `"5min"`, at each point."""
    return moving_window(context, series, window, "average", x_files_factor)


@function("movingMedian", Group.CALCULATE, DEFERRED, _WINDOW, X_FILES_FACTOR)
def moving_median(
    context: Context, series: Deferred, window: Window, x_files_factor: float | None = None
) -> SeriesList:
    """The median of the last so many points, or of the last `"5min"`, at each point."""
    return moving_window(context, series, window, "median", x_files_factor)


@function("movingSum", Group.CALCULATE, DEFERRED, _WINDOW, X_FILES_FACTOR)
def moving_sum(
    context: Context, series: Deferred, window: Window, x_files_factor: float | None = None
) -> SeriesList:
    """The sum of the last so many points, or of the last `"5min"`, at each point."""
    return moving_window(context, series, window, "sum", x_files_factor)


@function("movingMin", Group.CALCULATE, DEFERRED, _WINDOW, X_FILES_FACTOR)
def moving_min(
    context: Context, series: Deferred, window: Window, x_files_factor: float | None = None
) -> SeriesList:
    """The smallest of the last so many points, or of the last `"5min"`, at each point."""
    return moving_window(context, series, window, "min", x_files_factor)


@function("movingMax", Group.CALCULATE, DEFERRED, _WINDOW, X_FILES_FACTOR)
def moving_max(
    context: Context, series: Deferred, window: Window, x_files_factor: float | None = None
) -> SeriesList:
    """The largest of the last so many points, or of the last `"5min"`, at each point."""
    return moving_window(context, series, window, "max", x_files_factor)


@function("exponentialMovingAverage", Group.CALCULATE, DEFERRED, _WINDOW)
def exponential_moving_average(context: Context, series: Deferred, window: Window) -> SeriesList:
    """An average in which older points weigh ever less; it begins at that of the first window."""
    preview = _Preview(context, series, window)
    size = preview.seconds if isinstance(window, str) else int(window)
    return [
        one.tagged(exponentialMovingAverage=window).derived(
            preview.name("exponentialMovingAverage", one),
            _smoothed(one.values, preview.points(one), 2.0 / (size + 1)),
            start=one.start + preview.seconds,
        )
        for one in preview.series
    ]


def _smoothed(values: Float64s, points: int, weight: float) -> Float64s:
    """Each value depends on the one before it, so this one is a loop, over plain floats."""
    average = over_time("average", values[:points]) if points > 0 else 0.0
    average = 0.0 if np.isnan(average) else average
    smoothed = [average]
    for value in values[max(points, 0) :].tolist():
        if value == value:  # noqa: PLR0124  # NaN is not itself
            average = weight * value + (1 - weight) * average
            smoothed.append(average)
        else:
            smoothed.append(np.nan)
    return rounded(np.array(smoothed), 6)
