"""Quantiles of many small sets of values at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gnomon.server.query.promql.text import format_short
from gnomon.server.query.promql.value import Scalar
from gnomon.server.query.series import Float64s, Int64s


def quantiles(values: Float64s, counts: Int64s, wanted: Float64s) -> Float64s:
    """One quantile for each row: of its first `counts` values, the rest being NaN.

    Between two values it is interpolated. A NaN value counts as the smallest. Outside 0..1 it is
    an infinity, as Prometheus has it.
    """
    ordered = np.sort(values, axis=1)
    blank = np.isnan(ordered).sum(axis=1) - (ordered.shape[1] - counts)
    rank = np.clip(wanted, 0.0, 1.0) * (counts - 1)
    below = np.nan_to_num(np.floor(rank)).astype(np.int64)
    above = np.minimum(below + 1, counts - 1)
    weight = rank - below
    result = _at(ordered, below, blank) * (1 - weight) + _at(ordered, above, blank) * weight
    result = np.where(wanted < 0, -np.inf, np.where(wanted > 1, np.inf, result))
    return np.where(np.isnan(wanted) | (counts == 0), np.nan, result)


def check_quantiles(wanted: Scalar, warn: Callable[[str], None]) -> None:
    """Warns of a quantile outside 0..1."""
    wrong = wanted[~((wanted >= 0) & (wanted <= 1))]
    for value in dict.fromkeys(format_short(float(one)) for one in wrong):
        warn(f"quantile value should be between 0 and 1, got {value}")


def _at(ordered: Float64s, position: Int64s, blank: Int64s) -> Float64s:
    """The value at a position when the blank ones (NaN, sorted last) are counted first."""
    index = np.maximum(position - blank, 0)[:, None]
    found = np.take_along_axis(ordered, np.minimum(index, ordered.shape[1] - 1), axis=1)[:, 0]
    return np.where(position < blank, np.nan, found)
