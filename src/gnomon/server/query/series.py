"""The shared matrix: labels, a time grid and one float64 array. Both query languages compute on it.

A `Matrix` has a row for each series and a column for each evaluation time; NaN where a series has
no value... which is also what a stored NaN looks like, so presence is a mask of its own where a
language tells them apart. No function here loops over samples in Python.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]


class TimeGrid(NamedTuple):
    """Evaluation times `start, start + step, ...`, `points` of them, in milliseconds."""

    start: int
    step: int
    points: int

    @property
    def end(self) -> int:
        """The last time of the grid."""
        return self.start + self.step * (self.points - 1)

    def times(self) -> Int64s:
        """All times."""
        return self.start + self.step * np.arange(self.points, dtype=np.int64)

    @classmethod
    def between(cls, start: int, end: int, step: int) -> TimeGrid:
        """From `start` up to and including `end`."""
        return cls(start, step, (end - start) // step + 1)
