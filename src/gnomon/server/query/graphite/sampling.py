"""Raw samples become values at a series' own step.

The step is taken from the data: the gap between samples that covers most of the time, unless the
newest samples have settled at a coarser one. So ten-second data that began with a burst of
one-second samples is answered at 10 s, and neither an outage nor a lost sample here and there
changes that. Gaps close to a usual interval are taken for it (9.8 s is 10 s). A point at time T
holds the newest sample of `T <= t < T + step`, as a Whisper file does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.server.query.graphite.timeseries import Float64s, Int64s
from gnomon.server.store.interface import Frame

DEFAULT_STEP = 10
"""Seconds, where nothing tells: the interval of Gnomon's own checks."""

_USUAL = np.array([1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 86400])
_TOLERANCE = 0.1
_SETTLED = 3
"""So many equal gaps are an interval."""


class Steps(NamedTuple):
    """What the samples of each series say of its step, in seconds; 0 where they say nothing."""

    told: Int64s
    """From at least three gaps."""
    hinted: Int64s
    """From any gap: its smallest."""


def steps(frame: Frame) -> Steps:
    """The steps of all series of a frame."""
    count = len(frame.series)
    owners = np.repeat(np.arange(count), np.diff(frame.offsets))
    inside = owners[1:] == owners[:-1]
    gaps = snapped(np.diff(frame.timestamps)[inside] / 1000.0)
    owners = owners[1:][inside]
    hinted = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(hinted, owners, gaps)
    numbers = np.bincount(owners, minlength=count)
    told = np.maximum(_longest(gaps, owners, count), _newest(gaps, owners, count))
    return Steps(
        np.where(numbers >= _SETTLED, told, 0).astype(np.int64), np.where(numbers > 0, hinted, 0)
    )


def snapped(seconds: Float64s) -> Int64s:
    """Gaps as whole seconds, those near a usual interval as that; at least 1."""
    above = np.minimum(np.searchsorted(_USUAL, seconds), len(_USUAL) - 1)
    upper, lower = _USUAL[above], _USUAL[np.maximum(above - 1, 0)]
    nearest = np.where(upper - seconds < seconds - lower, upper, lower)
    close = np.abs(nearest - seconds) <= _TOLERANCE * nearest
    whole = np.maximum(np.rint(seconds), 1)
    return np.where(close, nearest, whole).astype(np.int64)


def _longest(gaps: Int64s, owners: Int64s, count: int) -> Int64s:
    """For each owner the gap that covers most time, of those that came at least three times.

    Where none did, the most frequent; of equals the smallest. An outage is no interval.
    """
    distinct, index = np.unique(gaps, return_inverse=True)
    pairs, times = np.unique(owners * len(distinct) + index, return_counts=True)
    pair_owners, pair_gaps = pairs // len(distinct), distinct[pairs % len(distinct)]
    covered = np.where(times >= _SETTLED, times * pair_gaps, 0)
    best_last = np.lexsort((-pair_gaps, times, covered, pair_owners))
    found = np.zeros(count, dtype=np.int64)
    found[pair_owners[best_last]] = pair_gaps[best_last]  # the last of an owner stays
    return found


def _newest(gaps: Int64s, owners: Int64s, count: int) -> Int64s:
    """The gap the last few samples of an owner agree on, else 0."""
    ends = np.searchsorted(owners, np.arange(count), side="right")
    starts = np.searchsorted(owners, np.arange(count), side="left")
    known = ends - starts >= _SETTLED
    if not known.any():
        return np.zeros(count, dtype=np.int64)
    last = [gaps[np.maximum(ends - 1 - back, 0)] for back in range(_SETTLED)]
    agreed = known & np.all(np.array(last) == last[0], axis=0)
    return np.where(agreed, last[0], 0)


def common(told: Int64s) -> int:
    """The step most series have; 0 when none is told."""
    values, counts = np.unique(told[told > 0], return_counts=True)
    return int(values[np.argmax(counts)]) if len(values) else 0


def window(start: int, end: int, step: int) -> tuple[int, int]:
    """First point and end (exclusive) of a series over `start < t <= end`, on multiples of step."""
    first, last = start - start % step + step, end - end % step + step
    return first, last if last > first else first + step


def sampled(frame: Frame, rows: Int64s, start: int, end: int, step: int) -> Float64s:
    """Some series of a frame (`rows`) on the points `start, start + step, ... < end`, in seconds."""
    points = (end - start) // step
    values = np.full((len(rows), points), np.nan)
    sizes = np.diff(frame.offsets)[rows]
    owner = np.repeat(np.arange(len(rows)), sizes)
    samples = _ranges(frame.offsets[rows], sizes)
    columns = (frame.timestamps[samples] // 1000 - start) // step
    inside = (columns >= 0) & (columns < points)
    # Later samples overwrite earlier ones of the same point.
    values[owner[inside], columns[inside]] = frame.values[samples[inside]]
    return values


def _ranges(starts: Int64s, sizes: Int64s) -> Int64s:
    """`start, start + 1, ...` of each range, one after the other."""
    before = np.cumsum(sizes) - sizes
    return np.arange(int(sizes.sum()), dtype=np.int64) + np.repeat(starts - before, sizes)
