"""Undoes an HTTP `Content-Encoding` without ever making more than a given number of bytes.

The bound holds while decompressing, so that a few kilobytes that unfold to gigabytes cost no more
memory than the bound.
"""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Callable

import cramjam

from gnomon.core.errors import DecodeError, LimitExceeded


def decompress(data: bytes, encoding: str, limit: int) -> bytes:
    """`data` as it was before `encoding` (a `Content-Encoding` header; several are undone in turn).

    Raises `LimitExceeded` when the result would be larger than `limit` bytes, `DecodeError` for
    damaged data or an encoding that is not known.
    """
    names = [name.strip().lower() for name in encoding.split(",") if name.strip()]
    if len(names) > 2:  # each layer multiplies what a small body can cost
        raise DecodeError(f"more than two content encodings: {encoding[:80]!r}")
    for name in reversed(names):
        decode = _ENCODINGS.get(name)
        if decode is None:
            known = ", ".join(sorted(_ENCODINGS))
            raise DecodeError(f"content encoding {name[:40]!r} is not known; known are {known}")
        data = decode(data, limit)
    return data


def _identity(data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        raise _too_large(limit)
    return data


def _gzip(data: bytes, limit: int) -> bytes:
    """One or more gzip members (RFC 1952)."""
    parts: list[bytes] = []
    room = limit
    while True:
        part, data = _inflate(data, 31, room, limit)
        parts.append(part)
        room -= len(part)
        data = data.lstrip(b"\0")  # members may be padded with zeros
        if not data:
            return b"".join(parts)


def _deflate(data: bytes, limit: int) -> bytes:
    """Zlib (RFC 1950) as the standard wants it, or bare deflate as some clients send it."""
    zlib_header = len(data) >= 2 and data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
    part, rest = _inflate(data, 15 if zlib_header else -15, limit, limit)
    if rest:
        raise DecodeError("deflate: data after the end")
    return part


def _inflate(data: bytes, window: int, room: int, limit: int) -> tuple[bytes, bytes]:
    """One stream, and what follows it."""
    stream = zlib.decompressobj(window)
    try:
        part = stream.decompress(data, room + 1)
    except zlib.error as error:
        raise DecodeError(f"not valid gzip or deflate data: {error}") from None
    if len(part) > room:
        raise _too_large(limit)
    if not stream.eof:
        raise DecodeError("gzip or deflate data ends too early")
    return part, stream.unused_data


def _zstd(data: bytes, limit: int) -> bytes:
    """One or more zstd frames (RFC 8878)."""
    if not data:
        raise DecodeError("zstd: no data")
    # Untouched pages of an anonymous map cost nothing, so no size has to be guessed.
    with mmap.mmap(-1, max(limit, 1)) as room:
        try:
            size = cramjam.zstd.decompress_into(data, room)
        except cramjam.DecompressionError as error:
            if "write whole buffer" in str(error):
                raise _too_large(limit) from None
            raise DecodeError(f"not valid zstd data: {error}") from None
        return room[:size]


def _snappy(data: bytes, limit: int) -> bytes:
    """One snappy block, as Prometheus' remote write sends it; its size stands in front."""
    try:
        if cramjam.snappy.decompress_raw_len(data) > limit:
            raise _too_large(limit)
        return bytes(cramjam.snappy.decompress_raw(data))
    except cramjam.DecompressionError as error:
        raise DecodeError(f"not valid snappy data: {error}") from None


def _too_large(limit: int) -> LimitExceeded:
    return LimitExceeded(f"the body unfolds to more than {limit} bytes; send it in smaller parts")


_ENCODINGS: dict[str, Callable[[bytes, int], bytes]] = {
    "identity": _identity,
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
    "zstd1": _zstd,  # what Datadog's clients call it
    "snappy": _snappy,
}
