"""A TCP server: bytes come in, whole messages go to a handler, which may have a short answer.

One thread serves all connections. When the handler cannot take more (`Full`), nobody is read until
it can: the kernel's windows fill up and the senders wait, so nothing that was read is lost.
Connections beyond the limit, those silent for too long and those that do not read their answers are
closed and counted.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
from collections.abc import Callable
from typing import NamedTuple, Protocol

from gnomon.core.component import Context
from gnomon.core.errors import DecodeError, Full, Retryable
from gnomon.core.telemetry import counter, gauge

CONNECTIONS = gauge("gnomon.listener.connections", "Connections open now.", "connection")
CLOSED = counter("gnomon.listener.closed", "Connections closed by us, by reason.", "connection")
RECEIVED = counter("gnomon.listener.bytes", "Bytes received.", "byte")

CHUNK = 65_536
PAUSE = 0.2
"""Seconds until a handler that was full is tried again."""


class Framer(Protocol):
    """Cuts a stream into messages; one for each connection."""

    def feed(self, data: bytes) -> list[bytes]:
        """Whole messages so far; raises `DecodeError` when the stream cannot be followed."""
        ...

    def rest(self) -> bytes:
        """What is left when the connection ends, if it is a message of its own."""
        ...


class Lines:
    """Messages are chunks of whole lines."""

    def __init__(self, longest: int = 65_536) -> None:
        """`longest`: bytes a line may have."""
        self._longest = longest
        self._held = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Up to the last newline."""
        end = data.rfind(b"\n") + 1
        if not end:
            self._held += data
            if len(self._held) > self._longest:
                raise DecodeError(f"a line of more than {self._longest} bytes")
            return []
        whole, self._held = self._held + data[:end], data[end:]
        return [whole]

    def rest(self) -> bytes:
        """A last line without its newline counts."""
        return self._held


class Prefixed:
    """Messages behind a 4-byte length."""

    def __init__(self, longest: int, order: str = "big") -> None:
        """`order` of the length's bytes: `big` or `little`."""
        self._longest = longest
        self._little = order == "little"
        self._held = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """All messages that are there whole."""
        held = self._held
        held += data
        found: list[bytes] = []
        start = 0
        while len(held) - start >= 4:
            size = int.from_bytes(held[start : start + 4], "little" if self._little else "big")
            if size > self._longest:
                raise DecodeError(f"a message of {size} bytes, over {self._longest}")
            if len(held) - start - 4 < size:
                break
            found.append(bytes(held[start + 4 : start + 4 + size]))
            start += 4 + size
        del held[:start]
        return found

    def rest(self) -> bytes:
        """Half a message is none."""
        return b""


class Limits(NamedTuple):
    """Of one server."""

    connections: int = 1000
    idle: float = 600.0
    """Seconds of silence after which a connection is closed."""


class _Connection:
    __slots__ = ("framer", "last", "socket")

    def __init__(self, held: socket.socket, framer: Framer, now: float) -> None:
        self.socket = held
        self.framer = framer
        self.last = now


class StreamServer:
    """See the module's docstring; a `Component`."""

    def __init__(
        self,
        name: str,
        address: tuple[str, int],
        framer: Callable[[], Framer],
        handle: Callable[[bytes], bytes | None],
        context: Context,
        limits: Limits = Limits(),  # noqa: B008  # immutable
    ) -> None:
        """`handle` takes one message; may raise `Full` (it comes again) and `DecodeError`.

        What it returns is sent back.
        """
        self._name = name
        self._address = address
        self._framer = framer
        self._handle = handle
        self._clock = context.clock
        self._telemetry = context.telemetry
        self._log = context.log
        self._limits = limits
        self._listener: socket.socket | None = None
        self._selector = selectors.DefaultSelector()
        self._connections: dict[int, _Connection] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._received = self._telemetry.value(RECEIVED, listener=name)
        self._telemetry.observe(CONNECTIONS, lambda: len(self._connections), listener=name)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port as set."""
        return self._address

    @property
    def port(self) -> int:
        """The port in use; 0 before the start."""
        return int(self._listener.getsockname()[1]) if self._listener else 0

    def start(self) -> None:
        """Opens the port; raises `Retryable` when it is taken."""
        host, port = self._address
        try:
            self._listener = socket.create_server(
                self._address, family=socket.AF_INET6 if ":" in host else socket.AF_INET
            )
        except OSError as error:
            reason = os.strerror(error.errno or 0)  # without what create_server adds to it
            raise Retryable(f"cannot listen on {host}:{port}: {reason}") from None
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread.start()

    def stop(self) -> None:
        """Reads what has arrived, then closes everything."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        for connection in list(self._connections.values()):
            self._drop(connection, None)
        self._selector.close()
        if self._listener is not None:
            self._listener.close()

    def _run(self) -> None:
        sweep_at = self._clock.monotonic() + 10
        while not self._stopping.is_set():
            for key, _ in self._selector.select(timeout=0.25):
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._read(key.data)
            now = self._clock.monotonic()
            if now >= sweep_at:
                sweep_at = now + 10
                self._sweep(now)
        for connection in list(self._connections.values()):
            self._read(connection)

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            held, _ = self._listener.accept()
        except OSError:
            return
        if len(self._connections) >= self._limits.connections:
            held.close()
            self._telemetry.value(CLOSED, listener=self._name, reason="too_many").add()
            return
        held.setblocking(False)
        connection = _Connection(held, self._framer(), self._clock.monotonic())
        self._connections[held.fileno()] = connection
        self._selector.register(held, selectors.EVENT_READ, connection)

    def _read(self, connection: _Connection) -> None:
        try:
            data = connection.socket.recv(CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._drop(connection, "error")
            return
        connection.last = self._clock.monotonic()
        self._received.add(len(data))
        try:
            for message in connection.framer.feed(data) if data else [connection.framer.rest()]:
                if message and not self._answer(connection, self._deliver(message)):
                    self._drop(connection, "not_reading")
                    return
        except DecodeError as error:
            self._log.warning("%s: connection closed: %s", self._name, error)
            self._drop(connection, "malformed")
            return
        if not data:
            self._drop(connection, None)

    def _deliver(self, message: bytes) -> bytes | None:
        while True:
            try:
                return self._handle(message)
            except Full:
                if self._stopping.wait(PAUSE):
                    self._log.error("%s: %d bytes lost: no room", self._name, len(message))
                    return None

    @staticmethod
    def _answer(connection: _Connection, answer: bytes | None) -> bool:
        """Sends without waiting: a client whose window is full does not read what it asked for."""
        if not answer:
            return True
        try:
            return connection.socket.send(answer) == len(answer)
        except BlockingIOError:
            return False
        except OSError:
            return True  # it is gone, which the next read will notice

    def _sweep(self, now: float) -> None:
        for connection in list(self._connections.values()):
            if now - connection.last > self._limits.idle:
                self._drop(connection, "idle")

    def _drop(self, connection: _Connection, reason: str | None) -> None:
        if reason is not None:
            self._telemetry.value(CLOSED, listener=self._name, reason=reason).add()
        self._connections.pop(connection.socket.fileno(), None)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(connection.socket)
        connection.socket.close()
