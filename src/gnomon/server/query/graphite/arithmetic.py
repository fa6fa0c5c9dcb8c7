"""Arithmetic in which what cannot be computed has no value, rather than being infinite."""

from __future__ import annotations

import numpy as np

from gnomon.server.query.graphite.timeseries import Float64s


def divide(dividend: Float64s, divisor: Float64s | float) -> Float64s:
    """No value where the divisor is 0 or missing."""
    safe = np.where(np.asarray(divisor) == 0, np.nan, divisor)
    return dividend / safe


def power(base: Float64s, exponent: Float64s | float) -> Float64s:
    """No value where it is not real (a root of a negative), infinite or too large."""
    raised = np.power(base, exponent)
    overflow = np.isinf(raised) & np.isfinite(base) & np.isfinite(exponent)
    missing = np.isnan(base) | np.isnan(exponent)
    return np.where(overflow | missing, np.nan, raised)
