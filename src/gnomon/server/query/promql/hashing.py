"""The hash of a label set that Prometheus computes, so that `limit_ratio` picks the same series.

XXH64 (seed 0) over the names and values, each after its length.
"""

from __future__ import annotations

from gnomon.core.model import Labels

_P1 = 0x9E3779B185EBCA87
_P2 = 0xC2B2AE3D27D4EB4F
_P3 = 0x165667B19E3779F9
_P4 = 0x85EBCA77C2B2AE63
_P5 = 0x27D4EB2F165667C5
_MASK = (1 << 64) - 1
_LONG = 255


def label_hash(labels: Labels) -> int:
    """64 bits of the labels in order, the name among them as `__name__`."""
    data = bytearray()
    for pair in labels:
        for text in pair:
            encoded = text.encode("utf-8", "surrogateescape")
            if len(encoded) < _LONG:
                data.append(len(encoded))
            else:
                data.append(_LONG)
                data += len(encoded).to_bytes(4, "little")[:3]
            data += encoded
    return xxh64(bytes(data))


def xxh64(data: bytes) -> int:
    """XXH64 with seed 0."""
    size, position = len(data), 0
    if size >= 32:
        lanes = [(_P1 + _P2) & _MASK, _P2, 0, -_P1 & _MASK]
        while position + 32 <= size:
            for lane in range(4):
                lanes[lane] = _round(lanes[lane], _word(data, position, 8))
                position += 8
        value = sum(_rotated(lane, by) for lane, by in zip(lanes, (1, 7, 12, 18), strict=True))
        value &= _MASK
        for lane in lanes:
            value = ((value ^ _round(0, lane)) * _P1 + _P4) & _MASK
    else:
        value = _P5
    return _finished(data, position, (value + size) & _MASK)


def _finished(data: bytes, position: int, value: int) -> int:
    size = len(data)
    while position + 8 <= size:
        value ^= _round(0, _word(data, position, 8))
        value = (_rotated(value, 27) * _P1 + _P4) & _MASK
        position += 8
    if position + 4 <= size:
        value ^= _word(data, position, 4) * _P1 & _MASK
        value = (_rotated(value, 23) * _P2 + _P3) & _MASK
        position += 4
    for byte in data[position:]:
        value ^= byte * _P5 & _MASK
        value = _rotated(value, 11) * _P1 & _MASK
    value = (value ^ value >> 33) * _P2 & _MASK
    value = (value ^ value >> 29) * _P3 & _MASK
    return value ^ value >> 32


def _round(lane: int, word: int) -> int:
    return _rotated((lane + word * _P2) & _MASK, 31) * _P1 & _MASK


def _rotated(value: int, by: int) -> int:
    return (value << by | value >> (64 - by)) & _MASK


def _word(data: bytes, position: int, size: int) -> int:
    return int.from_bytes(data[position : position + size], "little")
