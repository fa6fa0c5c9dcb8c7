"""Graphite: plaintext over TCP and UDP, pickle over TCP; where carbon's clients send to.

A path that comes without tags stays the dotted name it is, with no label added, so that it answers
under the name its dashboards know. TCP clients wait while the buffers are full; UDP has nobody to
wait, so its losses are counted.
"""

from __future__ import annotations

import contextlib
import socket
import threading

from gnomon.codecs.graphite import line, pickle
from gnomon.core import settings
from gnomon.core.component import Context, Emit
from gnomon.core.errors import Full, GnomonError, Retryable
from gnomon.core.model import Batch
from gnomon.core.telemetry import counter
from gnomon.transport.http_page import parse_address
from gnomon.transport.stream_server import Limits, Lines, Prefixed, StreamServer

SAMPLES = counter("gnomon.graphite.samples", "Samples taken in.", "sample")
DROPPED = counter("gnomon.graphite.dropped", "Lines, items or datagrams lost, by reason.")

LARGEST_DATAGRAM = 65_536


class Settings(settings.Settings, frozen=True, kw_only=True):
    """What the Graphite listener can be told."""

    address: str = "127.0.0.1:2003"
    """Plaintext, over TCP and UDP; "" for none."""
    pickle: str = "127.0.0.1:2004"
    """Pickle, over TCP; "" for none."""
    connections: int = 1000
    """Most connections at once, each protocol for itself."""
    series: int = 1_000_000
    """Series that are remembered, so that a path is taken apart once."""


class Graphite:
    """The listener."""

    Settings = Settings
    DEFAULT = True

    def __init__(self, settings: Settings, context: Context, emit: Emit) -> None:
        self._context = context
        self._emit = emit
        self._lock = threading.Lock()
        self._lines = line.Decoder(settings.series)
        self._pickles = pickle.Decoder(settings.series)
        self._samples = context.telemetry.value(SAMPLES)
        self._stopping = threading.Event()
        self._udp: socket.socket | None = None
        self._udp_thread: threading.Thread | None = None
        limits = Limits(settings.connections)
        self._plaintext = self._pickle = None
        if settings.address:
            at = parse_address(settings.address)
            self._plaintext = StreamServer("graphite", at, Lines, self.take_lines, context, limits)
        if settings.pickle:
            at = parse_address(settings.pickle)
            self._pickle = StreamServer(
                "graphite-pickle",
                at,
                lambda: Prefixed(pickle.LONGEST),
                self.take_pickle,
                context,
                limits,
            )

    @property
    def addresses(self) -> list[str]:
        """What it listens on."""
        found: list[str] = []
        if self._plaintext is not None:
            found.append(f"tcp+udp:{self._plaintext.port}")
        if self._pickle is not None:
            found.append(f"pickle:{self._pickle.port}")
        return found

    def start(self) -> None:
        """Opens the ports; raises `Retryable` when one is taken."""
        try:
            if self._plaintext is not None:
                self._plaintext.start()
                self._start_udp(self._plaintext)
            if self._pickle is not None:
                self._pickle.start()
        except Retryable:
            self.stop()
            raise

    def stop(self) -> None:
        """Closes the ports; what was read is in the buffers."""
        self._stopping.set()
        for server in (self._plaintext, self._pickle):
            if server is not None:
                server.stop()
        if self._udp_thread is not None:
            self._udp_thread.join(timeout=5)
        if self._udp is not None:
            self._udp.close()

    def take_lines(self, data: bytes) -> None:
        """A chunk of whole lines; raises `Full`, after which it may come again."""
        with self._lock:
            batch, errors = self._lines.decode(data, self._context.clock.now())
        self._take(batch, errors)

    def take_pickle(self, message: bytes) -> None:
        """One message; raises `Full` or `DecodeError`."""
        batch, errors = self._pickles.decode(message, self._context.clock.now())
        self._take(batch, errors)

    def _take(self, batch: Batch, errors: list[str]) -> None:
        if batch:
            self._emit(batch)
            self._samples.add(len(batch))
        if errors:
            self._context.telemetry.value(DROPPED, reason="malformed").add(len(errors))
            self._context.log.debug("graphite: %d malformed, first: %s", len(errors), errors[0])

    def _start_udp(self, beside: StreamServer) -> None:
        host, _ = beside.address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._udp = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._udp.bind((host, beside.port))
        except OSError as error:
            raise Retryable(
                f"cannot listen on udp {host}:{beside.port}: {error.strerror}"
            ) from None
        self._udp.settimeout(0.25)
        self._udp_thread = threading.Thread(target=self._read_udp, args=(self._udp,), daemon=True)
        self._udp_thread.start()

    def _read_udp(self, held: socket.socket) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                data = held.recv(LARGEST_DATAGRAM)
                try:
                    self.take_lines(data)
                except Full:
                    self._context.telemetry.value(DROPPED, reason="buffer").add()
                except GnomonError as error:
                    self._context.log.warning("graphite: %s", error)


component = Graphite
