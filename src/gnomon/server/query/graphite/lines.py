"""Lines several families draw: a constant, an area."""

from __future__ import annotations

from gnomon.server.query.graphite.context import Context
from gnomon.server.query.graphite.grammar import TargetError
from gnomon.server.query.graphite.timeseries import SeriesList, TimeSeries, floats


def constant(context: Context, value: float) -> TimeSeries:
    """A horizontal line of three points, called by its value."""
    return TimeSeries(
        str(value),
        context.start,
        context.end,
        int((context.end - context.start) / 2.0),
        floats([value] * 3),
        path_expression=f"constantLine({value})",
        x_files_factor=context.state.x_files_factor,
    )


def area_between(series_list: SeriesList) -> SeriesList:
    """Two series to be drawn as the area between them; both get the name and tags of the upper."""
    if len(series_list) != 2:
        raise TargetError(f"areaBetween() takes exactly 2 series, got {len(series_list)}")
    lower, upper = series_list
    upper = upper.tagged(areaBetween=1)
    name = f"areaBetween({upper.path_expression})"
    return [
        lower.but(name=name, tags=upper.tags).drawn(stacked=True, invisible=True),
        upper.but(name=name).drawn(stacked=True),
    ]
