"""The disk buffer: batches in segments on disk until the sink has them.

Threads: many `put`, one reads and settles, one syncs; one lock guards all but the sync itself.
Format: docs/specs/buffer-format.md. Promises: `gnomon.buffer.interface`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from gnomon.buffer.age import AgeClock
from gnomon.buffer.files import Files, OsFiles
from gnomon.buffer.interface import BufferStats
from gnomon.buffer.losses import Losses
from gnomon.buffer.segment_log import Place, SegmentLog
from gnomon.buffer.settings import BufferSettings
from gnomon.buffer.turn import Turn
from gnomon.core.clock import Clock
from gnomon.core.component import Entry
from gnomon.core.errors import Corrupt, Full, Retryable
from gnomon.core.model import Batch, Mark
from gnomon.core.telemetry import Telemetry, counter, gauge

DROPPED = counter(
    "gnomon.buffer.dropped", "Samples that left a buffer unsent, by reason.", "sample"
)
DAMAGED = counter(
    "gnomon.buffer.damaged", "Files of a buffer found damaged; kept as *.bad.", "file"
)
ERRORS = counter("gnomon.buffer.errors", "File operations of a buffer that failed.", "error")
BYTES = gauge("gnomon.buffer.bytes", "Size of a buffer on disk.", "byte")
BATCHES = gauge("gnomon.buffer.batches", "Batches that wait in a buffer.", "batch")

KEPT_SAMPLES = 50_000
"""Samples of waiting batches also kept decoded, so that a sink that keeps up costs no decoding."""


class DiskBuffer:
    """A `Buffer` on disk, opened by being built. Raises `Permanent` if the folder cannot be used."""

    def __init__(  # noqa: PLR0913  # everything it is handed, once
        self,
        path: Path,
        settings: BufferSettings,
        clock: Clock,
        telemetry: Telemetry,
        agent_id: str,
        name: str,
        *,
        files: Files | None = None,
    ) -> None:
        """`name`: of the sink, for the self-metrics; `files`: the operating system's if not given."""
        self._settings = settings
        self._telemetry = telemetry
        self._name = name
        self._age = AgeClock(clock)
        self._log = SegmentLog(
            files or OsFiles(), path, agent_id, settings.max_bytes, self._age.now()
        )
        self._losses = Losses(telemetry, name)
        self._kept: dict[Mark, Entry] = {}
        self._kept_samples = 0
        self._turn: Turn[Place] = Turn(
            settings.order, lambda place: place.segment.count(place.at), lambda place: place.waits
        )
        self._closed = False
        self._changed = threading.Condition()
        self._syncing = threading.Lock()
        self._closing = threading.Event()
        self._syncer: threading.Thread | None = None
        self._announce()

    def put(self, batch: Batch) -> Mark:
        """Takes a batch, or raises `Full`."""
        with self._changed:
            if self._closed:
                raise Full("the buffer is closed")
            if not self._log.batches:
                self._age.set()
            try:
                place = self._log.append(batch, self._age.now())
            except OSError as error:
                raise self._full("write", error) from error
            mark = place.segment.mark(place.at)
            self._keep(Entry(mark, batch))
            self._enforce()
            self._changed.notify_all()
        if self._settings.sync == "always":
            self._sync_or_withdraw(mark)
        return mark

    def read(self, max_samples: int, timeout: float) -> Sequence[Entry]:
        """The batches whose turn it is; see `Buffer`."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._log.batches, timeout)
            entries: list[Entry] = []
            while not entries and not self._closed:
                self._enforce()
                places = self._turn.choose(
                    max_samples, self._log.waiting(), self._log.waiting_backward()
                )
                if not places:
                    break
                entries = self._decode(places)
            return entries

    def ack(self, marks: Sequence[Mark]) -> None:
        """These are delivered."""
        with self._changed:
            self._settle(marks, "")

    def drop(self, marks: Sequence[Mark], reason: str) -> None:
        """These were refused for good."""
        with self._changed:
            self._settle(marks, reason)

    def sync(self) -> None:
        """Returns when all that was put before survives a power cut; else raises `Retryable`."""
        with self._syncing:
            with self._changed:
                unsynced = self._log.take_unsynced()
            try:
                self._log.force(unsynced)
            except OSError as error:
                with self._changed:
                    self._log.give_back(unsynced)
                self._count_error("sync")
                raise Retryable(f"the buffer cannot be forced to disk: {error}") from error

    def stats(self) -> BufferStats:
        """What stands here now, and what was lost since it was opened."""
        with self._changed:
            log = self._log
            return BufferStats(
                log.batches, log.samples, log.bytes, log.oldest, self._losses.by_reason()
            )

    def close(self) -> None:
        """Syncs and lets go of the folder."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._closing.set()
            self._changed.notify_all()
        if self._syncer is not None:
            self._syncer.join()
        with suppress(Retryable):  # counted; what is there survives all but a power cut
            self.sync()
        with self._changed:
            self._log.close()

    def _announce(self) -> None:
        """Counts what recovery found, and begins to be observed and synced."""
        recovered = self._log.recovered
        self._losses.count("corrupt", recovered.lost)
        if recovered.damaged:
            self._telemetry.value(DAMAGED, sink=self._name).add(recovered.damaged)
        self._telemetry.observe(BYTES, lambda: self._log.bytes, sink=self._name)
        self._telemetry.observe(BATCHES, lambda: self._log.batches, sink=self._name)
        if self._settings.sync == "interval":
            name = f"sync-{self._name}"
            self._syncer = threading.Thread(target=self._keep_syncing, name=name, daemon=True)
            self._syncer.start()

    def _keep_syncing(self) -> None:
        while not self._closing.wait(self._settings.sync_interval):
            if self._log.unsynced:
                with suppress(Retryable):  # counted, and tried again after the interval
                    self.sync()

    def _sync_or_withdraw(self, mark: Mark) -> None:
        """`sync: always`: a batch that cannot be made safe was not taken."""
        try:
            self.sync()
        except Retryable as error:
            with self._changed:
                self._settle([mark], "")
            raise Full(str(error)) from error

    def _decode(self, places: Iterable[Place]) -> list[Entry]:
        entries: list[Entry] = []
        for place in places:
            mark = place.segment.mark(place.at)
            entry = self._kept.get(mark)
            if entry is None:
                try:
                    entry = self._log.entry(place)
                except Corrupt:
                    self._telemetry.value(DAMAGED, sink=self._name).add()
                    self._settle([mark], "corrupt")
                    continue
                self._keep(entry, always=True)
            entries.append(entry)
        return entries

    def _keep(self, entry: Entry, *, always: bool = False) -> None:
        """Keeps a batch decoded; `always` what was read, as a retry reads it again."""
        if always or self._kept_samples < KEPT_SAMPLES:
            self._kept[entry.mark] = entry
            self._kept_samples += len(entry.batch)

    def _settle(self, marks: Sequence[Mark], reason: str) -> None:
        """Takes batches out; counts them as dropped if there is a reason."""
        settled: list[Mark] = []
        samples = 0
        for mark in marks:
            place = self._log.find(mark)
            if place is not None:
                samples += self._log.settle(place)
                settled.append(mark)
                self._forget(mark)
        if reason:
            self._losses.count(reason, samples)
        try:
            self._log.note(settled)
        except OSError:
            self._count_error("note")

    def _forget(self, mark: Mark) -> None:
        kept = self._kept.pop(mark, None)
        if kept is not None:
            self._kept_samples -= len(kept.batch)

    def _enforce(self) -> None:
        """Drops the oldest beyond the bounds of age and bytes."""
        oldest_allowed = self._age.now() - round(self._settings.max_age * 1000)
        expired: list[Mark] = []
        for segment, at in self._log.waiting():
            if segment.put_at(at) >= oldest_allowed:
                break
            expired.append(segment.mark(at))
        if expired:
            self._settle(expired, "age")
        while self._log.bytes > self._settings.max_bytes and self._log.segments:
            samples = self._log.samples
            for mark in self._log.drop_oldest():
                self._forget(mark)
            self._losses.count("overflow", samples - self._log.samples)

    def _count_error(self, operation: str) -> None:
        self._telemetry.value(ERRORS, sink=self._name, operation=operation).add()

    def _full(self, operation: str, error: OSError) -> Full:
        self._count_error(operation)
        return Full(f"the buffer cannot be written: {error.strerror or error}")
