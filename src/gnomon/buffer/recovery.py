"""Opening the folder of a buffer: which batches wait, and what was lost by damage.

Whatever a crash, a power cut or a bad disk left, this makes segments of it and raises only what
the folder itself raises. Format: docs/specs/buffer-format.md.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gnomon.buffer.files import Files
from gnomon.buffer.journal import TEMPORARY, Settled
from gnomon.buffer.record import BATCH, HEAD, SEGMENT_MAGIC, Damage, Record, RecordKind, scan
from gnomon.buffer.segment import BatchHead, Segment, parse_name

BAD_SUFFIX = ".bad"
BAD_KEPT = 4
"""Damaged files kept for a person to look at."""


class Recovered(NamedTuple):
    """What was found."""

    segments: list[Segment]
    """With batches that wait; oldest first."""
    number: int
    """Beyond that of any file there."""
    lost: int
    """Samples in damaged parts, as far as they can be known."""
    damaged: int
    """Segments with damage."""


def recover(files: Files, folder: Path, agent: str, settled: Settled, now: int) -> Recovered:
    """Reads all segments; raises `OSError` if the folder cannot be read.

    `agent` stands in for an id that was damaged; stamps later than `now` become `now`.
    """
    names = files.names(folder)
    if TEMPORARY in names:
        with suppress(OSError):
            files.remove(folder / TEMPORARY)
    found = sorted((parsed, name) for name in names if (parsed := parse_name(name)))
    walk = _Walk(files, agent, settled, now)
    for (number, epoch), name in found:
        walk.segment(Segment(folder / name, number, epoch, agent))
    discard_bad(files, folder)
    number = max((number for (number, _), _ in found), default=0) + 1
    return Recovered(walk.segments, number, walk.lost, walk.damaged)


def remove(files: Files, segment: Segment) -> None:
    """Deletes a segment's file, or keeps it aside if it is damaged; raises `OSError`."""
    if segment.damaged:
        files.replace(segment.path, segment.path.with_suffix(BAD_SUFFIX))
        discard_bad(files, segment.path.parent)
    else:
        files.remove(segment.path)


def discard_bad(files: Files, folder: Path) -> None:
    """Deletes all but the newest files that are kept aside."""
    bad = sorted(name for name in files.names(folder) if name.endswith(BAD_SUFFIX))
    for name in bad[:-BAD_KEPT]:
        with suppress(OSError):
            files.remove(folder / name)


class _Walk:
    """Goes through the segments, counting what is missing between the batches."""

    def __init__(self, files: Files, agent: str, settled: Settled, now: int) -> None:
        self._files = files
        self._agent = agent
        self._settled = settled
        self._now = now
        self.segments: list[Segment] = []
        self.lost = 0
        self.damaged = 0
        self._after = (0, 0)
        """Number and epoch of the file that would go on with the one before."""
        self._counted: int | None = None
        """Samples of the epoch up to here, if known."""
        self._sequence = 0
        """The last sequence of the epoch up to here."""

    def segment(self, segment: Segment) -> None:
        """Reads one segment into `segments`, or does away with its file."""
        if (segment.number, segment.epoch) != self._after:
            self._counted, self._sequence = None, 0
        self._after = (segment.number + 1, segment.epoch)
        try:
            data = self._files.read(segment.path)
        except OSError:
            segment.damaged = True
            self._counted = None
        else:
            self._read(segment, data)
            if segment.size < len(data) and not segment.damaged:
                self._cut_tail(segment)
        self.damaged += segment.damaged
        if segment.batches:
            self.segments.append(segment)
        else:
            with suppress(OSError):
                remove(self._files, segment)

    def _read(self, segment: Segment, data: bytes) -> None:
        if not data.startswith(SEGMENT_MAGIC) and not SEGMENT_MAGIC.startswith(data):
            segment.damaged = True
        for item in scan(data, segment.seed, len(SEGMENT_MAGIC)):
            if isinstance(item, Damage):
                segment.damaged = True
                continue
            segment.size = item.end
            self._record(segment, item)

    def _record(self, segment: Segment, record: Record) -> None:
        if record.kind == RecordKind.HEAD and len(record.content) >= HEAD.size:
            segment.agent = bytes(record.content[HEAD.size :]).decode("utf-8", "replace")
            if self._counted is None:
                _, self._sequence, self._counted = HEAD.unpack_from(record.content)
        elif record.kind == RecordKind.DEFINITIONS:
            segment.definitions.append((record.start, record.end - record.start))
        elif record.kind == RecordKind.BATCH and len(record.content) >= BATCH.size:
            head = BatchHead(*BATCH.unpack_from(record.content))
            if head.sequence > segment.last:
                self._batch(segment, head, (record.start, record.end - record.start))

    def _batch(self, segment: Segment, head: BatchHead, place: tuple[int, int]) -> None:
        missing = 0 if self._counted is None else head.before - self._counted
        if missing > 0 and not self._settled.covers(
            segment.epoch, self._sequence + 1, head.sequence - 1
        ):
            self.lost += missing
        self._counted = head.before + head.samples
        self._sequence = head.sequence
        at = segment.add(head._replace(put=min(head.put, self._now)), place)
        if self._settled.covers(segment.epoch, head.sequence, head.sequence):
            segment.settle(at)

    def _cut_tail(self, segment: Segment) -> None:
        """What no `put` returned for; it costs only room, so failing to cut it is no matter."""
        with suppress(OSError):
            file = self._files.open(segment.path)
            try:
                file.truncate(segment.size)
            finally:
                file.close()
