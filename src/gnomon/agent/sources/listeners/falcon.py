"""Open-Falcon's agent (HTTP, port 1988) and transfer (JSON-RPC over TCP, port 8433), as receivers.

Scripts push to the agent's `/v1/push`; old agents send to the transfer. Both are answered when what they
sent is in the buffers. Of the agent's pages there are those that scripts ask: `/health`, `/version`,
`/workdir`, `/system/date`, `/proc/kernel/hostname`. What runs commands (`/run`, `/exit`, `/plugin/update`)
is not there, and will not be.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from gnomon import __version__
from gnomon.codecs.falcon import metric_value, rpc
from gnomon.codecs.falcon.metric_value import Decoded
from gnomon.core import settings
from gnomon.core.component import Context, Emit
from gnomon.core.errors import DecodeError, Retryable
from gnomon.core.telemetry import counter
from gnomon.transport.http_page import parse_address
from gnomon.transport.http_request import Request
from gnomon.transport.http_server import HttpServer, Response, Route, plain_text
from gnomon.transport.http_server import Limits as HttpLimits
from gnomon.transport.stream_server import Limits, StreamServer

SAMPLES = counter("gnomon.falcon.samples", "Samples taken in.", "sample")
INVALID = counter("gnomon.falcon.invalid", "Items left out because they are not valid.")


class Settings(settings.Settings, frozen=True, kw_only=True):
    """What the Open-Falcon listener can be told."""

    address: str = "127.0.0.1:1988"
    """HTTP, as the agent has it; "" for none."""
    rpc: str = "127.0.0.1:8433"
    """JSON-RPC over TCP, as the transfer has it; "" for none."""
    connections: int = 1000
    """Most connections at once, each protocol for itself."""


class Falcon:
    """The listener."""

    Settings = Settings
    DEFAULT = True

    def __init__(self, settings: Settings, context: Context, emit: Emit) -> None:
        self._context = context
        self._emit = emit
        self._samples = context.telemetry.value(SAMPLES)
        self._invalid = context.telemetry.value(INVALID)
        self._http = self._rpc = None
        most = settings.connections
        if settings.address:
            at, limits = parse_address(settings.address), HttpLimits(most)
            self._http = HttpServer("falcon", at, self._routes(), context, limits)
        if settings.rpc:
            at = parse_address(settings.rpc)
            self._rpc = StreamServer("falcon-rpc", at, rpc.Values, self.call, context, Limits(most))

    @property
    def addresses(self) -> list[str]:
        """What it listens on."""
        found = [("http", self._http), ("rpc", self._rpc)]
        return [f"{name}:{server.port}" for name, server in found if server is not None]

    def start(self) -> None:
        """Opens the ports; raises `Retryable` when one is taken."""
        try:
            for server in (self._http, self._rpc):
                if server is not None:
                    server.start()
        except Retryable:
            self.stop()
            raise

    def stop(self) -> None:
        """Closes the ports; what was answered is in the buffers."""
        for server in (self._http, self._rpc):
            if server is not None:
                server.stop()

    def push(self, request: Request) -> Response:
        """A list of metric values; raises `Full`."""
        if not request.body:
            return plain_text(400, "body is blank")
        try:
            decoded = metric_value.decode(request.body, self._context.clock.now())
        except DecodeError as error:
            return plain_text(400, f"connot decode body: {error}")
        self._take(decoded)
        return _text("success")

    def call(self, message: bytes) -> bytes:
        """A call of the transfer, and its answer; raises `Full` or `DecodeError`."""
        return rpc.answer(rpc.decode(message), self._context.clock.now(), self._take)

    def _take(self, decoded: Decoded) -> None:
        if decoded.batch:
            self._emit(decoded.batch)
            self._samples.add(len(decoded.batch))
        if decoded.invalid:
            self._invalid.add(decoded.invalid)
            self._context.log.debug("falcon: %d invalid: %s", decoded.invalid, decoded.first)

    def _routes(self) -> dict[str, Route]:
        pages: dict[str, Callable[[], Response]] = {
            "/health": lambda: _text("ok"),
            "/version": lambda: _text(f"{__version__}@gnomon"),
            "/workdir": lambda: _enveloped(str(Path.cwd())),
            "/system/date": lambda: _enveloped(self._date()),
            "/proc/kernel/hostname": lambda: _enveloped(self._context.hostname),
        }
        routes = {path: _page(answer) for path, answer in pages.items()}
        return {"/v1/push": Route(self.push, ()), **routes}

    def _date(self) -> str:
        local = datetime.fromtimestamp(self._context.clock.now() / 1000).astimezone()
        return f"{local:%Y-%m-%d %H:%M:%S}"


def _page(answer: Callable[[], Response]) -> Route:
    """For any method, as the agent has it."""

    def handle(request: Request) -> Response:
        del request
        return answer()

    return Route(handle, ())


def _text(text: str) -> Response:
    return Response(200, text.encode(), "text/plain; charset=utf-8")


def _enveloped(data: object) -> Response:
    body = msgspec.json.encode({"msg": "success", "data": data})
    return Response(200, body, "application/json; charset=UTF-8")


component = Falcon
