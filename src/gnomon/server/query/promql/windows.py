"""Range vectors in motion: which samples each step looks back on, and folds over them.

The samples of a step are a run of one series' samples; over all steps those runs overlap. Two ways
to compute on runs without a loop over samples:

- `fold`: an associative operation is computed for runs of 1, 2, 4, 8 ... samples at every
  position, and each window is put together from the powers of two in its length. It costs
  log2(longest window) passes, and nothing is ever subtracted, so nothing cancels.
- `padded`: each window as a row of a rectangle, for what needs all its samples at once (sorting).

Both are run on blocks of series that fit the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from gnomon.server.query.promql.value import Bools, Samples
from gnomon.server.query.series import Float64s, Int64s

CELLS_PER_BLOCK = 1 << 15
"""Cells of one block: a float matrix of 256 kB."""
PADDED_CELLS = 1 << 20
_FEWEST = 2
"""Samples that make a pace."""

Number = TypeVar("Number", np.float64, np.int64)
Parts: TypeAlias = tuple[Float64s, ...]
"""What a fold carries for each run."""


class RangeVector(NamedTuple):
    """Samples, and the windows that a query looks at them through."""

    samples: Samples
    ends: Int64s
    """Where the window of each step ends; steps."""
    length: int
    """Milliseconds; a window is open on the left: `(end - length, end]`."""
    extend: Literal["", "anchored", "smoothed"] = ""
    """Samples before (and, `smoothed`, behind) the window count, too."""
    lookback: int = 0
    """How far around the window those may be."""


class Windows(NamedTuple):
    """The windows of some series. Shapes: rows x steps, where not said otherwise."""

    values: Float64s
    """All samples of these series, one after the other."""
    timestamps: Int64s
    offsets: Int64s
    """Where the samples of each row begin, and where the last ones end."""
    start: Int64s
    """Index of the first sample in the window."""
    stop: Int64s
    """Index behind the last one."""
    times: Int64s
    """When each step is evaluated; steps."""
    ends: Int64s
    """Where each window ends, that is `times` moved by offset and `@`; steps."""
    range: int
    """Milliseconds; a window is open on the left: `(end - range, end]`."""

    @property
    def counts(self) -> Int64s:
        """Samples in each window."""
        return self.stop - self.start

    @property
    def filled(self) -> Bools:
        """Windows with at least one sample."""
        return self.stop > self.start

    def falls(self) -> Int64s:
        """Indices of samples smaller than the one before them in their series."""
        lower = self.values[1:] < self.values[:-1]
        if not bool(lower.any()):
            return np.empty(0, dtype=np.int64)
        inner = self.offsets[1:-1]
        lower[inner[(inner > 0) & (inner <= len(lower))] - 1] = False
        return np.flatnonzero(lower) + 1

    def first(self, column: NDArray[Number]) -> NDArray[Number]:
        """The sample column at the first sample of each window; anything where it is empty."""
        return column.take(self.start, mode="clip")

    def last(self, column: NDArray[Number]) -> NDArray[Number]:
        """The sample column at the last sample of each window; anything where it is empty."""
        return column.take(self.stop - 1, mode="clip")


def bounds(samples: Samples, times: Int64s) -> Int64s:
    """Index behind the last sample at or before each time; rows x times.

    `times` are sorted. Samples at a steady pace are counted by arithmetic; others are each sorted
    into the times once. Neither costs more for a longer window.
    """
    steady = _steady(samples)
    if steady is not None:
        begin, pace, size = steady
        found = times - begin[:, None]
        found //= pace
        found += 1
        np.clip(found, 0, size, out=found)
        found += samples.offsets[:-1, None]
        return found
    rows, columns = len(samples.names), len(times)
    slot = _slots(samples.timestamps, times)
    row = np.repeat(np.arange(rows, dtype=np.int64), samples.counts)
    slot += row * (columns + 1)
    counted = np.bincount(slot, minlength=rows * (columns + 1)).reshape(rows, columns + 1)
    return np.cumsum(counted[:, :columns], axis=1) + samples.offsets[:-1, None]


def _steady(samples: Samples) -> tuple[Int64s, int, int] | None:
    """First times, distance and number of samples, if all series have as many at one pace."""
    counts = samples.counts
    size = int(counts[0]) if len(counts) else 0
    if size < _FEWEST or not bool((counts == size).all()):
        return None
    times = samples.timestamps.reshape(len(counts), size)
    pace = int(times[0, 1] - times[0, 0])
    if not bool((times[:, 1:] - times[:, :-1] == pace).all()):
        return None
    return times[:, 0], pace, size


def _slots(timestamps: Int64s, times: Int64s) -> Int64s:
    """For each timestamp the first of the times that is not before it."""
    if len(times) == 1:
        return (timestamps > times[0]).astype(np.int64)
    step = int(times[1] - times[0])
    if step <= 0 or not bool((times[1:] - times[:-1] == step).all()):
        return np.searchsorted(times, timestamps, side="left").astype(np.int64)
    slot = timestamps + (step - 1 - int(times[0]))
    slot //= step
    return np.clip(slot, 0, len(times), out=slot)


def blocks(samples: Samples, steps: int) -> Iterator[tuple[slice, Samples]]:
    """Cuts the rows so that a matrix of a block stays in cache."""
    rows = len(samples.names)
    size = max(1, CELLS_PER_BLOCK // max(steps, 1, len(samples.values) // max(rows, 1)))
    for begin in range(0, rows, size):
        part = slice(begin, min(begin + size, rows))
        yield part, sliced(samples, part)


def sliced(samples: Samples, part: slice) -> Samples:
    """Some consecutive rows."""
    offsets = samples.offsets[part.start : part.stop + 1]
    low, high = int(offsets[0]), int(offsets[-1])
    return Samples(
        samples.names[part],
        samples.labels[part],
        samples.drop[part],
        offsets - low,
        samples.timestamps[low:high],
        samples.values[low:high],
    )


def windows(samples: Samples, times: Int64s, ends: Int64s, range_: int) -> Windows:
    """The windows of these series that end at `ends`."""
    steps = len(ends)
    if int(ends[0]) == int(ends[-1]):
        edges = bounds(samples, np.array((int(ends[0]) - range_, int(ends[0]))))
        start = np.broadcast_to(edges[:, :1], (len(samples.names), steps))
        stop = np.broadcast_to(edges[:, 1:], (len(samples.names), steps))
    else:
        start, stop = _edges(samples, ends, range_)
    return Windows(
        samples.values, samples.timestamps, samples.offsets, start, stop, times, ends, range_
    )


def _edges(samples: Samples, ends: Int64s, range_: int) -> tuple[Int64s, Int64s]:
    steps = len(ends)
    step = int(ends[1] - ends[0]) if steps > 1 else 0
    if step and range_ % step == 0 and range_ // step <= steps:
        # Window starts fall on earlier window ends: sort the samples in once for both.
        behind = range_ // step
        grid = int(ends[0]) - range_ + step * np.arange(steps + behind, dtype=np.int64)
        edges = bounds(samples, grid)
        return edges[:, :steps], edges[:, behind:]
    return bounds(samples, ends - range_), bounds(samples, ends)


def fold(
    view: Windows,
    parts: Parts,
    combine: Callable[[Parts, Parts], Parts],
    identity: tuple[float, ...],
) -> Parts:
    """An associative operation over each window; `identity` where a window is empty.

    `parts` are what a single sample contributes, `combine` joins two runs, the earlier one first.
    """
    counts, at = view.counts, view.start
    longest = int(counts.max(initial=0))
    result: Parts | None = None
    partial = np.zeros(counts.shape, dtype=np.bool_)
    run = 1
    while run <= longest:
        due = (counts & run) != 0
        missing = due.size - np.count_nonzero(due)
        if not missing and not partial.any():
            # As a rule windows have the same length, and all take part at once.
            piece = tuple(part.take(at) for part in parts)
            result = piece if result is None else combine(result, piece)
            at = at + run
        elif missing < due.size:
            if result is None:
                result = tuple(np.full(counts.shape, value) for value in identity)
                partial = np.ones(counts.shape, dtype=np.bool_)
            _join(result, parts, (at, due, partial), combine)
            at = at + due * run
        if run * 2 <= longest:
            parts = combine(
                tuple(part[:-run] for part in parts), tuple(part[run:] for part in parts)
            )
        run *= 2
    return result or tuple(np.full(counts.shape, value) for value in identity)


def _join(
    result: Parts,
    parts: Parts,
    where: tuple[Int64s, Bools, Bools],
    combine: Callable[[Parts, Parts], Parts],
) -> None:
    """Adds a run to some windows: at, which of them, and which have nothing yet."""
    at, due, fresh = where
    rows, columns = np.nonzero(due)
    position = at[rows, columns]
    piece = tuple(part[position] for part in parts)
    before = tuple(part[rows, columns] for part in result)
    first = fresh[rows, columns]
    for target, new, alone in zip(result, combine(before, piece), piece, strict=True):
        target[rows, columns] = np.where(first, alone, new)
    fresh[rows, columns] = False


def extremes(
    view: Windows, combine: Callable[[Float64s, Float64s], Float64s], values: Float64s
) -> Float64s:
    """As `fold`, for an operation that does not mind a sample twice: two runs that overlap."""
    counts = view.counts
    result = np.full(counts.shape, np.nan)
    length = np.frexp(counts.astype(np.float64))[1] - 1
    run = 1
    for power in range(int(length.max(initial=-1)) + 1):
        if power:
            values = combine(values[:-run], values[run:])
            run *= 2
        due = length == power
        if bool(due.all()):
            return combine(values.take(view.start), values.take(view.stop - run))
        if bool(due.any()):
            at = np.nonzero(due)
            result[at] = combine(values[view.start[at]], values[view.stop[at] - run])
    return result


def padded(view: Windows) -> Iterator[tuple[tuple[Int64s, Int64s], Float64s]]:
    """The filled windows as rows of a rectangle, NaN behind the last sample, in bounded pieces.

    Yields (rows and columns of the windows, values: windows x longest).
    """
    rows, columns = np.nonzero(view.filled)
    counts = view.counts[rows, columns]
    order = np.argsort(counts, kind="stable")
    begin = 0
    while begin < len(order):
        # Windows of similar length share a rectangle; the last one of a piece is the longest.
        end = min(len(order), begin + max(1, PADDED_CELLS // max(1, int(counts[order[begin]]))))
        while end - begin > 1 and (end - begin) * int(counts[order[end - 1]]) > PADDED_CELLS:
            end = begin + (end - begin) // 2
        piece = order[begin:end]
        at = (rows[piece], columns[piece])
        width = np.arange(int(counts[piece[-1]]))
        index = view.start[at][:, None] + width
        values = view.values.take(index, mode="clip")
        values[width >= counts[piece][:, None]] = np.nan
        yield at, values
        begin = end
