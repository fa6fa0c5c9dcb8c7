"""Series in order of what they amount to."""

from __future__ import annotations

import math

from gnomon.server.query.graphite.aggregation import aggregation, over_time
from gnomon.server.query.graphite.timeseries import SeriesList


def ranked(series_list: SeriesList, func: str, *, reverse: bool = False) -> SeriesList:
    """Sorted by an aggregation over time; a series without one counts as minus infinity."""
    aggregation(func)
    return sorted(
        series_list, key=lambda series: rank(over_time(func, series.values)), reverse=reverse
    )


def rank(value: float) -> float:
    """A value to sort by."""
    return -math.inf if math.isnan(value) else value
