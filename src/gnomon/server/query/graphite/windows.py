"""A window that moves along a line: its sum, extremes, median and so on at each place.

Sums, products and extremes are computed in blocks as wide as the window, whose suffix and prefix
meet in each place (van Herk, Gil and Werman): one addition for each point however wide the window
is, and no running total that a spike could spoil for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from gnomon.server.query.graphite.aggregation import aggregation, enough
from gnomon.server.query.graphite.timeseries import Float64s

_CELLS = 4_000_000
"""So many values at once where a window must be looked at as a whole."""


def moving(values: Float64s, width: int, func: str, x_files_factor: float) -> Float64s:
    """The aggregation of each window of `width` points; entry i is that of `values[i : i + width]`.

    Missing values do not count, not even as zero.
    """
    aggregation(func)
    places = len(values) - width + 1
    if places <= 0 or width <= 0:
        return np.full(max(places, 0), np.nan)
    line = _Line(values, width)
    block = _BLOCKWISE.get(func)
    found = block(line) if block else _by_window(values, width, func)
    kept = enough(line.counts().astype(np.int64), width, x_files_factor)
    return np.where(kept, found, np.nan)


def _blockwise(values: Float64s, width: int, combine: np.ufunc, neutral: float) -> Float64s:
    """`combine` over each window; `neutral` stands for missing values."""
    blocks = -(-len(values) // width)
    padded = np.full(blocks * width, neutral)
    padded[: len(values)] = values
    grid = padded.reshape(blocks, width)
    prefixes = combine.accumulate(grid, axis=1).ravel()
    suffixes = combine.accumulate(grid[:, ::-1], axis=1)[:, ::-1].ravel()
    places = len(values) - width + 1
    meeting = combine(suffixes[:places], prefixes[width - 1 : width - 1 + places])
    whole = np.arange(places) % width == 0  # the window is one block: its suffix is all of it
    return np.where(whole, suffixes[:places], meeting)


class _Line(NamedTuple):
    """A line, and the window to move along it."""

    values: Float64s
    width: int

    def over(self, combine: np.ufunc, neutral: float) -> Float64s:
        """`combine` over each window, `neutral` in place of missing values."""
        return _blockwise(
            np.where(np.isnan(self.values), neutral, self.values), self.width, combine, neutral
        )

    def counts(self) -> Float64s:
        """How many values each window has."""
        return _blockwise((~np.isnan(self.values)).astype(np.float64), self.width, np.add, 0.0)


def _sum(line: _Line) -> Float64s:
    return line.over(np.add, 0.0)


def _average(line: _Line) -> Float64s:
    return _sum(line) / np.maximum(line.counts(), 1)


def _product(line: _Line) -> Float64s:
    return line.over(np.multiply, 1.0)


def _minimum(line: _Line) -> Float64s:
    return line.over(np.minimum, np.inf)


def _maximum(line: _Line) -> Float64s:
    return line.over(np.maximum, -np.inf)


def _range(line: _Line) -> Float64s:
    return _maximum(line) - _minimum(line)


_BLOCKWISE: Mapping[str, Callable[[_Line], Float64s]] = {
    "sum": _sum,
    "total": _sum,
    "average": _average,
    "avg": _average,
    "avg_zero": _average,
    "multiply": _product,
    "min": _minimum,
    "max": _maximum,
    "range": _range,
    "rangeOf": _range,
    "count": _Line.counts,
}


def _by_window(values: Float64s, width: int, func: str) -> Float64s:
    """Median, deviation and others, which need each window as a whole."""
    fold = aggregation(func)
    windows = sliding_window_view(values, width)
    at_once = max(_CELLS // width, 1)
    return np.concatenate(
        [
            fold(np.ascontiguousarray(windows[place : place + at_once].T), width)
            for place in range(0, len(windows), at_once)
        ]
    )
