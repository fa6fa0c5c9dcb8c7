"""From PromQL matchers to the store: the name rule.

A metric is stored under the name it came with (`system.cpu.user`). PromQL users also write the
classic form, every character that classic Prometheus names do not allow turned into `_`
(`system_cpu_user`). So a stored series has two names, and a selector finds it by either; it answers
under the name it was asked by: the classic form if only that one matched, else its own. A negative
condition (`!=`, `!~`) has to hold for both names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gnomon.core.model import NAME_LABEL, Labels, Series
from gnomon.server.query.series import Float64s, Int64s
from gnomon.server.store.interface import Frame, Matcher, MatchOp, Store

_ILLEGAL = re.compile(r"[^a-zA-Z0-9_:]")
_POSITIVE = (MatchOp.EQUAL, MatchOp.REGEX)


class Selected(NamedTuple):
    """Raw samples of the series that match, under the names they answer to (CSR, as in `Frame`)."""

    names: Sequence[str]
    labels: Sequence[Labels]
    offsets: Int64s
    timestamps: Int64s
    values: Float64s


class _Names(NamedTuple):
    """All stored names, and those of each classic form."""

    known: Sequence[str]
    by_classic: Mapping[str, Sequence[str]]


class Resolved(NamedTuple):
    """Matchers as the store understands them, and the names that answer differently."""

    matchers: Sequence[Matcher]
    renamed: dict[str, str]
    """Stored name to the name asked by."""


class Selector:
    """Reads series out of a store by PromQL matchers."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._names = _Names((), {})

    def raw(self, matchers: Sequence[Matcher], start: int, end: int) -> Selected:
        """All samples of the series that match, from `start` up to and including `end`."""
        resolved = self.resolve(matchers)
        if resolved is None:
            none = np.empty(0, dtype=np.int64)
            return Selected([], [], np.zeros(1, dtype=np.int64), none, np.empty(0))
        frame = self.store.raw(resolved.matchers, start, end)
        return _named(frame, resolved.renamed)

    def series(
        self, matchers: Sequence[Matcher], start: int | None = None, end: int | None = None
    ) -> list[tuple[str, Labels]]:
        """Name and labels of the series that match."""
        resolved = self.resolve(matchers)
        if resolved is None:
            return []
        found = self.store.series(resolved.matchers, start, end)
        return [(resolved.renamed.get(s.name, s.name), s.labels) for s in found]

    def resolve(self, matchers: Sequence[Matcher]) -> Resolved | None:
        """What to ask the store for; None when no stored name can match."""
        on_name = [matcher for matcher in matchers if matcher.label == NAME_LABEL]
        others = [matcher for matcher in matchers if matcher.label != NAME_LABEL]
        if not on_name:
            return Resolved(others, {})
        chosen = _chosen(self._current_names(), on_name)
        if not chosen:
            return None
        if len(chosen) == 1:
            names = Matcher(NAME_LABEL, MatchOp.EQUAL, next(iter(chosen)))
        else:
            alternatives = "|".join(re.escape(name) for name in chosen)
            names = Matcher(NAME_LABEL, MatchOp.REGEX, alternatives)
        renamed = {stored: asked for stored, asked in chosen.items() if stored != asked}
        return Resolved([names, *others], renamed)

    def _current_names(self) -> _Names:
        """The map from classic to stored names follows the store's list of names."""
        known = self.store.label_values(NAME_LABEL)
        names = self._names
        if known is not names.known and list(known) != list(names.known):
            table: dict[str, list[str]] = {}
            for name in known:
                table.setdefault(classic(name), []).append(name)
            names = self._names = _Names(known, table)
        return names


def _chosen(names: _Names, matchers: Sequence[Matcher]) -> dict[str, str]:
    """Stored name to answered name, of all names that meet the conditions."""
    positive = [matcher for matcher in matchers if matcher.op in _POSITIVE]
    negative = [matcher for matcher in matchers if matcher.op not in _POSITIVE]
    exact = next((matcher.value for matcher in positive if matcher.op is MatchOp.EQUAL), None)
    candidates = names.known if exact is None else names.by_classic.get(classic(exact), ())
    chosen: dict[str, str] = {}
    for stored in candidates:
        other = classic(stored)
        if not all(matcher.matches(stored) and matcher.matches(other) for matcher in negative):
            continue
        for name in (stored, other):
            if all(matcher.matches(name) for matcher in positive):
                chosen[stored] = name
                break
    return chosen


def classic(name: str) -> str:
    """A metric name as classic Prometheus would have to write it."""
    changed = _ILLEGAL.sub("_", name)
    return f"_{changed}" if changed[:1].isdigit() else changed


def _named(frame: Frame, renamed: dict[str, str]) -> Selected:
    series: Sequence[Series] = frame.series
    names = [one.name for one in series]
    labels = [one.labels for one in series]
    if not renamed:
        return Selected(names, labels, frame.offsets, frame.timestamps, frame.values)
    return _distinct(
        [renamed.get(name, name) for name in names],
        labels,
        [name in renamed for name in names],
        frame,
    )


def _distinct(names: list[str], labels: list[Labels], alias: list[bool], frame: Frame) -> Selected:
    """Where two stored names look alike in the classic form, a series of that very name wins."""
    best: dict[tuple[str, Labels], int] = {}
    for row in sorted(range(len(names)), key=alias.__getitem__):
        best.setdefault((names[row], labels[row]), row)
    if len(best) == len(names):
        return Selected(names, labels, frame.offsets, frame.timestamps, frame.values)
    rows = sorted(best.values())
    keep = np.zeros(len(names), dtype=np.bool_)
    keep[rows] = True
    counts = np.diff(frame.offsets)
    samples = np.repeat(keep, counts)
    offsets = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts[keep])))
    return Selected(
        [names[row] for row in rows],
        [labels[row] for row in rows],
        offsets,
        frame.timestamps[samples],
        frame.values[samples],
    )
