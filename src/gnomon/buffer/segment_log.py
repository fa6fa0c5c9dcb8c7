"""All segments of a buffer and its journal: what is on disk, without locks, bounds and time."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gnomon.buffer.files import Files, Lock
from gnomon.buffer.journal import Journal
from gnomon.buffer.recovery import recover, remove
from gnomon.buffer.segment import Segment, SegmentReader, SegmentWriter, segment_name
from gnomon.core.errors import Corrupt, Permanent
from gnomon.core.model import Batch, Entry, Mark

LARGEST = 1 << 20
SMALLEST = 4 << 10
SEGMENTS = 16
"""A segment is this part of `max_bytes`, within the bounds above."""


class Place(NamedTuple):
    """Where a batch is."""

    segment: Segment
    at: int

    @property
    def waits(self) -> bool:
        """Whether it is not settled."""
        return self.segment.is_open(self.at)


class Unsynced(NamedTuple):
    """What is not known to survive a power cut."""

    paths: tuple[Path, ...]
    folder: bool


class SegmentLog:
    """Batches in the order in which they were put. Not to be shared between threads."""

    def __init__(self, files: Files, folder: Path, agent: str, max_bytes: int, now: int) -> None:
        """Opens the folder and recovers what is there; raises `Permanent`."""
        self._files = files
        self._folder = folder
        self._agent = agent
        self._segment_bytes = min(max(max_bytes // SEGMENTS, SMALLEST), LARGEST)
        self._lock = _locked(files, folder)
        self._journal = Journal(files, folder)
        try:
            self.recovered = recover(files, folder, agent, self._journal.read(), now)
        except OSError as error:
            self._lock.release()
            raise Permanent(f"{folder} cannot be read: {error.strerror or error}") from error
        self.segments = list(self.recovered.segments)
        self.epoch = 1 + secrets.randbelow((1 << 63) - 1)
        self.batches = sum(segment.batches for segment in self.segments)
        self.samples = sum(segment.samples for segment in self.segments)
        self.bytes = sum(segment.size for segment in self.segments)
        self._number = self.recovered.number
        self._sequence = 0
        self._before = 0
        self._writer: SegmentWriter | None = None
        self._reader: SegmentReader | None = None
        # A process that was killed may not have come to sync what it left.
        self._unsynced = dict.fromkeys(segment.path for segment in self.segments)
        self._folder_changed = bool(self.segments)
        with suppress(OSError):
            self._journal.rewrite(self.segments)

    @property
    def oldest(self) -> int | None:
        """When the oldest waiting batch was put, in milliseconds since the Unix epoch."""
        place = next(self.waiting(), None)
        return None if place is None else place.segment.put_at(place.at)

    @property
    def unsynced(self) -> bool:
        """Whether `take_unsynced` has something to give."""
        return bool(self._unsynced) or self._folder_changed

    def waiting(self) -> Iterator[Place]:
        """Batches that are not settled, oldest first."""
        for segment in self.segments:
            for at in segment.waiting():
                yield Place(segment, at)

    def waiting_backward(self) -> Iterator[Place]:
        """The same, newest first."""
        for segment in reversed(self.segments):
            for at in segment.waiting_backward():
                yield Place(segment, at)

    def find(self, mark: Mark) -> Place | None:
        """Where a batch is that is not settled."""
        for segment in self.segments:
            if segment.epoch == mark.epoch and segment.last >= mark.sequence:
                at = segment.find(mark.sequence)
                return None if at is None or segment.mark(at) != mark else Place(segment, at)
        return None

    def append(self, batch: Batch, put: int) -> Place:
        """Writes a batch; raises `OSError`, leaving nothing of it."""
        self._sequence += 1
        writer = self._writer or self._begin()
        size = writer.segment.size
        try:
            at = writer.append(batch, self._sequence, put)
        except OSError:
            self.seal()
            raise
        self._before += len(batch)
        self.batches += 1
        self.samples += len(batch)
        self.bytes += writer.segment.size - size
        self._unsynced[writer.segment.path] = None
        if writer.segment.size >= self._segment_bytes:
            self.seal()
        return Place(writer.segment, at)

    def settle(self, place: Place) -> int:
        """A batch is done with; returns its samples. Deletes the segment with its last batch."""
        samples = place.segment.settle(place.at)
        self.batches -= 1
        self.samples -= samples
        if not place.segment.batches and not self._is_written(place.segment):
            self._discard(place.segment)
        return samples

    def note(self, marks: Sequence[Mark]) -> None:
        """Writes down that these are settled; raises `OSError`."""
        self._journal.append(marks)
        if self._journal.grown:
            self._journal.rewrite(self.segments)

    def drop_oldest(self) -> list[Mark]:
        """Deletes the oldest segment; the marks of the batches that waited in it."""
        segment = self.segments[0]
        places = [Place(segment, at) for at in segment.waiting()]
        if self._is_written(segment):
            self.seal()
        for place in places:
            self.settle(place)
        return [place.segment.mark(place.at) for place in places]

    def seal(self) -> None:
        """The next batch goes to a new segment."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            if not writer.segment.batches:
                self._discard(writer.segment)

    def entry(self, place: Place) -> Entry:
        """Decodes a batch; raises `Corrupt`, and the segment counts as damaged."""
        if self._reader is None or self._reader.segment is not place.segment:
            self._reader = SegmentReader(self._files, place.segment)
        try:
            return self._reader.entry(place.at)
        except Corrupt:
            place.segment.damaged = True
            raise

    def take_unsynced(self) -> Unsynced:
        """What a sync has to force to disk now."""
        taken = Unsynced(tuple(self._unsynced), self._folder_changed)
        self._unsynced, self._folder_changed = {}, False
        return taken

    def give_back(self, unsynced: Unsynced) -> None:
        """It could not be forced to disk; it is to be tried again."""
        self._unsynced.update(dict.fromkeys(unsynced.paths))
        self._folder_changed |= unsynced.folder

    def force(self, unsynced: Unsynced) -> None:
        """Syncs; raises `OSError`. The only method that may run beside the others."""
        for path in unsynced.paths:
            with suppress(FileNotFoundError):  # all settled and deleted meanwhile
                file = self._files.open(path)
                try:
                    file.sync()
                finally:
                    file.close()
        if unsynced.folder:
            self._files.sync_folder(self._folder)

    def close(self) -> None:
        """Lets go of the folder."""
        self.seal()
        self._journal.close()
        self._lock.release()

    def _begin(self) -> SegmentWriter:
        number, self._number = self._number, self._number + 1
        path = self._folder / segment_name(number, self.epoch)
        segment = Segment(path, number, self.epoch, self._agent)
        writer = SegmentWriter(self._files, segment, self._sequence - 1, self._before)
        self.segments.append(segment)
        self.bytes += segment.size
        self._folder_changed = True
        self._writer = writer
        return writer

    def _discard(self, segment: Segment) -> None:
        self.segments.remove(segment)
        self.bytes -= segment.size
        self._unsynced.pop(segment.path, None)
        if self._reader is not None and self._reader.segment is segment:
            self._reader = None
        with suppress(OSError):  # found settled when the buffer is opened next
            remove(self._files, segment)

    def _is_written(self, segment: Segment) -> bool:
        return self._writer is not None and self._writer.segment is segment


def _locked(files: Files, folder: Path) -> Lock:
    try:
        return files.lock(folder / "lock")
    except OSError as error:
        raise Permanent(f"{folder} cannot be used: {error.strerror or error}") from error
