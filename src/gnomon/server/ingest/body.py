"""Reads request bodies within bounds: the size of each, the time it takes, all of them together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from gnomon.core.errors import Full, LimitExceeded
from gnomon.server.ingest.limits import Limits
from gnomon.transport.compression import decompress

LINGER = 5.0
"""Seconds for which the rest of a refused body is read, so that the client sees the answer."""

Compute = Callable[..., Awaitable[bytes]]
"""Runs a function in a worker thread."""


class Bodies:
    """Counts the bytes of bodies that are held at this moment."""

    def __init__(self, limits: Limits, compute: Compute) -> None:
        self._limits = limits
        self._compute = compute
        self.held = 0
        """Bytes held now."""
        self.received = 0
        """Bytes of all bodies so far."""

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncGenerator[bytes]:
        """The body, decompressed; its bytes count as held until the block is left.

        Raises `LimitExceeded` (413), `Full` (503), `DecodeError` (400) or an `HTTPException` with
        408 when the client is too slow.
        """
        chunks: list[bytes] = []
        try:
            await self._receive(request, chunks)
            yield await self._decoded(request, b"".join(chunks))
        finally:
            self.held -= sum(map(len, chunks))

    async def _receive(self, request: Request, chunks: list[bytes]) -> None:
        """Fills `chunks`."""
        so_far = 0
        try:
            self._announced(request)
            async with asyncio.timeout(self._limits.body_time):
                async for chunk in request.stream():
                    so_far += len(chunk)
                    self.held += len(chunk)
                    self.received += len(chunk)
                    chunks.append(chunk)
                    self._bounded(so_far)
        except TimeoutError:
            raise HTTPException(
                408,
                f"the body did not arrive within {self._limits.body_time:g} s",
                {"Connection": "close"},
            ) from None
        except (LimitExceeded, Full):
            if "expect" not in request.headers:  # who asked first has not sent anything yet
                await _linger(request)
            raise

    def _announced(self, request: Request) -> None:
        """Refuses by `Content-Length` before anything is read."""
        length = request.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length) > self._limits.body:
            raise self._too_large()

    def _bounded(self, so_far: int) -> None:
        if so_far > self._limits.body:
            raise self._too_large()
        if self.held > self._limits.bodies:
            raise Full("too many bodies are being received at once", retry_after=1)

    def _too_large(self) -> LimitExceeded:
        return LimitExceeded(
            f"the body is larger than {int(self._limits.body)} bytes; send it in smaller parts, "
            "or raise limits.body"
        )

    async def _decoded(self, request: Request, body: bytes) -> bytes:
        encoding = request.headers.get("content-encoding", "")
        if not encoding or encoding.strip().lower() == "identity":
            return body
        return await self._compute(decompress, body, encoding, int(self._limits.decompressed))


async def _linger(request: Request) -> None:
    """Reads and forgets what is still coming, for a while."""
    with suppress(TimeoutError, ClientDisconnect, RuntimeError):  # RuntimeError: it ended already
        async with asyncio.timeout(LINGER):
            async for _ in request.stream():
                pass
