"""Reads the wire format of Protocol Buffers: the fields of a message, one after the other.

Source: "Encoding" in the documentation of Protocol Buffers. No schema is known here: a codec asks
for the fields of a message and knows itself what each number means. Groups, which no format of ours
uses, are refused. Nothing is copied: texts and messages inside are views of the message's bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TypeAlias

from gnomon.core.errors import DecodeError

Value: TypeAlias = int | memoryview
"""A varint as it stands (unsigned); anything else as the bytes it takes."""

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_FIXED = {FIXED64: 8, FIXED32: 4}


def fields(message: bytes | memoryview) -> Iterator[tuple[int, int, Value]]:
    """(field number, wire type, value) of each field in order; raises `DecodeError`."""
    data = memoryview(message)
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if not number:
            raise DecodeError("protobuf: a field without a number")
        if wire == VARINT:
            value, at = _varint(data, at)
            yield number, wire, value
            continue
        if wire == BYTES:
            size, at = _varint(data, at)
        elif wire in _FIXED:
            size = _FIXED[wire]
        else:
            raise DecodeError(f"protobuf: wire type {wire} in field {number}")
        if size > end - at:
            raise DecodeError(f"protobuf: field {number} is longer than its message")
        yield number, wire, data[at : at + size]
        at += size


def text(value: Value) -> str:
    """A string field; raises `DecodeError`."""
    if isinstance(value, int):
        raise DecodeError("protobuf: a number where a text should be")
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError:
        raise DecodeError("protobuf: a text that is not UTF-8") from None


def message(value: Value) -> memoryview:
    """A message inside a message; raises `DecodeError`."""
    if isinstance(value, int):
        raise DecodeError("protobuf: a number where a message should be")
    return value


def double(value: Value) -> float:
    """A double field; raises `DecodeError`."""
    if isinstance(value, int) or len(value) != 8:
        raise DecodeError("protobuf: expected a double")
    return float(struct.unpack("<d", value)[0])


def signed(value: Value) -> int:
    """An int32 or int64 field; raises `DecodeError`."""
    if not isinstance(value, int):
        raise DecodeError("protobuf: expected a whole number")
    return value - (1 << 64) if value >> 63 else value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number at `at` and where it ends; at most 64 bits."""
    value = shift = 0
    for position in range(at, min(at + 10, len(data))):
        byte = data[position]
        value |= (byte & 127) << shift
        if byte < 128:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position + 1
        shift += 7
    raise DecodeError("protobuf: a number without an end")
