"""Segments: files of batches, each with a dictionary of its own. Format: docs/specs/buffer-format.md.

`Segment` is the index of one, kept in memory; `SegmentWriter` appends to the newest, `SegmentReader`
gives batches back in any order.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import msgspec

from gnomon.buffer.files import Files
from gnomon.buffer.record import (
    BATCH,
    HEAD,
    OVERHEAD,
    SEGMENT_MAGIC,
    RecordKind,
    frame,
    record_at,
    seed_of,
)
from gnomon.codecs import native
from gnomon.core.errors import Corrupt, DecodeError
from gnomon.core.model import Batch, Entry, Mark

SUFFIX = ".seg"

_LEVEL = 1
_OURS = native.Limits(*(1 << 31,) * len(native.Limits._fields))
"""What we wrote ourselves and what bears its checksum is not bounded again."""

_encode = msgspec.msgpack.Encoder().encode
_definitions = msgspec.msgpack.Decoder(native.Definitions)
_columns = msgspec.msgpack.Decoder(native.Columns)


class BatchHead(NamedTuple):
    """What stands in front of the columns of a batch record."""

    sequence: int
    put: int
    """Milliseconds since the Unix epoch."""
    samples: int
    before: int
    """Samples put in this epoch before this batch."""


class Segment:
    """The index of one segment file; some thirty bytes for each batch."""

    def __init__(self, path: Path, number: int, epoch: int, agent: str) -> None:
        self.path = path
        self.number = number
        self.epoch = epoch
        self.agent = agent
        self.seed = seed_of(epoch)
        self.size = 0
        """Bytes of good content."""
        self.damaged = False
        """Whether the file is kept aside when all its batches are settled."""
        self.batches = 0
        """How many are not settled."""
        self.samples = 0
        """In the batches that are not settled."""
        self.definitions: list[tuple[int, int]] = []
        """Offset and length of each definitions record."""
        self._sequences = array("Q")
        self._offsets = array("Q")
        self._lengths = array("I")
        self._counts = array("I")
        self._puts = array("q")
        self._open = bytearray()

    def __len__(self) -> int:
        """How many batches, settled ones included."""
        return len(self._open)

    def add(self, head: BatchHead, place: tuple[int, int]) -> int:
        """A batch whose record has this offset and length; returns its position here."""
        self._sequences.append(head.sequence)
        self._offsets.append(place[0])
        self._lengths.append(place[1])
        self._counts.append(head.samples)
        self._puts.append(head.put)
        self._open.append(1)
        self.batches += 1
        self.samples += head.samples
        return len(self._open) - 1

    def settle(self, at: int) -> int:
        """A batch is done with; returns its samples."""
        self._open[at] = 0
        self.batches -= 1
        self.samples -= self._counts[at]
        return self._counts[at]

    def is_open(self, at: int) -> bool:
        """Whether a batch is not settled."""
        return bool(self._open[at])

    def waiting(self) -> Iterator[int]:
        """Positions of the batches that are not settled, oldest first."""
        at = self._open.find(1)
        while at >= 0:
            yield at
            at = self._open.find(1, at + 1)

    def waiting_backward(self) -> Iterator[int]:
        """The same, newest first."""
        at = self._open.rfind(1)
        while at >= 0:
            yield at
            at = self._open.rfind(1, 0, at)

    def find(self, sequence: int) -> int | None:
        """The position of a batch that is not settled."""
        at = bisect_left(self._sequences, sequence)
        if at < len(self._open) and self._sequences[at] == sequence and self._open[at]:
            return at
        return None

    def mark(self, at: int) -> Mark:
        """The identity of a batch."""
        return Mark(self.agent, self.epoch, self._sequences[at])

    def count(self, at: int) -> int:
        """Samples of a batch."""
        return self._counts[at]

    def put_at(self, at: int) -> int:
        """When a batch was put, in milliseconds since the Unix epoch."""
        return self._puts[at]

    def place(self, at: int) -> tuple[int, int]:
        """Offset and length of a batch's record."""
        return self._offsets[at], self._lengths[at]

    @property
    def last(self) -> int:
        """The highest sequence; 0 if there is none."""
        return self._sequences[-1] if self._sequences else 0

    def settled(self) -> Iterator[tuple[int, int]]:
        """First and last sequence of each run of settled batches."""
        at = self._open.find(0)
        while at >= 0:
            end = self._open.find(1, at)
            end = len(self._open) if end < 0 else end
            yield self._sequences[at], self._sequences[end - 1]
            at = self._open.find(0, end)


class SegmentWriter:
    """Appends to a segment. After an error it must not be used again: its dictionary has a gap."""

    def __init__(self, files: Files, segment: Segment, sequence: int, before: int) -> None:
        """Creates the file; raises `OSError`.

        `sequence` and `before`: the last sequence and all samples put in this epoch before.
        """
        self.segment = segment
        self._before = before
        self._dictionary = native.Dictionary()
        # Definitions are written again with the batch after theirs, so that damage to one place does
        # not take away the meaning of all that follows.
        self._again = b""
        head = HEAD.pack(segment.epoch, sequence, before) + segment.agent.encode()
        start = SEGMENT_MAGIC + frame(RecordKind.HEAD, head, segment.seed)
        self._file = files.create(segment.path)
        try:
            self._file.write(0, start)
        except OSError:
            self._file.close()
            with suppress(OSError):
                files.remove(segment.path)
            raise
        segment.size = len(start)

    def append(self, batch: Batch, sequence: int, put: int) -> int:
        """Writes a batch; its position in the segment. Raises `OSError`, leaving nothing of it."""
        segment = self.segment
        head = BatchHead(sequence, put, len(batch), self._before)
        columns = native.compress(_encode(native.pack([batch], self._dictionary)), _LEVEL)
        record = frame(RecordKind.BATCH, BATCH.pack(*head) + columns, segment.seed)
        new = b""
        if self._dictionary.pending:
            content = native.compress(_encode(self._dictionary.take()), _LEVEL)
            new = frame(RecordKind.DEFINITIONS, content, segment.seed)
        # The batch stands last, so that a write that is cut short has nothing of it.
        at = self._write(self._again, new, record)
        for start, part in zip(at, (self._again, new), strict=False):
            if part:
                segment.definitions.append((start, len(part)))
        self._again = new
        self._before += len(batch)
        return segment.add(head, (at[2], len(record)))

    def _write(self, *parts: bytes) -> list[int]:
        """Appends; the offset of each part."""
        start = self.segment.size
        try:
            self._file.write(start, b"".join(parts))
        except OSError:
            with suppress(OSError):
                self._file.truncate(start)
            raise
        *offsets, self.segment.size = accumulate(map(len, parts), initial=start)
        return offsets

    def close(self) -> None:
        """Nothing more is written."""
        self._file.close()


class SegmentReader:
    """Decodes the batches of a segment."""

    def __init__(self, files: Files, segment: Segment) -> None:
        self.segment = segment
        self._files = files
        self._table = native.Table(_OURS)
        self._defined = 0

    def entry(self, at: int) -> Entry:
        """The batch at a position; raises `Corrupt`."""
        segment = self.segment
        try:
            for place in segment.definitions[self._defined :]:
                self._defined += 1
                self._define(place)
            content = self._content(segment.place(at), RecordKind.BATCH)[BATCH.size :]
            columns = _columns.decode(native.decompress(content, _OURS.decompressed))
            (batch,) = native.unpack(columns, self._table, _OURS)
        except (OSError, DecodeError, msgspec.MsgspecError, ValueError) as error:
            raise Corrupt(f"{segment.path}: batch {segment.mark(at).sequence}: {error}") from error
        return Entry(segment.mark(at), batch)

    def _define(self, place: tuple[int, int]) -> None:
        # Damaged ones are passed over: they stand twice, and what lacks both is found by its batch.
        with suppress(DecodeError, msgspec.MsgspecError):
            content = self._content(place, RecordKind.DEFINITIONS)
            self._table.define(_definitions.decode(native.decompress(content, _OURS.decompressed)))

    def _content(self, place: tuple[int, int], kind: RecordKind) -> memoryview:
        offset, length = place
        data = memoryview(self._files.read(self.segment.path, offset, length))
        record = record_at(data, self.segment.seed, 0)
        if record is None or record.kind != kind:
            raise DecodeError(f"the {length - OVERHEAD} bytes at {offset} have changed")
        return record.content


def segment_name(number: int, epoch: int) -> str:
    """`00000007-6b0c51d3a2f41e90.seg`."""
    return f"{number:08d}-{epoch:016x}{SUFFIX}"


def parse_name(name: str) -> tuple[int, int] | None:
    """Number and epoch, if this is the name of a segment."""
    number, dash, epoch = name.removesuffix(SUFFIX).partition("-")
    if not (name.endswith(SUFFIX) and dash and number.isascii() and number.isdigit()):
        return None
    try:
        return int(number), int(epoch, 16)
    except ValueError:
        return None
