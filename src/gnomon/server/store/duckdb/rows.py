"""Samples in columns: grouped by series, merged, put in time order, and picked. Pure NumPy.

A series is a `ref` here, a small number of this store's own. `Rows` are in arrival order, a `Run`
is grouped by series. Grouping keeps the arrival order within a series, and merging runs in their
arrival order keeps it too; so "the one appended last wins" needs no further column.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Refs = NDArray[np.uint32]
Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]
Bools = NDArray[np.bool_]

_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


class Rows(NamedTuple):
    """Samples in arrival order, one column each."""

    refs: Refs
    timestamps: Int64s
    values: Float64s

    def at(self, where: Int64s | Bools) -> Rows:
        """Some of them, by position or mask."""
        return Rows(self.refs[where], self.timestamps[where], self.values[where])


class Run(NamedTuple):
    """Samples grouped by series: `refs[i]` owns rows `offsets[i]` to `offsets[i + 1]`."""

    refs: Refs
    """Sorted, distinct."""
    offsets: Int64s
    timestamps: Int64s
    """Within a series in arrival order; in time order, too, once it went through `ordered`."""
    values: Float64s
    first: int
    """The oldest timestamp; a bound when rows were taken out."""
    last: int

    @property
    def rows(self) -> int:
        """How many samples."""
        return len(self.timestamps)

    def ref_column(self) -> Refs:
        """The ref of each row."""
        return np.repeat(self.refs, np.diff(self.offsets))


EMPTY = Run(
    np.empty(0, np.uint32),
    np.zeros(1, np.int64),
    np.empty(0, np.int64),
    np.empty(0, np.float64),
    0,
    -1,
)


def joined(parts: Sequence[Rows]) -> Rows:
    """Several, one after the other."""
    if len(parts) == 1:
        return parts[0]
    return Rows(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def grouped(rows: Rows) -> Run:
    """Rows by series, arrival order kept within each."""
    refs, timestamps, values = rows
    if not len(refs):
        return EMPTY
    if np.any(refs[1:] < refs[:-1]):
        # Sorting (ref, position) as one number is several times faster than a stable argsort.
        keys = (refs.astype(np.uint64) << _SHIFT) | np.arange(len(refs), dtype=np.uint64)
        keys.sort()
        order = (keys & _LOW).astype(np.int64)
        refs = (keys >> _SHIFT).astype(np.uint32)
        timestamps, values = timestamps[order], values[order]
    starts = np.flatnonzero(np.diff(refs, prepend=refs[:1] + np.uint32(1)))
    offsets = np.append(starts, len(refs))
    return Run(
        refs[starts], offsets, timestamps, values, int(timestamps.min()), int(timestamps.max())
    )


def merged(runs: Sequence[Run]) -> Run:
    """One run of several, given in arrival order; each row is moved once, nothing is sorted."""
    runs = [run for run in runs if run.rows]
    if len(runs) < 2:
        return runs[0] if runs else EMPTY
    refs = np.unique(np.concatenate([run.refs for run in runs]))
    places = [np.searchsorted(refs, run.refs) for run in runs]
    sizes = np.zeros(len(refs), np.int64)
    for run, place in zip(runs, places, strict=True):
        sizes[place] += np.diff(run.offsets)
    offsets = offsets_of(sizes)
    timestamps = np.empty(offsets[-1], np.int64)
    values = np.empty(offsets[-1], np.float64)
    free = offsets[:-1].copy()
    for run, place in zip(runs, places, strict=True):
        own = np.diff(run.offsets)
        target = np.repeat(free[place] - run.offsets[:-1], own)
        target += np.arange(run.rows)
        timestamps[target] = run.timestamps
        values[target] = run.values
        free[place] += own
    first = min(run.first for run in runs)
    return Run(refs, offsets, timestamps, values, first, max(run.last for run in runs))


def ordered(run: Run) -> Run:
    """Each series in time order with one value at one time: the one that arrived last."""
    wrong = run.timestamps[1:] <= run.timestamps[:-1]
    wrong[run.offsets[1:-1] - 1] = False
    if not wrong.any():
        return run
    owners = np.unique(np.searchsorted(run.offsets, np.flatnonzero(wrong), side="right") - 1)
    sizes = np.diff(run.offsets)
    mixed = ranges(run.offsets[owners], sizes[owners])
    order = mixed[_time_order(np.repeat(np.arange(len(owners)), sizes[owners]), run, mixed)]
    timestamps, values = run.timestamps.copy(), run.values.copy()
    timestamps[mixed], values[mixed] = run.timestamps[order], run.values[order]
    keep = np.ones(run.rows, np.bool_)
    keep[:-1] = timestamps[1:] != timestamps[:-1]
    keep[run.offsets[1:] - 1] = True
    return _kept(run._replace(timestamps=timestamps, values=values), keep)


def within(run: Run, start: int, end: int) -> Run:
    """The part from `start` to `end`, both included."""
    if start <= run.first and run.last <= end:
        return run
    return _kept(run, (run.timestamps >= start) & (run.timestamps <= end))


def without(run: Run, refs: Refs, start: int, end: int) -> Run:
    """All but the samples of `refs` from `start` to `end`."""
    gone = np.repeat(np.isin(run.refs, refs), np.diff(run.offsets))
    gone &= (run.timestamps >= start) & (run.timestamps <= end)
    return _kept(run, ~gone) if gone.any() else run


def picked(run: Run, refs: Refs) -> Run:
    """The part of the given series (sorted, distinct)."""
    if not len(run.refs) or not len(refs):
        return EMPTY
    place = np.searchsorted(run.refs, refs)
    place[place == len(run.refs)] = 0
    place = place[run.refs[place] == refs]
    if len(place) == len(run.refs):
        return run
    sizes = np.diff(run.offsets)[place]
    where = ranges(run.offsets[place], sizes)
    return run._replace(
        refs=run.refs[place],
        offsets=offsets_of(sizes),
        timestamps=run.timestamps[where],
        values=run.values[where],
    )


def ranges(starts: Int64s, sizes: Int64s) -> Int64s:
    """The numbers `starts[i] ... starts[i] + sizes[i] - 1` for each i, one after the other."""
    if len(starts) == 1:
        first = int(starts[0])
        return np.arange(first, first + int(sizes[0]))
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - (ends - sizes), sizes) + np.arange(total)


def offsets_of(sizes: Int64s) -> Int64s:
    """Sizes of parts as offsets: `[2, 3]` → `[0, 2, 5]`."""
    offsets = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return offsets


def _time_order(owner: Int64s, run: Run, rows: Int64s) -> Int64s:
    """A stable order of some rows by owner and time."""
    timestamps = run.timestamps[rows]
    span = run.last - run.first + 1
    if int(owner[-1] + 1) * span < 1 << 62:
        # As one number: the stable sort finds the runs that are in order already and merges them.
        return np.argsort(owner * span + (timestamps - run.first), kind="stable")
    return np.lexsort((timestamps, owner))


def _kept(run: Run, keep: Bools) -> Run:
    """The rows of a mask; series that have none left go."""
    count = np.zeros(run.rows + 1, np.int64)
    np.cumsum(keep, out=count[1:])
    offsets = count[run.offsets]
    some = np.diff(offsets) > 0
    return Run(
        run.refs[some],
        np.append(offsets[:-1][some], offsets[-1]),
        run.timestamps[keep],
        run.values[keep],
        run.first,
        run.last,
    )
