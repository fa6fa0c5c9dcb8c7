"""Raw samples folded to a regular grid, in whole columns."""

from __future__ import annotations

import numpy as np

from gnomon.server.store.interface import Float64s, Frame, Grid, GridFunction, Int64s

_REDUCE = {
    GridFunction.MEAN: np.add,
    GridFunction.MIN: np.minimum,
    GridFunction.MAX: np.maximum,
    GridFunction.SUM: np.add,
}


def fold(frame: Frame, start: int, end: int, step: int, function: GridFunction) -> Grid:
    """The samples of `(start - step, end]` as a `Grid`; those outside must not be in `frame`.

    A NaN sample counts as missing, but for LAST, where it says that the series has ended.
    """
    columns = grid_columns(start, end, step)
    values = np.full(len(frame.series) * columns, np.nan)
    rows = np.repeat(np.arange(len(frame.series)), np.diff(frame.offsets))
    cells = rows * columns - (start - frame.timestamps) // step
    samples = frame.values
    if function is not GridFunction.LAST:
        present = ~np.isnan(samples)
        cells, samples = cells[present], samples[present]
    if len(cells):
        first = np.flatnonzero(np.diff(cells, prepend=cells[0] - 1))
        values[cells[first]] = _reduced(samples, first, function)
    return Grid(frame.series, start, step, values.reshape(len(frame.series), columns))


def grid_columns(start: int, end: int, step: int) -> int:
    """How many columns a grid from `start` to `end` has."""
    return max(0, (end - start) // step + 1)


def _reduced(samples: Float64s, first: Int64s, function: GridFunction) -> Float64s:
    ends = np.append(first[1:], len(samples))
    if function is GridFunction.LAST:
        return samples[ends - 1]
    counts = (ends - first).astype(np.float64)
    if function is GridFunction.COUNT:
        return counts
    with np.errstate(invalid="ignore", over="ignore"):
        reduced = _REDUCE[function].reduceat(samples, first)
        return reduced / counts if function is GridFunction.MEAN else reduced
