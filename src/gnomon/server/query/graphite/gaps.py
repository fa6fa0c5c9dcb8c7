"""Gaps: runs of points without a value, and ways to fill them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.server.query.graphite.timeseries import Float64s, Int64s


class Gaps(NamedTuple):
    """For each point: where the last value before it and the first after it are, itself included."""

    before: Int64s
    """-1 where there is none."""
    after: Int64s
    """len(values) where there is none."""

    @property
    def lengths(self) -> Int64s:
        """How long the gap is that a point lies in."""
        return self.after - self.before - 1


def gaps(values: Float64s) -> Gaps:
    """The gaps of a line."""
    points = len(values)
    places = np.arange(points)
    present = ~np.isnan(values)
    before = np.maximum.accumulate(np.where(present, places, -1))
    after = np.minimum.accumulate(np.where(present, places, points)[::-1])[::-1]
    return Gaps(before, after)


def filled(values: Float64s, limit: float) -> Float64s:
    """Gaps of at most `limit` points hold the value before them."""
    if not len(values):
        return values
    found = gaps(values)
    keep = np.isnan(values) & (found.before >= 0) & (found.lengths <= limit)
    return np.where(keep, values[found.before], values)


def interpolated(values: Float64s, limit: float) -> Float64s:
    """Gaps of at most `limit` points between two values hold the line from one to the other."""
    if not len(values):
        return values
    found = gaps(values)
    last = len(values) - 1
    between = np.isnan(values) & (found.before >= 0) & (found.after <= last)
    left, right = values[found.before], values[np.minimum(found.after, last)]
    steps = np.arange(len(values)) - found.before
    line = left + steps * (right - left) / (found.lengths + 1)
    return np.where(between & (found.lengths <= limit), line, values)


def filled_forward(values: Float64s) -> Float64s:
    """Each point holds its own value or the last before it."""
    if not len(values):
        return values
    before = gaps(values).before
    return np.where(before >= 0, values[before], np.nan)
