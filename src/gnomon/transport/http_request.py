"""Cuts a stream of bytes into HTTP/1.1 requests, within bounds. Pure: no socket, no clock.

Source: RFC 9112. What two readers might understand in two ways (two lengths, a length beside chunks,
folded headers) is refused, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from gnomon.core.errors import DecodeError

HEAD = 32 << 10
"""Bytes of a request line with its headers, and of what stands around chunks."""

_REQUEST_LINE = re.compile(r"([A-Z]{1,20}) (/[!-~]*|\*|https?://[!-~]+) HTTP/1\.([01])")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;[^\r\n]*)?")
_BLANK_LINE = b"\r\n\r\n"


class Refusal(DecodeError):
    """A request that is not taken, with the status that says so; the connection ends with it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Request(NamedTuple):
    """One request, whole."""

    method: str
    path: str
    """Without the query, as it came."""
    query: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    keep_alive: bool
    """Whether the client wants to go on with this connection."""


class _Head(NamedTuple):
    method: str
    target: str
    headers: dict[str, str]
    keep_alive: bool
    length: int
    """Bytes of the body; -1 when it comes in chunks."""


class RequestReader:
    """The requests of one connection: `feed` it, then ask for the `next` until there is none."""

    def __init__(self, largest_body: int) -> None:
        """`largest_body`: bytes, as they come over the wire."""
        self._largest = largest_body
        self._bytes = bytearray()
        self._searched = 0
        self._head: _Head | None = None
        self._body = bytearray()
        self._chunk: int | None = None
        self._overhead = 0
        self.expects_continue = False
        """Whether the client waits for a `100 Continue`; the caller sends it and clears this."""

    @property
    def held(self) -> int:
        """Bytes held."""
        return len(self._bytes) + len(self._body)

    @property
    def begun(self) -> bool:
        """Whether a part of a request is there."""
        return bool(self._bytes) or self._head is not None

    def feed(self, data: bytes) -> None:
        """More bytes of the stream."""
        self._bytes += data

    def next(self) -> Request | None:
        """The next whole request, or None until more has come; raises `Refusal`."""
        if self._head is None:
            self._head = self._read_head()
        head = self._head
        if head is None:
            return None
        body = self._in_chunks() if head.length < 0 else self._of_length(head.length)
        if body is None:
            return None
        self._head, self.expects_continue = None, False
        path, _, query = head.target.partition("?")
        return Request(head.method, path, query, head.headers, body, head.keep_alive)

    def _read_head(self) -> _Head | None:
        while self._bytes.startswith(b"\r\n"):
            del self._bytes[:2]
        end = self._bytes.find(_BLANK_LINE, self._searched)
        if end > HEAD or (end < 0 and len(self._bytes) > HEAD):
            raise Refusal(431, f"the head of the request is longer than {HEAD} bytes")
        if end < 0:
            self._searched = max(0, len(self._bytes) - 3)
            return None
        text = self._bytes[:end].decode("latin-1")
        del self._bytes[: end + 4]
        self._searched = 0
        head = _parse_head(text)
        if head.length > self._largest:
            raise self._too_large()
        expected = head.headers.get("expect", "").lower() == "100-continue"
        self.expects_continue = expected and head.length != 0
        return head

    def _of_length(self, length: int) -> bytes | None:
        if len(self._bytes) < length:
            return None
        body = bytes(memoryview(self._bytes)[:length])
        del self._bytes[:length]
        return body

    def _in_chunks(self) -> bytes | None:
        while self._chunk != 0:
            if self._chunk is None and not self._chunk_begins():
                return None
            if self._chunk and not self._chunk_ends(self._chunk):
                return None
        return self._after_chunks()

    def _chunk_begins(self) -> bool:
        line = self._line()
        if line is None:
            return False
        match = _CHUNK.fullmatch(line)
        if match is None:
            raise Refusal(400, "a chunk without its size")
        self._chunk = int(match.group(1), 16)
        if len(self._body) + self._chunk > self._largest:
            raise self._too_large()
        return True

    def _chunk_ends(self, size: int) -> bool:
        if len(self._bytes) < size + 2:
            return False
        if not self._bytes.startswith(b"\r\n", size):
            raise Refusal(400, "a chunk is longer than its size")
        self._body += memoryview(self._bytes)[:size]
        del self._bytes[: size + 2]
        self._chunk = None
        return True

    def _after_chunks(self) -> bytes | None:
        """Skips trailers up to the blank line that ends the body."""
        while (line := self._line()) is not None:
            if not line:
                body, self._body = bytes(self._body), bytearray()
                self._chunk, self._overhead = None, 0
                return body
        return None

    def _line(self) -> bytes | None:
        """A line of what stands around chunks; all of them together are bounded."""
        end = self._bytes.find(b"\r\n", 0, HEAD)
        if end < 0:
            if len(self._bytes) >= HEAD:
                raise Refusal(400, "a line around chunks has no end")
            return None
        line = bytes(self._bytes[:end])
        del self._bytes[: end + 2]
        self._overhead += max(0, end - 16)
        if self._overhead > HEAD:
            raise Refusal(431, "too much stands around the chunks of the body")
        return line

    def _too_large(self) -> Refusal:
        return Refusal(413, f"the body is larger than {self._largest} bytes; send less at once")


def _parse_head(text: str) -> _Head:
    first, *lines = text.split("\r\n")
    match = _REQUEST_LINE.fullmatch(first)
    if match is None:
        raise Refusal(400, "this is no HTTP/1.1 request")
    method, target, minor = match.groups()
    if target.startswith("http"):
        target = "/" + target.partition("://")[2].partition("/")[2]
    headers = _parse_headers(lines)
    connection = headers.get("connection", "").lower()
    keep_alive = "close" not in connection if minor == "1" else "keep-alive" in connection
    return _Head(method, target, headers, keep_alive, _body_length(headers))


def _parse_headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name) or "\n" in value or "\r" in value:
            raise Refusal(400, "a header that is none")
        name, value = name.lower(), value.strip(" \t")
        if name in headers and name in ("content-length", "transfer-encoding", "host"):
            raise Refusal(400, f"the header {name} comes twice")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _body_length(headers: Mapping[str, str]) -> int:
    length, coding = headers.get("content-length"), headers.get("transfer-encoding")
    if coding is not None:
        if length is not None:
            raise Refusal(400, "the body has a length and comes in chunks")
        if coding.lower() != "chunked":
            raise Refusal(501, f"transfer encoding {coding[:40]!r} is not known")
        return -1
    if length is None:
        return 0
    if not (length.isascii() and length.isdigit() and len(length) < 16):
        raise Refusal(400, "Content-Length is no number")
    return int(length)
