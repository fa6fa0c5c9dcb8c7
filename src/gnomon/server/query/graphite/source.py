"""Finds and samples what a target names, from a store and the tree of its names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gnomon.core.errors import LimitExceeded
from gnomon.core.model import Series
from gnomon.server.query.graphite import sampling
from gnomon.server.query.graphite.names import tags_of
from gnomon.server.query.graphite.selection import Selection, select, selecting
from gnomon.server.query.graphite.timeseries import SeriesList, TimeSeries, nothing
from gnomon.server.query.graphite.tree import Tree
from gnomon.server.store.interface import Frame, Int64s, Store

_MOST_EVENTS = 100_000
_LOOK_BACK = 6 * 3600
"""Seconds before the window in which steps are looked for."""


class Limits(NamedTuple):
    """What one request may touch."""

    series: int = 50_000
    samples: int = 50_000_000


class StoreSource:
    """The `Source` of one request: what was fetched once is not fetched again."""

    def __init__(
        self,
        store: Store,
        tree: Tree,
        limits: Limits | None = None,
        steps: dict[Series, int] | None = None,
    ) -> None:
        """`steps`: the last known step of each series, kept from request to request."""
        self._store = store
        self._steps = {} if steps is None else steps
        self._tree = tree
        self._limits = limits or Limits()
        self._fetched: dict[tuple[str, int, int], SeriesList] = {}
        self._samples = 0

    def fetch(self, expression: str, start: int, end: int) -> SeriesList:
        """See `Source`."""
        key = (expression, start, end)
        if key not in self._fetched:
            self._fetched[key] = self._read(select(expression, self._store, self._tree), start, end)
        return self._fetched[key]

    def event_times(self, tags: Sequence[str], start: int, end: int) -> Sequence[int]:
        """See `Source`."""
        found = self._store.events(start * 1000, end * 1000 + 999, limit=_MOST_EVENTS)
        wanted = set(tags)
        return sorted(
            event.timestamp // 1000 for event in found if wanted <= event_tags(event.labels)
        )

    def _read(self, selection: Selection, start: int, end: int) -> SeriesList:
        if not selection.named:
            return []
        if len(selection.named) > self._limits.series:
            raise LimitExceeded(
                f"this asks for {len(selection.named)} series, more than {self._limits.series}; "
                "narrow the path"
            )
        frame = self._store.raw(selection.matchers, start * 1000, end * 1000 + 999)
        self._samples += len(frame.values)
        if self._samples > self._limits.samples:
            raise LimitExceeded(
                f"this asks for more than {self._limits.samples} samples; "
                "narrow the path or the time range"
            )
        return self._answered(selection, _without_nan(frame), start, end)

    def _learn(self, series: Sequence[Series], start: int, end: int) -> None:
        """Looks further back for the steps of series whose samples in the window do not tell them.

        Once for each series: what is not found then is told by its samples when it has some.
        """
        frame = self._store.raw(selecting(series), (start - _LOOK_BACK) * 1000, end * 1000 + 999)
        told = sampling.steps(_without_nan(frame)).told
        found = dict(zip(frame.series, told.tolist(), strict=True))
        self._steps.update({one: found.get(one, 0) for one in series})

    def _answered(self, selection: Selection, frame: Frame, start: int, end: int) -> SeriesList:
        """Each name with its points at its step."""
        wanted = self._by_step(selection, frame, start, end)
        answered: SeriesList = []
        for step, entries in wanted.items():
            first, last = sampling.window(start, end, step)
            present = np.array([row for _, row in entries if row >= 0], dtype=np.int64)
            lines = iter(sampling.sampled(frame, present, first, last, step))
            for name, row in entries:
                values = next(lines) if row >= 0 else nothing((last - first) // step)
                tags = tags_of(selection.named[name][0])
                answered.append(TimeSeries(name, first, last, step, values, tags=tags))
        answered.sort(key=lambda series: series.name)
        return answered

    def _by_step(
        self, selection: Selection, frame: Frame, start: int, end: int
    ) -> Mapping[int, list[tuple[str, int]]]:
        """Names and where their samples are (-1: nowhere) for each step.

        The step is that of the samples. Where they are too few to tell, it is what it was known to
        be, or else what most of the others have.
        """
        rows = {series: row for row, series in enumerate(frame.series)}
        steps = sampling.steps(frame)
        usual = sampling.common(steps.told)
        where = {
            name: (members[0], _best_row(members, rows, frame))
            for name, members in selection.named.items()
        }
        for first, row in where.values():
            if row >= 0 and steps.told[row]:
                self._steps[first] = int(steps.told[row])
        unknown = [first for first, _ in where.values() if first not in self._steps]
        if unknown:
            self._learn(unknown, start, end)
        wanted: dict[int, list[tuple[str, int]]] = {}
        for name, (first, row) in where.items():
            hinted = int(steps.hinted[row]) if row >= 0 else 0
            step = self._steps[first] or usual or hinted or sampling.DEFAULT_STEP
            wanted.setdefault(step, []).append((name, row))
        return wanted


def event_tags(labels: Iterable[tuple[str, str]]) -> set[str]:
    """Tags of an event as words: a bare tag `x` (stored as `x=true`) and `key:value`."""
    return {name if value == "true" else f"{name}:{value}" for name, value in labels}


def _without_nan(frame: Frame) -> Frame:
    """Without samples that say there is no value (staleness marks)."""
    missing = np.isnan(frame.values)
    if not missing.any():
        return frame
    kept = np.concatenate(([0], np.cumsum(~missing)))
    return Frame(
        frame.series, kept[frame.offsets], frame.timestamps[~missing], frame.values[~missing]
    )


def _best_row(members: Sequence[Series], rows: Mapping[Series, int], frame: Frame) -> int:
    """Where the samples of a name are: of series that share it, those that have most; else -1."""
    present = [rows[member] for member in members if member in rows]
    return max(present, key=lambda row: _size(frame.offsets, row), default=-1)


def _size(offsets: Int64s, row: int) -> int:
    return int(offsets[row + 1] - offsets[row])
