"""One line of a graph, as every function takes and returns it. Never changed, only replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TimeSeries:
    """Values at `start, start + step, ...`; NaN where there is none. All times in whole seconds."""

    name: str
    """What the legend shows; functions wrap it (`sumSeries(a.*)`)."""
    start: int
    end: int
    """Exclusive for stored series; some generated ones (`constantLine`) include it, as upstream."""
    step: int
    values: Float64s
    path_expression: str = ""
    """What was asked for (`a.*`); names of combined series are made of it. "" means the name."""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    consolidation: str = "average"
    """How values are folded when there are more than `maxDataPoints` or steps differ."""
    x_files_factor: float = 0.0
    """Least share of values that must be there for a fold to be one."""
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """How a picture draws it: `stacked`, `alpha`, `color`, ..."""

    def __post_init__(self) -> None:
        if not self.path_expression:
            object.__setattr__(self, "path_expression", self.name)
        if not self.tags:
            object.__setattr__(self, "tags", {"name": self.name})

    def __len__(self) -> int:
        """How many points, those without a value included."""
        return len(self.values)

    def but(self, **changes: Any) -> TimeSeries:
        """The same with some fields replaced."""
        return replace(self, **changes)

    def named(self, name: str) -> TimeSeries:
        """Renamed, path expression and all: what most functions that keep the line do."""
        return replace(self, name=name, path_expression=name)

    def tagged(self, **tags: object) -> TimeSeries:
        """With more tags; their values become text."""
        return replace(self, tags={**self.tags, **{tag: str(value) for tag, value in tags.items()}})

    def drawn(self, **options: Any) -> TimeSeries:
        """With more drawing options."""
        return replace(self, options={**self.options, **options})

    def derived(self, name: str, values: Float64s, **changes: Any) -> TimeSeries:
        """A new line made from this one: its path is its own name, how it was drawn is forgotten."""
        return replace(self, name=name, path_expression=name, values=values, options={}, **changes)


SeriesList = list[TimeSeries]


def timestamps(series: TimeSeries) -> Int64s:
    """The time of each point, seconds."""
    return int(series.start) + int(series.step) * np.arange(len(series.values), dtype=np.int64)


def nothing(points: int) -> Float64s:
    """`points` times no value."""
    return np.full(points, np.nan)


def floats(values: object) -> Float64s:
    """Numbers as the array a TimeSeries holds."""
    return np.asarray(values, dtype=np.float64)
