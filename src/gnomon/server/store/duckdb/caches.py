"""Bounded dictionaries that forget what was not used for longest, roughly.

Each has a young and an old half: what is used moves into the young one, and when that is full the
old one is dropped. No order is kept, so a hit costs one look-up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from gnomon.core.model import Series

K = TypeVar("K")
V = TypeVar("V")


class Cache(Generic[K, V]):
    """A bounded dictionary. Values are never None."""

    def __init__(self, size: int) -> None:
        self._half = max(1, size // 2)
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """The value, if it is still here."""
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: K, value: V) -> None:
        """Remembers a value."""
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def clear(self) -> None:
        """Forgets everything."""
        self._young, self._old = {}, {}


class Seen:
    """Refs of series objects that were seen before: the very same objects, found by identity.

    A connection that keeps a dictionary of its series hands in the same objects again and again;
    for those neither hash nor labels are looked at. An object is kept as long as its entry.
    """

    def __init__(self, size: int) -> None:
        self._half = max(1, size // 2)
        self._young: dict[int, int] = {}
        self._old: dict[int, int] = {}
        self._young_kept: list[Series] = []
        self._old_kept: list[Series] = []

    def get_all(self, batch: Sequence[Series]) -> list[int | None]:
        """The ref of each, None for those that were not seen."""
        found: list[int | None] = list(map(self._young.get, map(id, batch)))
        if self._old and None in found:
            for place, series in enumerate(batch):
                if found[place] is None:
                    ref = self._old.get(id(series))
                    if ref is not None:
                        found[place] = ref
                        self.put(series, ref)
        return found

    def put(self, series: Series, ref: int) -> None:
        """Remembers an object."""
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
            self._old_kept, self._young_kept = self._young_kept, []
        self._young[id(series)] = ref
        self._young_kept.append(series)

    def clear(self) -> None:
        """Forgets everything."""
        self._young, self._old, self._young_kept, self._old_kept = {}, {}, [], []
