"""Series of different steps brought to one, so that they can be computed with each other."""

from __future__ import annotations

from math import lcm
from typing import NamedTuple

import numpy as np

from gnomon.server.query.graphite.aggregation import consolidate
from gnomon.server.query.graphite.timeseries import Float64s, SeriesList, TimeSeries


class Normalized(NamedTuple):
    """Rows of one step. They are laid side by side by place, not by time, as upstream does."""

    start: int
    end: int
    step: int
    rows: list[Float64s]

    def stack(self) -> Float64s:
        """One array, a row for each series; short ones are filled up with NaN."""
        return stacked(self.rows)


def stacked(rows: list[Float64s]) -> Float64s:
    """Rows as one array, as wide as the longest."""
    width = max((len(row) for row in rows), default=0)
    if all(len(row) == width for row in rows):
        return np.array(rows).reshape(len(rows), width)
    stack = np.full((len(rows), width), np.nan)
    for row, values in zip(stack, rows, strict=True):
        row[: len(values)] = values
    return stack


def normalize(series_list: SeriesList) -> Normalized:
    """At the least common multiple of the steps; the finer series are consolidated their own way.

    There must be at least one series.
    """
    step = lcm(*(int(series.step) for series in series_list))
    start = min(series.start for series in series_list)
    end = max(series.end for series in series_list)
    end -= (end - start) % step
    return Normalized(start, end, step, [at_step(series, step) for series in series_list])


def at_step(series: TimeSeries, step: int) -> Float64s:
    """The values folded to a multiple of the series' own step."""
    return consolidate(
        series.values, step // int(series.step), series.consolidation, series.x_files_factor
    )
