"""What a function is handed beside its arguments: the window, the source, and the way back in."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from typing import Any, Protocol, cast

import numpy as np

from gnomon.server.query.graphite.grammar import Expression, Scalar, TargetError
from gnomon.server.query.graphite.timeseries import Float64s, SeriesList


class Source(Protocol):
    """Where stored series and events come from."""

    def fetch(self, expression: str, start: int, end: int) -> SeriesList:
        """What a path (globs and all) or a `seriesByTag(...)` call finds, sorted by name.

        Points lie in `start < time <= end`, seconds.
        """
        ...

    def event_times(self, tags: Sequence[str], start: int, end: int) -> Sequence[int]:
        """When an event with all these tags happened, seconds; without tags, any event."""
        ...


@dataclass(slots=True)
class State:
    """What functions leave for those evaluated later in the same request."""

    x_files_factor: float = 0.0
    """`setXFilesFactor` changes it for what follows."""
    stacks: dict[str, Float64s] = field(default_factory=dict[str, Float64s])
    """The running totals of `stacked`."""


@dataclass(frozen=True, slots=True)
class Context:
    """One request, seen by one function."""

    start: int
    end: int
    """The window, epoch seconds."""
    now: int
    source: Source
    evaluate: Callable[[Context, Expression | str], SeriesList]
    """Answers a target or a part of one."""
    call: Callable[..., SeriesList]
    """`call(context, name, *arguments)`: another function."""
    functions: Container[str] = ()
    """The names `call` knows."""
    zone: tzinfo = UTC
    template: Mapping[str, Scalar] = field(default_factory=dict[str, Scalar])
    """Values for `$name` given with the request; they win over those in the target."""
    state: State = field(default_factory=State)
    random: Callable[[int], Float64s] = np.zeros
    """So many numbers in [0, 1), for `randomWalk`."""

    def at(self, start: int, end: int) -> Context:
        """The same request over another window."""
        return replace(self, start=start, end=end)

    def fetch(self, expression: str) -> SeriesList:
        """What the source has up to now, marked with what it was found by."""
        if self.start > self.now:
            return []
        found = self.source.fetch(expression, self.start, min(self.end, self.now))
        factor = self.state.x_files_factor
        return [series.but(path_expression=expression, x_files_factor=factor) for series in found]


@dataclass(frozen=True, slots=True)
class Deferred:
    """An argument not computed yet, so that a function can ask for it over another window."""

    expression: Expression
    context: Context
    replacements: Mapping[str, Scalar]
    compute: Callable[[Context, Expression, Mapping[str, Scalar]], Any]

    def series(self) -> SeriesList:
        """Over the window of the graph."""
        return self.over(self.context.start, self.context.end)

    def over(self, start: int, end: int) -> SeriesList:
        """Over another window."""
        result = self.compute(self.context.at(start, end), self.expression, self.replacements)
        if not isinstance(result, list):
            raise TargetError(f"expected series, not {result!r}")
        return cast(SeriesList, result)
