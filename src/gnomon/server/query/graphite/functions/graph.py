"""Functions of how series are drawn."""

from __future__ import annotations

import numpy as np

from gnomon.server.query.graphite.attime import parse_time
from gnomon.server.query.graphite.context import Context
from gnomon.server.query.graphite.declare import SERIES, Group, Param, ParamType, function
from gnomon.server.query.graphite.grammar import TargetError
from gnomon.server.query.graphite.lines import area_between as between
from gnomon.server.query.graphite.lines import constant
from gnomon.server.query.graphite.timeseries import SeriesList, TimeSeries

_LABEL = Param("label", ParamType.STRING)
_COLOR = Param("color", ParamType.STRING)
_DEFAULT_STACK = "__DEFAULT__"


@function("alpha", Group.GRAPH, SERIES, Param("alpha", ParamType.FLOAT, required=True))
def alpha(series_list: SeriesList, opacity: float) -> SeriesList:
    """Draws with this opacity, 0 to 1."""
    return [series.drawn(alpha=opacity) for series in series_list]


@function("color", Group.GRAPH, SERIES, Param("theColor", ParamType.STRING, required=True))
def color(series_list: SeriesList, name: str) -> SeriesList:
    """Draws in this colour, `"green"` or `"00ff00"`."""
    return [series.drawn(color=name) for series in series_list]


@function("lineWidth", Group.GRAPH, SERIES, Param("width", ParamType.FLOAT, required=True))
def line_width(series_list: SeriesList, width: float) -> SeriesList:
    """Draws lines this wide, in pixels."""
    return [series.drawn(lineWidth=width) for series in series_list]


@function(
    "dashed",
    Group.GRAPH,
    SERIES,
    Param("dashLength", ParamType.INTEGER, default=5, accepts=ParamType.NUMBER),
)
def dashed(series_list: SeriesList, length: float = 5) -> SeriesList:
    """Draws dashes of this length, in pixels."""
    return [
        series.but(name=f"dashed({series.name}, {length:g})")
        .tagged(dashed=length)
        .drawn(dashed=length)
        for series in series_list
    ]


@function("drawAsInfinite", Group.GRAPH, SERIES)
def draw_as_infinite(series_list: SeriesList) -> SeriesList:
    """Draws a vertical line wherever the value is not zero: for deploys and other events."""
    return [
        series.but(name=f"drawAsInfinite({series.name})")
        .tagged(drawAsInfinite=1)
        .drawn(drawAsInfinite=True)
        for series in series_list
    ]


@function("secondYAxis", Group.GRAPH, SERIES)
def second_y_axis(series_list: SeriesList) -> SeriesList:
    """Draws against an axis of its own at the right."""
    return [
        series.but(name=f"secondYAxis({series.name})").tagged(secondYAxis=1).drawn(secondYAxis=True)
        for series in series_list
    ]


@function("areaBetween", Group.GRAPH, SERIES)
def area_between(series_list: SeriesList) -> SeriesList:
    """Fills the area between exactly two series."""
    return between(series_list)


@function("stacked", Group.GRAPH, SERIES, Param("stack", ParamType.STRING))
def stacked(
    context: Context, series_list: SeriesList, stack: str | None = _DEFAULT_STACK
) -> SeriesList:
    """Adds each series to those before it in the same stack, and draws the areas between them."""
    name = _DEFAULT_STACK if stack is None else stack
    return [_on_stack(context, series, name) for series in series_list]


def _on_stack(context: Context, series: TimeSeries, stack: str) -> TimeSeries:
    total = np.zeros(max(len(series), len(context.state.stacks.get(stack, ()))))
    before = context.state.stacks.get(stack, total)
    total[: len(before)] = before
    there = ~np.isnan(series.values)
    total[: len(series)] += np.where(there, series.values, 0.0)
    context.state.stacks[stack] = total
    values = np.where(there, total[: len(series)], np.nan)
    if stack == _DEFAULT_STACK:
        series = series.tagged(stacked=stack).but(name=f"stacked({series.name})")
    return series.derived(series.name, values).drawn(stacked=True)


@function("threshold", Group.GRAPH, Param("value", ParamType.FLOAT, required=True), _LABEL, _COLOR)
def threshold(
    context: Context, value: float, label: str | None = None, colour: str | None = None
) -> SeriesList:
    """A horizontal line with a name and a colour: `threshold(80, "too hot", "red")`."""
    line = constant(context, value)
    if label:
        line = line.but(name=label)
    return [line.drawn(color=colour) if colour else line]


@function("verticalLine", Group.GRAPH, Param("ts", ParamType.DATE, required=True), _LABEL, _COLOR)
def vertical_line(
    context: Context, when: str | int, label: str | None = None, colour: str | None = None
) -> SeriesList:
    """A vertical line at a time within the graph: `verticalLine("12:30_20261120", "deploy")`."""
    at = parse_time(str(when), context.zone, context.now)
    if not context.start <= at <= context.end:
        side = "before the start" if at < context.start else "after the end"
        raise TargetError(f"verticalLine(): the time {at} is {side} of the graph")
    line = TimeSeries(
        label or "",
        at,
        at,
        1,
        np.ones(2),
        x_files_factor=context.state.x_files_factor,
    ).drawn(drawAsInfinite=True)
    return [line.drawn(color=colour) if colour else line]
