"""Whose turn it is: which of the waiting batches a `read` gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Turn(Generic[T]):
    """Chooses among waiting batches, and chooses the same ones until they are settled."""

    def __init__(self, order: str, samples: Callable[[T], int], waits: Callable[[T], bool]) -> None:
        """`order`: `oldest` or `freshest`; `waits`: whether a batch is not settled yet."""
        self._freshest = order == "freshest"
        self._samples = samples
        self._waits = waits
        self._given: list[T] = []

    def choose(self, max_samples: int, oldest: Iterable[T], newest: Iterable[T]) -> list[T]:
        """Up to about `max_samples`, at least one batch, in the order in which they were put.

        `oldest` and `newest` are all that wait, from either end.
        """
        # New batches come between a read and its repetition, so what was given is remembered: a
        # sink sends the same bytes again, and the other side knows them.
        self._given = [item for item in self._given if self._waits(item)]
        if not self._given and self._freshest:
            self._given = self._up_to(max_samples, newest)[::-1]
        elif not self._given:
            self._given = self._up_to(max_samples, oldest)
        return self._up_to(max_samples, self._given)

    def _up_to(self, max_samples: int, items: Iterable[T]) -> list[T]:
        taken: list[T] = []
        samples = 0
        for item in items:
            samples += max(1, self._samples(item))
            if taken and samples > max_samples:
                break
            taken.append(item)
        return taken
