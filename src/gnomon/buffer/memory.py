"""The memory buffer: batches as they came, for as long as the process lives.

For sinks whose other side does not miss what a restart costs. Nothing survives a kill.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gnomon.buffer.age import AgeClock
from gnomon.buffer.interface import BufferStats
from gnomon.buffer.losses import Losses
from gnomon.buffer.settings import BufferSettings
from gnomon.buffer.turn import Turn
from gnomon.core.clock import Clock
from gnomon.core.component import Entry
from gnomon.core.errors import Full
from gnomon.core.model import Batch, Mark
from gnomon.core.telemetry import Telemetry

ROW_BYTES = 20
"""Of a sample in columns."""
BATCH_BYTES = 400
"""Of a batch beside its samples and events, about."""
EVENT_BYTES = 600
"""Of an event, about."""


class _Held(NamedTuple):
    entry: Entry
    put: int
    size: int


class MemoryBuffer:
    """A `Buffer` in memory. The settings about sync mean nothing here."""

    def __init__(
        self,
        settings: BufferSettings,
        clock: Clock,
        telemetry: Telemetry,
        agent_id: str,
        name: str,
    ) -> None:
        """`name`: of the sink, for the self-metrics."""
        self._settings = settings
        self._age = AgeClock(clock)
        self._losses = Losses(telemetry, name)
        self._agent = agent_id
        self._epoch = 1 + secrets.randbelow((1 << 63) - 1)
        self._sequence = 0
        self._held: dict[Mark, _Held] = {}
        self._turn: Turn[Entry] = Turn(
            settings.order, lambda entry: len(entry.batch), lambda entry: entry.mark in self._held
        )
        self._samples = 0
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, batch: Batch) -> Mark:
        """Takes a batch, or raises `Full` if the buffer is closed."""
        with self._changed:
            if self._closed:
                raise Full("the buffer is closed")
            if not self._held:
                self._age.set()
            self._sequence += 1
            mark = Mark(self._agent, self._epoch, self._sequence)
            held = _Held(Entry(mark, batch), self._age.now(), _size(batch))
            self._held[mark] = held
            self._samples += len(batch)
            self._bytes += held.size
            self._enforce()
            self._changed.notify_all()
        return mark

    def read(self, max_samples: int, timeout: float) -> Sequence[Entry]:
        """The batches whose turn it is; see `Buffer`."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._held, timeout)
            if self._closed:
                return []
            self._enforce()
            held = self._held.values()
            oldest = (one.entry for one in held)
            return self._turn.choose(max_samples, oldest, (one.entry for one in reversed(held)))

    def ack(self, marks: Sequence[Mark]) -> None:
        """These are delivered."""
        with self._changed:
            self._take(marks)

    def drop(self, marks: Sequence[Mark], reason: str) -> None:
        """These were refused for good."""
        with self._changed:
            self._losses.count(reason, self._take(marks))

    def sync(self) -> None:
        """Nothing here survives a power cut."""

    def stats(self) -> BufferStats:
        """What stands here now, and what was lost."""
        with self._changed:
            oldest = next(iter(self._held.values()), None)
            return BufferStats(
                len(self._held),
                self._samples,
                self._bytes,
                None if oldest is None else oldest.put,
                self._losses.by_reason(),
            )

    def close(self) -> None:
        """Wakes a waiting `read`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _take(self, marks: Iterable[Mark]) -> int:
        """Removes batches; how many samples they had."""
        samples = 0
        for mark in marks:
            held = self._held.pop(mark, None)
            if held is not None:
                samples += len(held.entry.batch)
                self._bytes -= held.size
        self._samples -= samples
        return samples

    def _enforce(self) -> None:
        """Drops the oldest beyond the bounds of age and bytes."""
        oldest_allowed = self._age.now() - round(self._settings.max_age * 1000)
        while self._held:
            mark, held = next(iter(self._held.items()))
            if held.put < oldest_allowed:
                self._losses.count("age", self._take([mark]))
            elif self._bytes > self._settings.max_bytes:
                self._losses.count("overflow", self._take([mark]))
            else:
                break


def _size(batch: Batch) -> int:
    return BATCH_BYTES + ROW_BYTES * len(batch) + EVENT_BYTES * len(batch.events)
