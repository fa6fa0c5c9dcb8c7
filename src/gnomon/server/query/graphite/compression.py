"""Finds the step that a series with regular gaps really has."""

from __future__ import annotations

import numpy as np

from gnomon.server.query.graphite.buckets import summarized
from gnomon.server.query.graphite.timeseries import Float64s, TimeSeries


def compressed(series: TimeSeries) -> TimeSeries:
    """With one point for each of the first gaps' interval; untouched where that cannot be told."""
    first, step = _period(series.values)
    if not step:
        return series
    seconds = step * series.step
    start = series.start + first * series.step
    values = summarized(series, "last", seconds, start, series.end).values
    return series.derived(
        series.name, values, start=start, end=start + seconds * (len(values) - 1), step=seconds
    ).but(path_expression=series.path_expression)


def _period(values: Float64s) -> tuple[int, int]:
    """The first value's place and the distance to the next, if the third is where that foretells.

    As upstream: zeros are no values here, and a value at the very beginning is passed over.
    """
    places = [int(place) for place in np.flatnonzero(np.nan_to_num(values))[:3]]
    if places and places[0] == 0:
        places = places[1:]
    if len(places) < 2:
        return 0, 0
    first, second = places[:2]
    distance = second - first
    third = second + distance
    if distance < 2 or third > len(values) - 2:
        return 0, 0
    alone = np.isnan(values[third - 1]) and np.isnan(values[third + 1])
    there = bool(np.nan_to_num(values[third]))
    return (first, distance) if there and alone else (0, 0)
