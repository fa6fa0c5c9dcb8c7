"""Group commit: one thread appends all that came within a few milliseconds in one transaction.

Each caller is answered after the commit that holds its write, so a thousand small posts a second
cost about as many syncs as one big one. The queue is bounded by samples; beyond it a write is
refused with `Full`, never dropped.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import NamedTuple, Protocol

from gnomon.core.clock import Clock
from gnomon.core.errors import Full, Retryable
from gnomon.core.telemetry import Telemetry, counter, gauge
from gnomon.server.store.interface import Outcome, Store, Write
from gnomon.server.store.settings import WriterSettings

QUEUED = gauge("gnomon.store.queue.samples", "Samples that wait to be stored.")
REFUSED = counter("gnomon.store.queue.refused", "Writes refused because the queue was full.")
GROUPS = counter("gnomon.store.groups", "Groups of writes committed together.")
WRITES = counter("gnomon.store.writes", "Writes, by what became of them.")
SECONDS = counter("gnomon.store.append.seconds", "Time spent in appending.", "second")


class Writer(Protocol):
    """The one way into a store."""

    def submit(self, write: Write) -> Future[Outcome]:
        """Queues a write; raises `Full` when the queue is. The future resolves after the commit."""
        ...

    def close(self) -> None:
        """Commits what is queued, then ends. May be called twice."""
        ...


class _Waiting(NamedTuple):
    write: Write
    future: Future[Outcome]


class GroupWriter:
    """The `Writer` of every store: a bounded queue and the one thread that calls `append`.

    A write that can never be stored (`Permanent`) fails alone: its group is stored one by one then.
    A full disk fails the whole group with `Full`, and the next group is tried as if nothing had
    been, so the senders' own retries find out when there is space again.
    """

    def __init__(
        self,
        store: Store,
        telemetry: Telemetry,
        clock: Clock,
        settings: WriterSettings | None = None,
    ) -> None:
        """Starts the thread."""
        self._store = store
        self._telemetry = telemetry
        self._clock = clock
        self._settings = settings or WriterSettings()
        self._queue: deque[_Waiting] = deque()
        self._queued = 0
        self._closed = False
        self._changed = threading.Condition()
        telemetry.observe(QUEUED, lambda: self._queued)
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, write: Write) -> Future[Outcome]:
        """See `Writer`. A write larger than the whole queue is taken when the queue is empty."""
        size = len(write.batch)
        future: Future[Outcome] = Future()
        with self._changed:
            if self._closed:
                raise Full("the store is closing", retry_after=self._settings.retry_after)
            if self._queued and self._queued + size > self._settings.queue_samples:
                self._telemetry.value(REFUSED).add()
                raise Full(
                    f"{self._queued} samples wait to be stored already",
                    retry_after=self._settings.retry_after,
                )
            self._queue.append(_Waiting(write, future))
            self._queued += size
            self._changed.notify()
        return future

    def close(self) -> None:
        """See `Writer`."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            self._store_group(group)

    def _next_group(self) -> list[_Waiting]:
        """The writes of the next transaction; empty when closed and all is done."""
        settings = self._settings
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            self._changed.wait_for(
                lambda: self._closed or self._queued >= settings.group_samples, settings.gather
            )
            group: list[_Waiting] = []
            room = settings.group_samples
            while self._queue and (not group or len(self._queue[0].write.batch) <= room):
                waiting = self._queue.popleft()
                room -= len(waiting.write.batch)
                self._queued -= len(waiting.write.batch)
                group.append(waiting)
        return group

    def _store_group(self, group: Sequence[_Waiting]) -> None:
        # From here on a caller that went away changes nothing: its write is stored.
        group = [waiting for waiting in group if waiting.future.set_running_or_notify_cancel()]
        if not group:
            return
        started = self._clock.monotonic()
        try:
            outcomes = self._store.append([waiting.write for waiting in group])
        except Exception as error:  # noqa: BLE001  # even a bug must not leave the others waiting
            self._failed(group, error)
        else:
            for waiting, outcome in zip(group, outcomes, strict=True):
                self._count(outcome.value)
                waiting.future.set_result(outcome)
        self._telemetry.value(GROUPS).add()
        self._telemetry.value(SECONDS).add(self._clock.monotonic() - started)

    def _failed(self, group: Sequence[_Waiting], error: Exception) -> None:
        if len(group) > 1 and not isinstance(error, Retryable):
            for waiting in group:
                self._store_alone(waiting)
            return
        for waiting in group:
            self._refuse(waiting, error)

    def _store_alone(self, waiting: _Waiting) -> None:
        try:
            (outcome,) = self._store.append([waiting.write])
        except Exception as error:  # noqa: BLE001  # as above
            self._refuse(waiting, error)
        else:
            self._count(outcome.value)
            waiting.future.set_result(outcome)

    def _refuse(self, waiting: _Waiting, error: Exception) -> None:
        self._count("full" if isinstance(error, Full) else "failed")
        waiting.future.set_exception(error)

    def _count(self, outcome: str) -> None:
        self._telemetry.value(WRITES, outcome=outcome).add()
