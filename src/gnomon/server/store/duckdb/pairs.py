"""The dictionary of label pairs: each distinct (label, value) has a number, its `code`.

A series is a few codes, a matcher is a set of codes, and a regular expression is tried on the
distinct values of one label instead of on every series. The metric name is the value of
`__name__`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnomon.core.errors import Permanent
from gnomon.server.store.duckdb.columns import Column
from gnomon.server.store.interface import Matcher, MatchOp

Codes = NDArray[np.int64]

CACHED_MATCHES = 256
_PLAIN = re.compile(r"[\w:/ ,=@%~-]*")


class NewPair(NamedTuple):
    """A pair on its way into the dictionary."""

    code: int
    label: str
    value: str


class Choice(NamedTuple):
    """What a matcher says in codes."""

    codes: Codes
    excludes: bool
    """Whether a series must have none of the codes (a missing label meets the matcher)."""


class Pairs:
    """Grows only; one writer, many readers."""

    def __init__(
        self, labels: Sequence[str], owners: NDArray[np.uint32], values: list[str]
    ) -> None:
        """From the stored tables: label names, and for each code its label's place and its value."""
        self._labels = {name: place for place, name in enumerate(labels)}
        self._names = list(labels)
        self._owners = Column(owners)
        self._values = values
        self._codes: list[dict[str, int]] = [{} for _ in labels]
        for place in range(len(labels)):
            codes = np.flatnonzero(owners == place).tolist()
            self._codes[place] = {values[code]: code for code in codes}
        self._matched: dict[Matcher, tuple[int, Choice]] = {}

    def __len__(self) -> int:
        """The next code."""
        return len(self._values)

    @property
    def label_count(self) -> int:
        """How many label names."""
        return len(self._names)

    def place(self, label: str) -> int | None:
        """The place of a label name."""
        return self._labels.get(label)

    def find(self, label: str, value: str) -> int | None:
        """The code of a pair."""
        place = self._labels.get(label)
        return None if place is None else self._codes[place].get(value)

    def add(self, pairs: Iterable[NewPair]) -> None:
        """Takes in pairs whose codes follow on the last one."""
        owners: list[int] = []
        for code, label, value in pairs:
            place = self._labels.get(label)
            if place is None:
                place = len(self._names)
                self._names.append(label)
                self._codes.append({})
                self._labels[label] = place
            self._codes[place][value] = code
            self._values.append(value)
            owners.append(place)
        self._owners.extend(owners)

    def pair(self, code: int) -> tuple[str, str]:
        """Label and value of a code."""
        return self._names[int(self._owners.view[code])], self._values[code]

    def names_of(self, codes: Codes) -> list[str]:
        """The label names that occur in some codes, sorted."""
        used: list[int] = np.unique(self._owners.view[codes]).tolist()
        return sorted(self._names[place] for place in used)

    def values_of(self, label: str, codes: Codes) -> list[str]:
        """The values of one label that occur in some codes, sorted."""
        place = self._labels.get(label)
        if place is None:
            return []
        own: list[int] = np.unique(codes[self._owners.view[codes] == place]).tolist()
        return sorted(self._values[code] for code in own)

    def choose(self, matcher: Matcher) -> Choice:
        """The codes a matcher speaks of. Raises `Permanent` for a malformed regular expression."""
        known = self._matched.get(matcher)
        if known is not None and known[0] == len(self):
            return known[1]
        size = len(self)
        choice = self._choose(matcher)
        if len(self._matched) >= CACHED_MATCHES:
            self._matched = {}
        self._matched[matcher] = (size, choice)
        return choice

    def _choose(self, matcher: Matcher) -> Choice:
        wanted = _literals(matcher)
        matches = _predicate(matcher)
        excludes = matches("")
        place = self._labels.get(matcher.label)
        if place is None:
            return Choice(np.empty(0, np.int64), excludes)
        table = self._codes[place]
        if wanted is not None:
            found = [table[value] for value in wanted if value in table]
        else:
            # A copy, which takes one step: the writer may add to the table meanwhile.
            values = table.copy().items()
            found = [code for value, code in values if matches(value) is not excludes]
        return Choice(np.array(sorted(found), np.int64), excludes)


def _predicate(matcher: Matcher) -> Callable[[str], bool]:
    """`Matcher.matches`, compiled."""
    op, value = matcher.op, matcher.value
    if op is MatchOp.EQUAL:
        return value.__eq__
    if op is MatchOp.NOT_EQUAL:
        return value.__ne__
    try:
        full = re.compile(value, re.DOTALL).fullmatch
    except re.error as error:
        raise Permanent(f"not a regular expression: {value!r}: {error}") from None
    if op is MatchOp.REGEX:
        return lambda text: full(text) is not None
    return lambda text: full(text) is None


def _literals(matcher: Matcher) -> set[str] | None:
    """The values a choice consists of where they can be named without looking at all values.

    That is so for `=`, `!=` and for regular expressions of plain alternatives (`a|b|c`, which is
    what dashboards make of a multiple selection), unless one of them is the empty string.
    """
    if matcher.op in (MatchOp.EQUAL, MatchOp.NOT_EQUAL):
        wanted = {matcher.value}
    else:
        wanted = set(matcher.value.split("|"))
        if not all(map(_PLAIN.fullmatch, wanted)):
            return None
    return None if "" in wanted else wanted
