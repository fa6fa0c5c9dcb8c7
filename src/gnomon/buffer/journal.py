"""Which batches are settled, so that a restart sends none of them again: `settled.log`.

Losing any part of it is harmless (batches come again, with the same marks), so it is appended to
without sync and bad records are passed over. Format: docs/specs/buffer-format.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from gnomon.buffer.files import File, Files
from gnomon.buffer.record import JOURNAL_MAGIC, SETTLED, Record, RecordKind, frame, scan
from gnomon.buffer.segment import Segment
from gnomon.core.model import Mark

NAME = "settled.log"
TEMPORARY = "settled.tmp"
REWRITE_BEYOND = 64 << 10

Run = tuple[int, int, int]
"""Epoch, first and last sequence."""


class Settled:
    """What a journal says."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self._runs: dict[int, list[tuple[int, int]]] = {}
        for epoch, first, last in sorted(runs):
            joined = self._runs.setdefault(epoch, [])
            if joined and first <= joined[-1][1] + 1:
                joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
            else:
                joined.append((first, last))

    def covers(self, epoch: int, first: int, last: int) -> bool:
        """Whether all these sequences are settled."""
        return any(low <= first and last <= high for low, high in self._runs.get(epoch, ()))


class Journal:
    """The file. Not to be shared between threads."""

    def __init__(self, files: Files, folder: Path) -> None:
        self._files = files
        self._folder = folder
        self._file: File | None = None
        self._size = 0
        self._rewrite_at = REWRITE_BEYOND

    def read(self) -> Settled:
        """What was settled; nothing if the file cannot be read."""
        try:
            data = self._files.read(self._folder / NAME)
        except OSError:
            return Settled(())
        return Settled(_runs(data))

    @property
    def grown(self) -> bool:
        """Whether it is time to write it anew: it has doubled, or there is none."""
        return self._file is None or self._size >= self._rewrite_at

    def rewrite(self, segments: Iterable[Segment]) -> None:
        """Replaces the file by what these segments know; raises `OSError`."""
        runs = [
            (segment.epoch, first, last)
            for segment in segments
            for first, last in segment.settled()
        ]
        data = JOURNAL_MAGIC + (frame(RecordKind.SETTLED, _packed(runs), 0) if runs else b"")
        temporary = self._folder / TEMPORARY
        self._rewrite_at = 2 * self._size  # if this fails, not with each batch again
        with suppress(FileNotFoundError):
            self._files.remove(temporary)
        file = self._files.create(temporary)
        try:
            file.write(0, data)
            file.sync()
            self._files.replace(temporary, self._folder / NAME)
        except OSError:
            file.close()
            with suppress(OSError):
                self._files.remove(temporary)
            raise
        self.close()
        self._file, self._size = file, len(data)
        self._rewrite_at = max(REWRITE_BEYOND, 2 * len(data))

    def append(self, marks: Sequence[Mark]) -> None:
        """These are settled; raises `OSError`, leaving nothing of it."""
        if self._file is None or not marks:
            return
        data = frame(RecordKind.SETTLED, _packed(_joined(marks)), 0)
        try:
            self._file.write(self._size, data)
        except OSError:
            with suppress(OSError):
                self._file.truncate(self._size)
            raise
        self._size += len(data)

    def close(self) -> None:
        """Lets go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _runs(data: bytes) -> Iterator[Run]:
    if not data.startswith(JOURNAL_MAGIC):
        return
    for record in scan(data, 0, len(JOURNAL_MAGIC)):
        if isinstance(record, Record) and record.kind == RecordKind.SETTLED:
            usable = len(record.content) // SETTLED.size * SETTLED.size
            yield from SETTLED.iter_unpack(record.content[:usable])


def _packed(runs: Iterable[Run]) -> bytes:
    return b"".join(SETTLED.pack(*run) for run in runs)


def _joined(marks: Sequence[Mark]) -> Iterator[Run]:
    """Runs of consecutive marks."""
    ordered = sorted({(mark.epoch, mark.sequence) for mark in marks})
    start = ordered[0]
    for before, after in pairwise([*ordered, (0, 0)]):
        if after != (before[0], before[1] + 1):
            yield start[0], start[1], before[1]
            start = after
