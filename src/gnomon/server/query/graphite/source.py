"""Finds and samples what a target names, from a store and the tree of its names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gnomon.core.errors import LimitExceeded
from gnomon.core.model import NAME_LABEL, Series
from gnomon.server.query.graphite import sampling, tagged
from gnomon.server.query.graphite.grammar import Call, Literal, TargetError, parse
from gnomon.server.query.graphite.names import parse_tagged, tagged_path, tags_of
from gnomon.server.query.graphite.timeseries import SeriesList, TimeSeries, nothing
from gnomon.server.query.graphite.tree import Tree
from gnomon.server.store.interface import Float64s, Frame, Int64s, Matcher, MatchOp, Store

_MOST_ALTERNATIVES = 500
_MOST_EVENTS = 100_000


class Limits(NamedTuple):
    """What one request may touch."""

    series: int = 50_000
    samples: int = 50_000_000


class Selection(NamedTuple):
    """What an expression stands for: the series behind each answered name."""

    named: Mapping[str, Sequence[Series]]
    matchers: Sequence[Matcher]
    """Select at least these series."""


class StoreSource:
    """The `Source` of one request: what was fetched once is not fetched again."""

    def __init__(self, store: Store, tree: Tree, limits: Limits | None = None) -> None:
        self._store = store
        self._tree = tree
        self._limits = limits or Limits()
        self._fetched: dict[tuple[str, int, int], SeriesList] = {}
        self._samples = 0

    def fetch(self, expression: str, start: int, end: int) -> SeriesList:
        """See `Source`."""
        key = (expression, start, end)
        if key not in self._fetched:
            self._fetched[key] = self._read(self.select(expression), start, end)
        return self._fetched[key]

    def event_times(self, tags: Sequence[str], start: int, end: int) -> Sequence[int]:
        """See `Source`."""
        found = self._store.events(start * 1000, end * 1000 + 999, limit=_MOST_EVENTS)
        wanted = set(tags)
        return sorted(
            event.timestamp // 1000 for event in found if wanted <= event_tags(event.labels)
        )

    def select(self, expression: str) -> Selection:
        """The series of a path, a glob, a path with tags or a `seriesByTag(...)`."""
        if expression.startswith("seriesByTag("):
            matchers = tagged.matchers(_tag_expressions(expression))
            found = self._store.series(matchers)
            return Selection({tagged_path(one): (one,) for one in found}, matchers)
        if ";" in expression:
            name, labels = parse_tagged(expression)
            matchers = [Matcher(NAME_LABEL, MatchOp.EQUAL, name)]
            matchers += [Matcher(label, MatchOp.EQUAL, value) for label, value in labels]
            found = [one for one in self._store.series(matchers) if one.labels == labels]
            return Selection({expression: found} if found else {}, matchers)
        leaves = self._tree.leaves(expression)
        every = [series for leaf in leaves for series in leaf.node.series]
        return Selection({leaf.path: leaf.node.series for leaf in leaves}, selecting(every))

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
        return _answered(selection, _without_nan(frame), start, end)


def selecting(series: Sequence[Series]) -> list[Matcher]:
    """Few matchers that select at least these series, and not many more."""
    found = [_among(NAME_LABEL, {one.name for one in series})]
    for label, _ in series[0].labels if series else ():
        values = {one.label(label) for one in series}
        if "" not in values and len(values) <= _MOST_ALTERNATIVES:
            found.append(_among(label, values))
    return found


def _among(label: str, values: Iterable[str]) -> Matcher:
    distinct = sorted(values)
    if len(distinct) == 1:
        return Matcher(label, MatchOp.EQUAL, distinct[0])
    return Matcher(label, MatchOp.REGEX, "|".join(map(re.escape, distinct)))


def _tag_expressions(expression: str) -> list[str]:
    call = parse(expression)
    if not isinstance(call, Call) or not call.arguments:
        raise TargetError("seriesByTag() needs at least one tag expression")
    found: list[str] = []
    for argument in call.arguments:
        if not isinstance(argument, Literal) or not isinstance(argument.value, str):
            raise TargetError("seriesByTag() takes tag expressions in quotes")
        found.append(argument.value)
    return found


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


def _answered(selection: Selection, frame: Frame, start: int, end: int) -> SeriesList:
    """Each name with its points; those without any get the step of their neighbours."""
    rows = {series: row for row, series in enumerate(frame.series)}
    steps = sampling.steps(frame)
    usual = sampling.common_step(steps)
    wanted: dict[int, list[tuple[str, int]]] = {}
    for name, members in selection.named.items():
        row = _best_row(members, rows, frame)
        step = int(steps[row]) if row >= 0 else 0
        wanted.setdefault(step or usual, []).append((name, row))
    described = {name: tags_of(members[0]) for name, members in selection.named.items()}
    answered: SeriesList = []
    for step, entries in wanted.items():
        first, last = sampling.window(start, end, step)
        present = [row for _, row in entries if row >= 0]
        values = iter(sampling.sampled(frame, np.array(present, dtype=np.int64), first, last, step))
        for name, row in entries:
            line = next(values) if row >= 0 else nothing((last - first) // step)
            answered.append(_time_series(name, described[name], (first, last, step), line))
    answered.sort(key=lambda series: series.name)
    return answered


def _best_row(members: Sequence[Series], rows: Mapping[Series, int], frame: Frame) -> int:
    """Where the samples of a name are: of series that share it, those that have most; else -1."""
    present = [rows[member] for member in members if member in rows]
    return max(present, key=lambda row: _size(frame.offsets, row), default=-1)


def _size(offsets: Int64s, row: int) -> int:
    return int(offsets[row + 1] - offsets[row])


def _time_series(
    name: str, tags: Mapping[str, str], when: tuple[int, int, int], values: Float64s
) -> TimeSeries:
    first, last, step = when
    return TimeSeries(name, first, last, step, values, tags=tags)
