"""uvicorn's HTTP/1.1 parser with bounds: connections, and the size and time of a request's head.

Without them a client that sends one header byte now and then holds a connection for ever, one that
sends an endless header fills the memory, and many idle ones keep everybody else out unseen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 << 10
"""Largest request line with headers (what comes in one read beyond it is not cut)."""
HEAD_SECONDS = 20.0
"""How long the head of a request may take, counted from the connection or its first byte."""

_CLOSE = b"content-length: 0\r\nconnection: close\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\n" + _CLOSE
_TOO_MANY = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\n" + _CLOSE


class BoundedHttp(HttpToolsProtocol):
    """See the module's docstring."""

    def __init__(self, most: int, refused: Callable[[str], None], **kwargs: Any) -> None:
        """`most`: connections at once; `refused` is told why one was closed."""
        super().__init__(**kwargs)
        self._most = most
        self._refused = refused
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there: it has to say what it wants."""
        super().connection_made(transport)
        if len(self.connections) > self._most:
            self._refuse("connections", _TOO_MANY)
        else:
            self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._end_head()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._begin_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The body comes next, for whose bounds the routes care."""
        self._end_head()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        super().data_received(data)
        if self._head_timer is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse("head_too_large", _TOO_LARGE)

    def _begin_head(self) -> None:
        self._end_head()
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _end_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._refuse("head_too_slow", b"")

    def _refuse(self, reason: str, answer: bytes) -> None:
        if not self.transport.is_closing():
            self._refused(reason)
            self.transport.write(answer)
            self.transport.close()
