"""Fewer points for a narrow graph: `maxDataPoints`."""

from __future__ import annotations

import math

from gnomon.server.query.graphite.aggregation import consolidate
from gnomon.server.query.graphite.timeseries import SeriesList, TimeSeries


def fitted(series_list: SeriesList, most: int | None) -> SeriesList:
    """Series with at most `most` points, each folded its own way.

    The folded points keep to multiples of their step, so that a graph does not jitter as it moves.
    """
    if not most or not any(len(series) for series in series_list):
        return series_list
    start = min(series.start for series in series_list)
    end = max(series.end for series in series_list)
    return [_fitted(series, most, end - start) for series in series_list]


def _fitted(series: TimeSeries, most: int, duration: int) -> TimeSeries:
    step = series.step
    if most == 1:
        return _folded(series, series.start, 0, max(len(series), 1))
    points = duration / step
    if most >= points:
        return series
    per_point = math.ceil(points / most)
    folded_step = int(per_point * step)
    nudge = folded_step + (series.start % step) - (series.start % folded_step)
    return _folded(series, series.start + nudge, max(int(nudge / step) - 1, 0), per_point)


def _folded(series: TimeSeries, start: int, dropped: int, per_point: int) -> TimeSeries:
    values = consolidate(
        series.values[dropped:], per_point, series.consolidation, series.x_files_factor
    )
    return series.but(start=start, step=series.step * per_point, values=values)
