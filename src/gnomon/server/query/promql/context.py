"""What an evaluation is given: the steps, the data, the limits, and where to put remarks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from gnomon.core.model import Labels
from gnomon.server.query.promql.annotations import Annotations
from gnomon.server.query.promql.durations import milliseconds
from gnomon.server.query.promql.errors import TooMuch
from gnomon.server.query.promql.syntax import Duration
from gnomon.server.query.promql.value import STALE_BITS, Samples
from gnomon.server.query.select import Selected
from gnomon.server.query.series import Int64s, TimeGrid
from gnomon.server.store.interface import Matcher

LOOKBACK = 5 * 60_000
"""How far back an instant selector looks for a sample, in milliseconds."""
SUBQUERY_STEP = 60_000
"""The step of a subquery that names none, in milliseconds."""


class QueryLimits(NamedTuple):
    """What one query may cost."""

    max_series: int = 200_000
    """Series one selector may find."""
    max_samples: int = 20_000_000
    """Samples loaded, and cells of one result."""
    max_points: int = 11_000
    """Steps of one series, as in Prometheus."""


class Source(Protocol):
    """Where samples come from."""

    def raw(self, matchers: Sequence[Matcher], start: int, end: int) -> Selected:
        """All samples of the series that match, in the closed range."""
        ...

    def series(
        self, matchers: Sequence[Matcher], start: int | None = None, end: int | None = None
    ) -> Sequence[tuple[str, Labels]]:
        """Name and labels of the series that match."""
        ...


class Statistics:
    """What a query touched."""

    def __init__(self) -> None:
        self.series = 0
        self.samples = 0
        self.peak_cells = 0


class Asked(NamedTuple):
    """One query: the same for all its subqueries."""

    query: str
    grid: TimeGrid
    """The steps that were asked for; `start()`, `end()`, `range()` and `step()` speak of it."""
    source: Source
    limits: QueryLimits
    check: Callable[[], None]
    """Raises `TimedOut` or `Canceled` when it is time to stop; called often."""
    notes: Annotations
    statistics: Statistics
    lookback: int = LOOKBACK
    subquery_step: int = SUBQUERY_STEP

    @property
    def step(self) -> int:
        """Milliseconds; 0 for an instant query."""
        return self.grid.step if self.grid.points > 1 else 0


class Context(NamedTuple):
    """One query at certain steps."""

    asked: Asked
    grid: TimeGrid

    @property
    def steps(self) -> int:
        """How many."""
        return self.grid.points

    def times(self) -> Int64s:
        """When each step is evaluated."""
        return self.grid.times()

    def milliseconds(self, duration: Duration, *, positive: bool) -> int:
        """The value of a duration, which may speak of the query's step and range."""
        grid = self.asked.grid
        return milliseconds(
            duration,
            step=self.asked.step,
            query_range=grid.end - grid.start,
            positive=positive,
        )

    def load(self, matchers: Sequence[Matcher], start: int, end: int) -> Samples:
        """Samples after `start`, up to and including `end`, staleness markers among them."""
        self.asked.check()
        found = self.asked.source.raw(matchers, start + 1, end)
        rows, count = len(found.names), len(found.values)
        limits, statistics = self.asked.limits, self.asked.statistics
        if rows > limits.max_series:
            raise TooMuch(
                f"the query touches {rows} series, more than the {limits.max_series} allowed; "
                "select fewer with label matchers"
            )
        statistics.series += rows
        statistics.samples += count
        if statistics.samples > limits.max_samples:
            raise TooMuch(
                "query processing would load too many samples into memory: more than the "
                f"{limits.max_samples} allowed; ask for a shorter time or fewer series"
            )
        self.check_cells(rows)
        drop = np.zeros(rows, dtype=np.bool_)
        return Samples(
            found.names, found.labels, drop, found.offsets, found.timestamps, found.values
        )

    def check_cells(self, rows: int) -> None:
        """Refuses a result too large before it is computed."""
        cells = rows * self.steps
        self.asked.statistics.peak_cells = max(self.asked.statistics.peak_cells, cells)
        if cells > self.asked.limits.max_samples:
            raise TooMuch(
                f"{rows} series at {self.steps} steps are more than the "
                f"{self.asked.limits.max_samples} points allowed; choose a longer step, a shorter "
                "time or fewer series"
            )


def without_stale(samples: Samples) -> Samples:
    """Without staleness markers, and without series that have nothing else."""
    stale = samples.values.view(np.int64) == STALE_BITS
    if not bool(stale.any()):
        return samples
    kept = ~stale
    before = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(kept)))
    return samples._replace(
        offsets=before[samples.offsets],
        timestamps=samples.timestamps[kept],
        values=samples.values[kept],
    )
