"""Which batches were stored already: marks of agents as interval sets, and idempotency keys.

An agent numbers its batches 1, 2, 3 ... within an epoch, so what it delivered is a few intervals
however long it lives. A key is remembered by itself. Both carry the time they were last seen, and
are forgotten long after any buffer could still hold the batch.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from gnomon.core.model import Mark
from gnomon.server.store.interface import Write


class Verdict(Enum):
    """What is known of a write before it is stored."""

    NEW = "new"
    PARTLY = "partly"
    """Some of its batches were stored before. Its samples may be written again, for a series has
    one value at one time; events that are there already must not."""
    DUPLICATE = "duplicate"


class Intervals:
    """A set of whole numbers, as sorted bounds `[first, last + 1, first, last + 1, ...]`."""

    __slots__ = ("bounds",)

    def __init__(self) -> None:
        self.bounds: list[int] = []

    def __contains__(self, number: int) -> bool:
        return bisect_right(self.bounds, number) % 2 == 1

    def __len__(self) -> int:
        """How many intervals."""
        return len(self.bounds) // 2

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """First and last number of each interval."""
        for place in range(0, len(self.bounds), 2):
            yield self.bounds[place], self.bounds[place + 1] - 1

    def add(self, first: int, last: int) -> None:
        """Adds all numbers from `first` to `last`; intervals that touch become one."""
        bounds = self.bounds
        low, high = bisect_left(bounds, first), bisect_right(bounds, last + 1)
        bounds[low:high] = [first] * (low % 2 == 0) + [last + 1] * (high % 2 == 0)


class Run(NamedTuple):
    """Batches of one epoch with consecutive numbers."""

    agent: str
    epoch: int
    first: int
    last: int


class Ledger:
    """All that was stored, by mark and by key. Not safe for threads: the store locks."""

    def __init__(self) -> None:
        self._epochs: dict[tuple[str, int], Intervals] = {}
        self._seen: dict[tuple[str, int], int] = {}
        self._keys: dict[str, int] = {}

    def judge(self, writes: Sequence[Write]) -> list[Verdict]:
        """A verdict for each, as if they were stored one after the other."""
        marks: set[Mark] = set()
        keys: set[str] = set()
        verdicts: list[Verdict] = []
        for write in writes:
            known = sum(mark in marks or self._knows(mark) for mark in write.marks)
            repeated = write.key != "" and (write.key in keys or write.key in self._keys)
            if repeated or (write.marks and known == len(write.marks)):
                verdicts.append(Verdict.DUPLICATE)
            else:
                verdicts.append(Verdict.PARTLY if known else Verdict.NEW)
                marks.update(write.marks)
                keys.add(write.key)
        return verdicts

    def record(self, run: Run, seen: int) -> None:
        """These batches were stored, at `seen` ms."""
        epoch = (run.agent, run.epoch)
        self._epochs.setdefault(epoch, Intervals()).add(run.first, run.last)
        self._seen[epoch] = max(seen, self._seen.get(epoch, seen))

    def record_key(self, key: str, seen: int) -> None:
        """A write with this key was stored, at `seen` ms."""
        self._keys[key] = seen

    def forget(self, before: int) -> bool:
        """Drops epochs and keys not seen since `before` ms; whether there were any."""
        epochs = [epoch for epoch, seen in self._seen.items() if seen < before]
        keys = [key for key, seen in self._keys.items() if seen < before]
        for epoch in epochs:
            del self._epochs[epoch], self._seen[epoch]
        for key in keys:
            del self._keys[key]
        return bool(epochs or keys)

    def runs(self) -> Iterator[tuple[Run, int]]:
        """Everything known by mark, with the time each epoch was last seen."""
        for (agent, epoch), intervals in self._epochs.items():
            for first, last in intervals:
                yield Run(agent, epoch, first, last), self._seen[agent, epoch]

    def keys(self) -> Iterator[tuple[str, int]]:
        """Every key with the time it was seen."""
        return iter(self._keys.items())

    def __len__(self) -> int:
        """Intervals and keys: what it costs."""
        return sum(map(len, self._epochs.values())) + len(self._keys)

    def _knows(self, mark: Mark) -> bool:
        intervals = self._epochs.get((mark.agent, mark.epoch))
        return intervals is not None and mark.sequence in intervals


def runs_of(marks: Sequence[Mark]) -> list[Run]:
    """Marks as runs of consecutive numbers."""
    found: list[Run] = []
    for agent, epoch, sequence in sorted(set(marks)):
        last = found[-1] if found else None
        if last and (last.agent, last.epoch, last.last + 1) == (agent, epoch, sequence):
            found[-1] = last._replace(last=sequence)
        else:
            found.append(Run(agent, epoch, sequence, sequence))
    return found
