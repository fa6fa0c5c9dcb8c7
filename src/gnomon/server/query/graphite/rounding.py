"""Rounding to decimals as Python's `round` does it: to the nearest, ties by the exact value."""

from __future__ import annotations

import numpy as np

from gnomon.server.query.graphite.timeseries import Float64s

_EXACT = 2.0**51
"""From here on a double has no decimals left to round, once scaled."""


def rounded(values: Float64s, decimals: int) -> Float64s:
    """NumPy's rounding scales first and so may go the wrong way near a tie; those are done one by one."""
    scaled = values * 10.0**decimals
    result = np.where(np.abs(scaled) < _EXACT, np.round(values, decimals), values)
    near_tie = np.abs(np.abs(scaled - np.trunc(scaled)) - 0.5) < 1e-3
    for place in np.flatnonzero(near_tie):
        result[place] = round(float(values[place]), decimals)
    return result
