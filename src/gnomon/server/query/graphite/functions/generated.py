"""Functions that draw lines out of nothing, to try graphs with."""

from __future__ import annotations

import numpy as np

from gnomon.server.query.graphite.context import Context
from gnomon.server.query.graphite.declare import Group, Param, ParamType, function
from gnomon.server.query.graphite.grammar import TargetError
from gnomon.server.query.graphite.timeseries import Float64s, SeriesList, TimeSeries

_NAME = Param("name", ParamType.STRING, required=True)
_STEP = Param("step", ParamType.INTEGER, default=60)


def _times(context: Context, step: int) -> Float64s:
    if step <= 0:
        raise TargetError("the step must be at least one second")
    return np.arange(context.start, context.end, step, dtype=np.float64)


def _line(context: Context, name: str, step: int, values: Float64s) -> SeriesList:
    factor = context.state.x_files_factor
    return [TimeSeries(name, context.start, context.end, step, values, x_files_factor=factor)]


@function("timeFunction", Group.TRANSFORM, _NAME, _STEP, aliases=("time",))
def time_function(context: Context, name: str, step: int = 60) -> SeriesList:
    """A line whose value is its time."""
    return _line(context, name, step, _times(context, step))


@function(
    "sinFunction",
    Group.TRANSFORM,
    _NAME,
    Param("amplitude", ParamType.INTEGER, default=1, accepts=ParamType.NUMBER),
    _STEP,
    aliases=("sin",),
)
def sin_function(context: Context, name: str, amplitude: float = 1, step: int = 60) -> SeriesList:
    """The sine of the time in seconds, times an amplitude."""
    return _line(context, name, step, np.sin(_times(context, step)) * amplitude)


@function("randomWalkFunction", Group.SPECIAL, _NAME, _STEP, aliases=("randomWalk",))
def random_walk_function(context: Context, name: str, step: int = 60) -> SeriesList:
    """A line that begins at 0 and goes up or down by less than a half at each point."""
    points = len(_times(context, step))
    walk = np.cumsum(context.random(points) - 0.5)
    return _line(context, name, step, np.concatenate([[0.0], walk])[:points])
