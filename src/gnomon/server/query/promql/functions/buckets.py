"""Quantiles and fractions of classic histograms.

Shapes: buckets x columns, a column being one histogram at one time; the bounds ascend and are the
same for all columns.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from gnomon.server.query.promql.text import format_short
from gnomon.server.query.promql.value import Bools
from gnomon.server.query.series import Float64s

_TOLERANCE = 1e-12
"""Relative differences between neighbouring buckets below this are rounding."""
_SMALLEST_NORMAL = 2.2250738585072014e-308


class Fixed(NamedTuple):
    """What had to be changed to make the buckets of some columns rise."""

    lowest: float
    highest: float
    difference: float
    first: int
    """Milliseconds."""
    last: int
    samples: int = 1

    def joined(self, other: Fixed) -> Fixed:
        """Both together."""
        return Fixed(
            min(self.lowest, other.lowest),
            max(self.highest, other.highest),
            max(self.difference, other.difference),
            min(self.first, other.first),
            max(self.last, other.last),
            self.samples + other.samples,
        )

    def describe(self) -> str:
        """For the remark."""
        begin, end = (
            datetime.fromtimestamp(time // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            for time in (self.first, self.last)
        )
        return (
            f", from buckets {format_short(self.lowest)} to {format_short(self.highest)}, with a "
            f"max diff of {self.difference:.2g}, over {self.samples} samples from {begin} to {end}"
        )


class Changes(NamedTuple):
    """For each column, what was forced to rise."""

    forced: Bools
    lowest: Float64s
    highest: Float64s
    difference: Float64s

    def at(self, column: int, time: int) -> Fixed:
        """Of one column."""
        return Fixed(
            float(self.lowest[column]),
            float(self.highest[column]),
            float(self.difference[column]),
            time,
            time,
        )


def bucket_quantile(
    wanted: Float64s, bounds: Float64s, counts: Float64s
) -> tuple[Float64s, Changes]:
    """The quantile of each column; linear within a bucket, whose lower bound is the next below.

    NaN without a bucket `+Inf`, with fewer than two buckets, or without observations.
    """
    bounds, counts = _coalesced(bounds, counts)
    columns = int(counts.shape[1])
    if not np.isposinf(bounds[-1]):
        none = np.zeros(columns)
        changes = Changes(none > 0, none, none, none)
        return _outside(np.full(columns, np.nan), wanted), changes
    counts, changes = _rising(bounds, counts)
    if len(bounds) < 2:
        return _outside(np.full(columns, np.nan), wanted), changes
    total = counts[-1]
    rank = wanted * total
    at = np.argmax(counts[:-1] >= rank, axis=0)
    at = np.where((counts[:-1] >= rank).any(axis=0), at, len(bounds) - 1)
    column = np.arange(columns, dtype=np.int64)
    below = np.maximum(at - 1, 0)
    start = np.where(at > 0, bounds[below], 0.0)
    before = np.where(at > 0, counts[below, column], 0.0)
    share = (rank - before) / (counts[at, column] - before)
    result: Float64s = start + (bounds[at] - start) * share
    result = np.where((at == 0) & (bounds[0] <= 0), bounds[0], result)
    result = np.where(at == len(bounds) - 1, bounds[-2], result)
    result = np.where(total == 0, np.nan, result)
    return _outside(result, wanted), changes


def bucket_fraction(low: Float64s, high: Float64s, bounds: Float64s, counts: Float64s) -> Float64s:
    """The share of observations between two values; NaN without any, or without a bucket `+Inf`."""
    bounds, counts = _coalesced(bounds, counts)
    share = np.full(counts.shape[1], np.nan)
    if np.isposinf(bounds[-1]):
        share[:] = (_rank(high, bounds, counts) - _rank(low, bounds, counts)) / counts[-1]
        share[low >= high] = 0.0
        share[(counts[-1] == 0) | np.isnan(low) | np.isnan(high)] = np.nan
    return share


def _rank(value: Float64s, bounds: Float64s, counts: Float64s) -> Float64s:
    """How many observations are below a value."""
    lowest = 0.0 if bounds[0] > 0 else -np.inf
    lower = np.concatenate(([lowest], bounds[:-1]))
    column = np.arange(counts.shape[1], dtype=np.int64)
    at = np.minimum(np.searchsorted(bounds, value, side="right"), len(bounds) - 1)
    before = np.where(at > 0, counts[np.maximum(at - 1, 0), column], 0.0)
    start, end, count = lower[at], bounds[at], counts[at, column]
    inside = before + (count - before) * (value - start) / (end - start)
    inside = np.where(np.isneginf(start), count, inside)
    rank = np.where(value <= start, before, inside)
    rank = np.where(value >= end, count, rank)
    return np.minimum(rank, counts[-1])


def _coalesced(bounds: Float64s, counts: Float64s) -> tuple[Float64s, Float64s]:
    """Adds up buckets with the same bound (`1` and `1.0`)."""
    if len(bounds) == len(np.unique(bounds)):
        return bounds, counts
    distinct, first = np.unique(bounds, return_index=True)
    return distinct, np.add.reduceat(counts, first, axis=0)


def _rising(bounds: Float64s, counts: Float64s) -> tuple[Float64s, Changes]:
    """Counts that never fall: tiny differences are levelled in silence, others are noted."""
    counts = counts.copy()
    columns = counts.shape[1]
    forced = np.zeros(columns, dtype=np.bool_)
    lowest, highest = np.full(columns, np.inf), np.full(columns, -np.inf)
    difference = np.zeros(columns)
    previous = counts[0].copy()
    for bucket in range(1, len(bounds)):
        current = counts[bucket]
        level = _almost_equal(previous, current)
        falls = (current < previous) & ~level
        forced |= falls
        lowest[falls] = np.minimum(lowest[falls], bounds[bucket])
        highest[falls] = np.maximum(highest[falls], bounds[bucket])
        difference[falls] = np.maximum(difference[falls], (previous - current)[falls])
        counts[bucket] = np.where(level | falls, previous, current)
        previous = counts[bucket]
    return counts, Changes(forced, lowest, highest, difference)


def _almost_equal(a: Float64s, b: Float64s) -> Bools:
    size = np.abs(a) + np.abs(b)
    distance = np.abs(a - b)
    tiny = (a == 0) | (b == 0) | (size < _SMALLEST_NORMAL)
    near = np.where(tiny, distance < _TOLERANCE * _SMALLEST_NORMAL, distance / size < _TOLERANCE)
    return near | (a == b)


def _outside(result: Float64s, wanted: Float64s) -> Float64s:
    """A quantile below 0 or above 1 is an infinity."""
    result = np.where(wanted < 0, -np.inf, np.where(wanted > 1, np.inf, result))
    return np.where(np.isnan(wanted), np.nan, result)
