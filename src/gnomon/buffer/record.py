"""Records: the framing of all files of the disk buffer. Format: docs/specs/buffer-format.md.

A record is found again after damage by its marker, and believed by its checksums, which begin at a
seed of the file: bytes of another file, or bytes that somebody sent as text, are no records here.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

SEGMENT_MAGIC = b"GNOMSEG\x01"
"""Begins a segment; the last byte is the version."""
JOURNAL_MAGIC = b"GNOMACK\x01"
"""Begins `settled.log`; the last byte is the version."""
MARKER = b"\xf5gn\xa7"
"""Begins each record. Is no UTF-8."""

HEAD = struct.Struct("<QQQ")
"""Of a head record: epoch, last sequence and samples before; the agent id follows."""
BATCH = struct.Struct("<QqIQ")
"""Of a batch record: sequence, put, samples, samples before; the columns follow."""
SETTLED = struct.Struct("<QQQ")
"""Of a settled record: epoch, first and last sequence; repeated."""

_FRAME = struct.Struct("<BII")
_CHECK = struct.Struct("<I")
OVERHEAD = len(MARKER) + _FRAME.size + _CHECK.size
"""Bytes in front of the content."""


class RecordKind(IntEnum):
    """What the content of a record is."""

    HEAD = ord("H")
    DEFINITIONS = ord("D")
    BATCH = ord("B")
    SETTLED = ord("S")


class Record(NamedTuple):
    """A good record and where it stands."""

    kind: int
    start: int
    """Offset of the marker."""
    content: memoryview

    @property
    def end(self) -> int:
        """Offset of what follows."""
        return self.start + OVERHEAD + len(self.content)


class Damage(NamedTuple):
    """Bytes that are no record, with a good one behind them."""

    start: int
    end: int


def seed_of(epoch: int) -> int:
    """Where the checksums of a segment begin."""
    return (epoch ^ epoch >> 32) & 0xFFFFFFFF


def frame(kind: RecordKind, content: bytes, seed: int) -> bytes:
    """A record as it stands in a file."""
    head = _FRAME.pack(kind, len(content), zlib.crc32(content, seed))
    return b"".join((MARKER, head, _CHECK.pack(zlib.crc32(head, seed)), content))


def scan(data: bytes, seed: int, start: int) -> Iterator[Record | Damage]:
    """All good records from `start` on, and the damage between them.

    What stands behind the last good record is not reported: it is a torn tail.
    """
    view = memoryview(data)
    at = start
    while at < len(data):
        record = record_at(view, seed, at) or _next_good(data, view, seed, at + 1)
        if record is None:
            return
        if record.start > at:
            yield Damage(at, record.start)
        yield record
        at = record.end


def record_at(view: memoryview, seed: int, at: int) -> Record | None:
    """The record that begins at an offset, if there is a good one."""
    start = at + OVERHEAD
    if start > len(view) or bytes(view[at : at + len(MARKER)]) != MARKER:
        return None
    head = view[at + len(MARKER) : start - _CHECK.size]
    (check,) = _CHECK.unpack_from(view, start - _CHECK.size)
    kind, length, checksum = _FRAME.unpack(head)
    if zlib.crc32(head, seed) != check or start + length > len(view):
        return None
    content = view[start : start + length]
    return Record(kind, at, content) if zlib.crc32(content, seed) == checksum else None


def _next_good(data: bytes, view: memoryview, seed: int, at: int) -> Record | None:
    """The first good record from an offset on."""
    while (at := data.find(MARKER, at)) >= 0:
        record = record_at(view, seed, at)
        if record is not None:
            return record
        at += 1
    return None
