"""The transfer's JSON-RPC 1.0 (Go's `net/rpc/jsonrpc`): one JSON value after the other, no frames.

`{"method":"Transfer.Update","params":[[{MetricValue}, ...]],"id":7}` is answered with
`{"id":7,"result":{"Message":"","Total":1,"Invalid":0,"Latency":0},"error":null}` and a newline.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import msgspec

from gnomon.codecs.falcon.metric_value import Decoded, convert, first_value
from gnomon.core.errors import DecodeError

LONGEST = 16 << 20
"""Bytes of one request."""

_MARKS = re.compile(rb'["\\{}\[\]]')
_BLANK = b" \t\r\n"


class Values:
    """Cuts a stream at the ends of its JSON objects."""

    def __init__(self, longest: int = LONGEST) -> None:
        """`longest`: bytes of one object."""
        self._longest = longest
        self._held = bytearray()
        self._at = 0
        self._depth = 0
        self._in_text = False

    def feed(self, data: bytes) -> list[bytes]:
        """All objects that are there whole; raises `DecodeError` for a stream of anything else."""
        self._held += data
        found: list[bytes] = []
        while (end := self._end()) is not None:
            found.append(bytes(self._held[:end]))
            del self._held[:end]
            self._at = 0
        if len(self._held) > self._longest:
            raise DecodeError(f"a request of more than {self._longest} bytes")
        return found

    def rest(self) -> bytes:
        """Half an object is none."""
        return b""

    def _end(self) -> int | None:
        """Behind the first object, or None; goes on where it stopped before."""
        held = self._held
        if not self._depth and not self._in_text:
            blank = len(held) - len(held.lstrip(_BLANK))
            del held[:blank]
            if held and held[0] != ord("{"):
                raise DecodeError("expected a JSON object")
        while (mark := _MARKS.search(held, self._at)) is not None:
            self._at = mark.end()
            sign = mark[0]
            if sign == b"\\":
                if self._at == len(held):  # what is escaped has not come yet
                    self._at -= 1
                    return None
                self._at += 1
            elif sign == b'"':
                self._in_text = not self._in_text
            elif not self._in_text:
                self._depth += 1 if sign in b"{[" else -1
                if self._depth <= 0:
                    self._depth = 0
                    return self._at
        self._at = len(held)
        return None


class Request(NamedTuple):
    """One call."""

    id: Any
    method: str
    params: Any


def decode(message: bytes) -> Request:
    """A request; raises `DecodeError`, which ends the connection as it does in Go."""
    data = first_value(message)
    said = cast(dict[str, Any], data) if isinstance(data, dict) else {}
    method, number = said.get("method"), said.get("id")
    if not isinstance(method, str) or isinstance(number, (dict, list)):
        raise DecodeError("not a request of JSON-RPC 1.0")
    params = said.get("params")
    first = cast(list[Any], params)[0] if isinstance(params, list) and params else None
    return Request(number, method, first)


def answer(request: Request, now: int, take: Callable[[Decoded], None]) -> bytes:
    """What a transfer answers; `take` keeps what `Transfer.Update` brought."""
    if request.method == "Transfer.Ping":
        return _encode(request.id, {"code": 0})
    if request.method != "Transfer.Update":
        return _encode(request.id, None, f"rpc: can't find service {request.method}")
    try:
        decoded = convert(request.params, now)
    except DecodeError as error:
        return _encode(request.id, None, str(error))
    take(decoded)
    counts = {"Message": "", "Total": decoded.total, "Invalid": decoded.invalid, "Latency": 0}
    return _encode(request.id, counts)


def _encode(number: Any, result: object, error: str | None = None) -> bytes:
    said = {"id": number, "result": result, "error": error}
    try:
        return msgspec.json.encode(said) + b"\n"
    except (UnicodeEncodeError, ValueError, OverflowError):
        said["id"], said["error"] = None, "the request cannot be answered as it is"
        return msgspec.json.encode(said) + b"\n"
