"""What one body may hold, and the reading of MessagePack lists that cannot hurt.

A body of a few bytes may claim a list of four billion items, or decompress to gigabytes. So every
list is kept as the bytes it came in (`msgspec.Raw`) until its header was compared with a limit and
with the bytes that are really there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from gnomon.core.errors import DecodeError, LimitExceeded


class Limits(NamedTuple):
    """Bounds of one body and of the dictionary of one session."""

    decompressed: int = 64 << 20
    """Bytes of a body once decompressed."""
    samples: int = 2_000_000
    """Samples in one body; also bounds its batches and marks."""
    events: int = 100_000
    """Events in one body."""
    series: int = 200_000
    """Series in the dictionary of one session; four times as many texts."""
    characters: int = 32 << 20
    """Of all texts in the dictionary of one session."""
    label_length: int = 4096
    """Characters of a metric name, unit, help text, label name or label value."""
    labels_per_series: int = 64
    text_length: int = 1 << 20
    """Characters of a title or a text of an event."""


DEFAULTS = Limits()


class OverLimit(LimitExceeded, DecodeError):
    """A body, or the dictionary of its session, is larger than a declared limit."""


_encode = msgspec.msgpack.Encoder().encode
_integers = msgspec.msgpack.Decoder(list[int])


def packed(items: Iterable[Any]) -> msgspec.Raw:
    """A list as it stands in a body."""
    return msgspec.Raw(_encode(items))


def integers(raw: msgspec.Raw, most: int, what: str) -> list[int]:
    """A list of 64-bit integers of at most `most` items; `what` names it in the error."""
    size = _list_size(raw)
    if not size:
        return []
    if size > most:
        raise OverLimit(f"{size} {what}; at most {most} are taken")
    if size >= len(memoryview(raw)):
        raise DecodeError(f"a list of {what} that is cut short")
    try:
        return _integers.decode(raw)
    except msgspec.MsgspecError as error:
        raise DecodeError(f"{what}: {error}") from None


def _list_size(raw: msgspec.Raw) -> int:
    """What the header of a MessagePack array claims."""
    view = memoryview(raw)
    first = view[0] if view else 0
    if first & 0xF0 == 0x90:
        return first & 0x0F
    if first in (0xDC, 0xDD):
        return int.from_bytes(view[1 : 3 if first == 0xDC else 5], "big")
    raise DecodeError(f"expected a list, found the byte 0x{first:02x}")
