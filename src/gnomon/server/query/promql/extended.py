"""Ranges that look beyond their window: `anchored` and `smoothed`.

An anchored range begins with the last sample at or before the window, so that nothing has to be
guessed at its left edge. A smoothed one interpolates linearly at both edges, for which it looks at
a sample behind the window as well.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnomon.server.query.promql.value import Bools, Samples, ints
from gnomon.server.query.promql.windows import Number, RangeVector, Windows, bounds
from gnomon.server.query.series import Float64s, Int64s


class Edges(NamedTuple):
    """The values at both edges of each window, and the samples strictly between them."""

    left: Float64s
    right: Float64s
    start: Int64s
    """Index of the first sample inside."""
    stop: Int64s
    """Index behind the last one inside."""
    present: Bools


class Extended(NamedTuple):
    """Windows with the samples around them. Shapes: rows x steps."""

    windows: Windows
    """From the first sample in the look-back before the window to the last one that counts."""
    inner: Int64s
    """Index of the first sample behind the left edge."""
    behind: Int64s
    """Index of the first sample at or behind the right edge."""
    smoothed: bool

    def anchored(self) -> Windows:
        """The windows with the sample before each; empty where nothing follows that one."""
        view = self.windows
        start = np.maximum(self.inner - 1, view.start)
        return view._replace(start=np.where(view.stop > self.inner, start, view.stop))

    def edges(self, *, counter: bool) -> Edges:
        """Values at the edges; a counter that fell between two samples is taken from zero."""
        view = self.windows
        begin = view.ends - view.range
        last = view.stop - 1
        if self.smoothed:
            last = np.minimum(self.behind, last)
        first = np.maximum(np.minimum(self.inner, view.stop - 1) - 1, view.start)
        times = view.timestamps
        first_time, last_time = _at(times, first), _at(times, last)
        present = (view.stop > view.start) & (last_time > begin)
        left, right = _at(view.values, first), _at(view.values, last)
        if self.smoothed:
            present &= first_time <= view.ends
            inside = (first_time < begin) & (first + 1 < view.stop)
            left = np.where(inside, self.between(first, begin, counter=counter), left)
            outside = (last_time > view.ends) & (last > view.start)
            right = np.where(outside, self.between(last - 1, view.ends, counter=counter), right)
        start = first + (first_time <= begin)
        stop = last + 1 - (last_time >= view.ends)
        return Edges(left, right, start, np.maximum(stop, start), present)

    def between(self, at: Int64s, moment: Int64s, *, counter: bool) -> Float64s:
        """On the straight line from the sample at an index to the next."""
        view = self.windows
        begin, end = _at(view.values, at), _at(view.values, at + 1)
        begin_time, end_time = _at(view.timestamps, at), _at(view.timestamps, at + 1)
        if counter:
            begin = np.where(end < begin, 0.0, begin)
        return begin + (end - begin) * (moment - begin_time) / (end_time - begin_time)


def extended_windows(ranged: RangeVector, times: Int64s) -> Extended:
    """The windows of a range with a modifier."""
    samples, ends = ranged.samples, ranged.ends
    smoothed = ranged.extend == "smoothed"
    begins = ends - ranged.length
    reach = ends + ranged.lookback if smoothed else ends
    view = Windows(
        samples.values,
        samples.timestamps,
        samples.offsets,
        _index(samples, begins - ranged.lookback),
        _index(samples, reach),
        times,
        ends,
        ranged.length,
    )
    return Extended(view, _index(samples, begins), _index(samples, ends - 1), smoothed)


def interpolated(ranged: RangeVector) -> tuple[Float64s, Bools]:
    """The value of each series at the end of each window, between its neighbours in time."""
    rows = len(ranged.samples.names)
    if not len(ranged.samples.values):
        empty = np.zeros((rows, len(ranged.ends)))
        return empty, empty > 0
    around = extended_windows(ranged, ranged.ends)
    view, behind = around.windows, around.behind
    there = behind < view.stop
    exact = there & (_at(view.timestamps, behind) == view.ends)
    before = behind - 1
    values = np.where(
        there, around.between(before, view.ends, counter=False), _at(view.values, before)
    )
    values = np.where(exact, _at(view.values, behind), values)
    return values, exact | (behind > view.start)


def extended_samples(ranged: RangeVector) -> Samples:
    """What an instant query for such a range shows: a sample at each edge, and those between."""
    samples, end = ranged.samples, int(ranged.ends[0])
    if not len(samples.values):
        return samples
    edges = extended_windows(ranged, ranged.ends[:1]).edges(counter=False)
    rows = np.flatnonzero(edges.present[:, 0])
    chosen = ints(rows)
    times: list[Int64s] = []
    values: list[Float64s] = []
    for row in chosen:
        inside = slice(int(edges.start[row, 0]), int(edges.stop[row, 0]))
        times.append(np.concatenate(([end - ranged.length], samples.timestamps[inside], [end])))
        left, right = edges.left[row], edges.right[row]
        values.append(np.concatenate((left, samples.values[inside], right)))
    counts = np.array([len(one) for one in times], dtype=np.int64)
    return Samples(
        [samples.names[row] for row in chosen],
        [samples.labels[row] for row in chosen],
        samples.drop[rows],
        np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts))),
        np.concatenate([np.empty(0, dtype=np.int64), *times]).astype(np.int64),
        np.concatenate([np.empty(0), *values]),
    )


def _index(samples: Samples, times: Int64s) -> Int64s:
    """Index behind the last sample at or before each time; the times may all be one."""
    if int(times[0]) != int(times[-1]):
        return bounds(samples, times)
    return np.broadcast_to(bounds(samples, times[:1]), (len(samples.names), len(times)))


def _at(column: NDArray[Number], index: Int64s) -> NDArray[Number]:
    return column.take(index, mode="clip")
