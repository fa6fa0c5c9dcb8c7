"""Speaks to an HTTP application in the same process, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode

import msgspec
from starlette.types import ASGIApp, Message


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Any:
        """The body decoded; the content type must say that it is JSON."""
        assert self.headers["content-type"].startswith("application/json"), self.headers
        return msgspec.json.decode(self.body)


class Client:
    """One request after the other, on an event loop of its own; close it, or use it in a `with`."""

    def __init__(self, app: ASGIApp, timeout: float = 30.0) -> None:
        """`timeout`: seconds for one request."""
        self._app = app
        self._timeout = timeout
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the event loop."""
        self._runner.close()

    def get(self, path: str, params: Any = (), headers: Mapping[str, str] | None = None) -> Answer:
        """`params`: pairs or a mapping; a list as value repeats the name."""
        return self.request("GET", path, params, headers)

    def post(
        self,
        path: str,
        body: bytes | Iterable[bytes] = b"",
        params: Any = (),
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """`body`: bytes, or the pieces in which they arrive."""
        return self.request("POST", path, params, headers, body)

    def request(
        self,
        method: str,
        path: str,
        params: Any = (),
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterable[bytes] = b"",
    ) -> Answer:
        """One request, one answer; an error of the application comes up here."""
        pieces = [body] if isinstance(body, bytes) else list(body)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": urlencode(params, doseq=True).encode(),
            "headers": [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in {"host": "testserver", **(headers or {})}.items()
            ],
            "client": ("127.0.0.1", 50000),
            "server": ("testserver", 80),
        }
        return self._runner.run(self._exchange(scope, pieces))

    async def _exchange(self, scope: dict[str, Any], pieces: list[bytes]) -> Answer:
        sent: list[Message] = []
        waiting = asyncio.Event()

        async def receive() -> Message:
            await asyncio.sleep(0)  # as on a wire, others get their turn in between
            if pieces:
                piece = pieces.pop(0)
                return {"type": "http.request", "body": piece, "more_body": bool(pieces)}
            await waiting.wait()  # a client that stays until it has its answer
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        async with asyncio.timeout(self._timeout):
            await self._app(scope, receive, send)
        start = sent[0]
        headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return Answer(start["status"], headers, body)
