"""Wires a server together and runs it.

::

    ingest routes ──► GroupWriter ──► store ◄── web/api, web/pages
                          ▲             ▲
                     own metrics    maintenance (closing hours, retention)
"""

from __future__ import annotations

import logging
import platform
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from gnomon import __version__
from gnomon.core.clock import Clock, SystemClock
from gnomon.core.errors import Corrupt, Permanent, SettingsError
from gnomon.core.settings import plain
from gnomon.core.telemetry import Telemetry, counter, gauge
from gnomon.runtime.ticker import Ticker
from gnomon.server.config import Address, ServerSettings, address, bind, tls_context
from gnomon.server.fleet.inventory import Inventory
from gnomon.server.ingest.interface import Ingest
from gnomon.server.ingest.own import INTERVAL, OwnMetrics
from gnomon.server.store.interface import Store
from gnomon.server.store.writer import GroupWriter
from gnomon.server.web.app import build
from gnomon.server.web.context import Server

CONNECTIONS = gauge("gnomon.http.connections", "Connections that are open.")
REFUSED = counter("gnomon.http.refused", "Connections closed over a limit, by reason.")

MAINTENANCE = 60.0
"""Seconds between two rounds of `Store.maintain`."""
KEEP_ALIVE = 75
"""Seconds an idle connection is kept: agents post every few seconds."""

OpenStore = Callable[[Path, ServerSettings, Clock, Telemetry], Store]


def serve(
    settings: ServerSettings,
    ready: Callable[[str], None] | None = None,
    open_store: OpenStore | None = None,
) -> int:
    """Runs until SIGTERM or SIGINT, then finishes what was begun; returns 0.

    `ready` gets the URL once requests are answered. A second signal ends the waiting for clients,
    a third one the process. Raises what kept it from starting: `SettingsError` (address taken, data
    folder, certificate), or what the store says of its files.
    """
    log = logging.getLogger("gnomon.server")
    clock, telemetry = SystemClock(), Telemetry()
    at = address(settings.listen)
    tls = tls_context(settings.tls) if settings.tls else None
    with ExitStack() as cleanup:
        listener = cleanup.enter_context(bind(at))
        folder = own_folder(settings)
        store = (open_store or open_duckdb)(folder, settings, clock, telemetry)
        cleanup.callback(store.close)
        writer = GroupWriter(store, telemetry, clock, settings.writer)
        cleanup.callback(writer.close)
        ingest = Ingest(writer, clock, telemetry, log, settings.limits, settings.workers)
        cleanup.callback(ingest.close)
        facts = plain(settings)
        server = Server(store, writer, Inventory(), clock, telemetry, log, clock.now(), facts)
        for ticker in _tickers(server, settings):
            ticker.start()
            cleanup.callback(ticker.stop)
        app = build(server, ingest, settings.api_keys)
        url = url_of(at, listener, tls=tls is not None)
        log.info("server %s: listening on %s, data in %s", __version__, url, folder)
        http = HttpServer(app, settings, tls, telemetry, lambda: ready(url) if ready else None)
        http.run([listener])
        log.info("stopping")
    return 0


def open_duckdb(
    folder: Path, settings: ServerSettings, clock: Clock, telemetry: Telemetry
) -> Store:
    """The embedded store; a folder that cannot be had is a matter of settings."""
    from gnomon.server.store.duckdb.store import DuckStore  # noqa: PLC0415  # tests may need none

    try:
        return DuckStore(folder, settings.store, clock, telemetry)
    except Permanent as error:
        if isinstance(error, Corrupt):
            raise
        raise SettingsError(str(error)) from None


def own_folder(settings: ServerSettings) -> Path:
    """The server's folder below the data folder, made if need be; raises `SettingsError`."""
    if not settings.data:
        raise SettingsError("data: name the folder of the data, with --data or in server.yaml")
    folder = Path(settings.data).expanduser() / "server"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        probe = folder / ".writable"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise SettingsError(
            f"{folder}: the data folder cannot be used: {error.strerror}; name another with --data"
        ) from None
    return folder


def url_of(at: Address, listener: socket.socket, *, tls: bool) -> str:
    """Where a person on this machine reaches the server."""
    port = listener.getsockname()[1]
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104
    host = everywhere.get(at.host, f"[{at.host}]" if ":" in at.host else at.host)
    return f"{'https' if tls else 'http'}://{host}:{port}"


def _tickers(server: Server, settings: ServerSettings) -> list[Ticker]:
    host = settings.hostname or platform.node()
    own = OwnMetrics(server.writer, server.telemetry, server.clock, host)
    return [
        Ticker("own-metrics", INTERVAL, own.report, server.log),
        Ticker(
            "maintenance",
            MAINTENANCE,
            lambda: server.store.maintain(server.clock.now()),
            server.log,
        ),
    ]


class HttpServer(uvicorn.Server):
    """uvicorn, which leaves the end of the process to us: there is a queue to be committed."""

    def __init__(
        self,
        app: ASGIApp,
        settings: ServerSettings,
        tls: ssl.SSLContext | None,
        telemetry: Telemetry,
        started: Callable[[], None],
    ) -> None:
        """`started` is called once requests are answered."""
        telemetry.observe(CONNECTIONS, lambda: len(self.server_state.connections))
        super().__init__(
            uvicorn.Config(
                app,
                http=_http_protocol(settings.limits.connections, telemetry),
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=max(1, round(settings.stop_time)),
                ssl_context_factory=(lambda _config, _default: tls) if tls else None,
            )
        )
        self._announce = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to answer."""
        await super().startup(sockets)
        self._announce()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """SIGTERM and SIGINT end the server, not the process."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal finishes what was begun, the second does not wait for clients."""
        del frame
        if self.should_exit:
            self.force_exit = True
            signal.signal(sig, signal.SIG_DFL)
        self.should_exit = True


def _http_protocol(connections: int, telemetry: Telemetry) -> Any:
    """The fast parser with bounds, or where it is not installed the one in plain Python."""
    try:
        from gnomon.server.web.http_protocol import BoundedHttp  # noqa: PLC0415
    except ImportError:
        return "h11"

    def refused(reason: str) -> None:
        telemetry.value(REFUSED, reason=reason).add()

    return partial(BoundedHttp, connections, refused)
