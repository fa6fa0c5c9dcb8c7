"""Percentiles as Graphite ranks them: n/100 of one more than there are values."""

from __future__ import annotations

import numpy as np

from gnomon.server.query.graphite.aggregation import count_values
from gnomon.server.query.graphite.timeseries import Float64s


def percentile(values: Float64s, n: float, *, interpolate: bool = False) -> Float64s:
    """The n-th percentile of each column of a k x n array; NaN where a column has no value."""
    if not len(values):
        return np.full(values.shape[1:], np.nan)
    ordered = np.sort(values, axis=0)  # NaN comes last
    counts = count_values(values)
    exact = (n / 100.0) * (counts + 1)
    rank = exact.astype(np.int64)
    fraction = exact - rank
    if not interpolate:
        rank = rank + np.ceil(fraction).astype(np.int64)
    columns = np.arange(values.shape[1], dtype=np.int64)
    top = np.maximum(counts - 1, 0)
    found = ordered[np.clip(rank - 1, 0, top), columns]
    if interpolate:
        following = ordered[np.clip(rank, 0, top), columns]
        found = np.where(rank < counts, found + fraction * (following - found), found)
    return np.where(counts > 0, found, np.nan)
