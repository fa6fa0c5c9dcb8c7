"""Hot samples in memory, by bucket of time; the hot tables on disk hold the same for a restart.

Only the appending thread adds. What it adds is kept as it came (`Rows`), is grouped when there is
enough of it, and groups of like size are merged: a sample moves a handful of times, and a reader
meets a handful of runs. All parts are immutable, so a reader works on a copy of two short tuples.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.server.store.duckdb.rows import (
    Bools,
    Refs,
    Rows,
    Run,
    grouped,
    joined,
    merged,
    picked,
    within,
)

TAIL_PARTS = 64
TAIL_ROWS = 131_072


class Snapshot(NamedTuple):
    """A head bucket as a reader sees it."""

    runs: tuple[Run, ...]
    tail: tuple[Rows, ...]

    def select(self, refs: Refs, chosen: Bools, start: int, end: int) -> list[Run]:
        """Samples of the given series in a time range, as runs in arrival order.

        `refs` is sorted; `chosen` is the same set as a mask over all refs, ending in a False that
        stands for all later ones.
        """
        found = [
            within(picked(run, refs), start, end)
            for run in self.runs
            if run.first <= end and run.last >= start
        ]
        for rows in self.tail:
            mask = chosen[np.minimum(rows.refs, len(chosen) - 1)]
            mask &= (rows.timestamps >= start) & (rows.timestamps <= end)
            if mask.any():
                found.append(grouped(rows.at(mask)))
        return found

    def all(self) -> list[Run]:
        """Everything, as runs in arrival order."""
        return [*self.runs, *([grouped(joined(self.tail))] if self.tail else ())]


class HeadBucket:
    """The samples of one hot table."""

    __slots__ = ("first", "last", "number", "opened", "rows", "snapshot", "table")

    def __init__(self, table: str, number: int | None, opened: float) -> None:
        """`number`: which bucket, None for late samples; `opened`: by the monotonic clock."""
        self.table = table
        self.number = number
        self.opened = opened
        self.snapshot = Snapshot((), ())
        self.rows = 0
        self.first = 0
        self.last = -1

    def add(self, rows: Rows) -> None:
        """Takes rows over; cheap, and visible at once."""
        if not len(rows.refs):
            return
        first, last = int(rows.timestamps.min()), int(rows.timestamps.max())
        self.first = min(first, self.first) if self.rows else first
        self.last = max(last, self.last) if self.rows else last
        self.rows += len(rows.refs)
        runs, tail = self.snapshot
        self.snapshot = Snapshot(runs, (*tail, rows))

    def settle(self) -> None:
        """Puts what gathered in the tail in order."""
        runs, tail = self.snapshot
        if len(tail) < TAIL_PARTS and sum(len(rows.refs) for rows in tail) < TAIL_ROWS:
            return
        rows = joined(tail)
        if len(rows.refs) < TAIL_ROWS:
            self.snapshot = Snapshot(runs, (rows,))
            return
        tiers = [*runs, grouped(rows)]
        while len(tiers) > 1 and tiers[-2].rows <= 2 * tiers[-1].rows:
            tiers[-2:] = [merged(tiers[-2:])]
        self.snapshot = Snapshot(tuple(tiers), ())
