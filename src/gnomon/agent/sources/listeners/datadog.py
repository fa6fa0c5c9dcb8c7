"""Datadog's local forwarder (port 17123): what dogstatsd, collectors and API clients of a host send to.

The paths are those of the forwarder, without a prefix. A body is answered only when it is in the
buffers, and with 503 when they are full, so that the sender keeps it. Keys of clients are not looked
at, as the forwarder does; the port is open to this host only, unless it is told otherwise.
"""

from __future__ import annotations

import msgspec

from gnomon.codecs.datadog import calls
from gnomon.codecs.datadog.payload import Facts
from gnomon.core import settings
from gnomon.core.component import Context, Emit
from gnomon.core.errors import DecodeError
from gnomon.core.telemetry import counter
from gnomon.transport.http_page import parse_address
from gnomon.transport.http_request import Request
from gnomon.transport.http_server import Handler, HttpServer, Limits, Response, Route

SAMPLES = counter("gnomon.datadog.samples", "Samples taken in.", "sample")
DROPPED = counter("gnomon.datadog.dropped", "Items left out, by reason.")


class Settings(settings.Settings, frozen=True, kw_only=True):
    """What the Datadog listener can be told."""

    address: str = "127.0.0.1:17123"
    """Where it listens."""
    connections: int = 1000
    """Most connections at once."""


class Datadog:
    """The listener."""

    Settings = Settings
    DEFAULT = True

    def __init__(self, settings: Settings, context: Context, emit: Emit) -> None:
        self._context = context
        self._emit = emit
        self._samples = context.telemetry.value(SAMPLES)
        routes = {path: Route(self._taking(call)) for call in calls.CALLS for path in call.paths}
        routes[calls.VALIDATE] = Route(_valid, ("GET",))
        routes["/status"] = Route(self._status, ("GET",))
        self._server = HttpServer(
            "datadog",
            parse_address(settings.address),
            routes,
            context,
            Limits(settings.connections),
            _error,
        )

    @property
    def port(self) -> int:
        """The port in use; 0 before the start."""
        return self._server.port

    @property
    def addresses(self) -> list[str]:
        """What it listens on."""
        return [f"http:{self._server.port}"]

    def start(self) -> None:
        """Opens the port; raises `Retryable` when it is taken."""
        self._server.start()

    def stop(self) -> None:
        """Closes the port; what was answered is in the buffers."""
        self._server.stop()

    def _taking(self, call: calls.Call) -> Handler:
        def handle(request: Request) -> Response:
            content_type = request.headers.get("content-type", "")
            facts = Facts(self._context.clock.now(), self._context.hostname, content_type)
            payload = call.decode(request.body, facts)
            for reason, amount in {**payload.ignored, "malformed": payload.rejected}.items():
                if amount:
                    self._context.telemetry.value(DROPPED, reason=reason).add(amount)
            batch = payload.batch
            if batch:
                self._emit(batch)
                self._samples.add(len(batch))
            elif payload.rejected:
                raise DecodeError(payload.first)
            return _json(calls.ACCEPTED, call.answer(payload))

        return handle

    def _status(self, request: Request) -> Response:
        """What was taken in; the queue to each sink is on the agent's own status page."""
        del request
        return _json(200, {"status": "ok", "samples": int(self._samples.value)})


def _valid(request: Request) -> Response:
    del request
    return _json(200, {"valid": True})


def _error(status: int, message: str) -> Response:
    return _json(status, calls.error(message.encode("utf-8", "replace").decode()))


def _json(status: int, said: object) -> Response:
    return Response(status, msgspec.json.encode(said))


component = Datadog
