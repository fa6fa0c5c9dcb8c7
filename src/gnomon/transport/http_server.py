"""A small HTTP/1.1 server for a process that is no web server: an agent's listeners.

One thread reads all connections, so that slow and silent clients cost a socket each and no more; a few
workers run the handlers, which may block until what they were given is safe. Bounded are connections,
head, body, decompressed body, bytes held by all requests together, and the time of each request.
Standard library only.
"""

from __future__ import annotations

import contextlib
import math
import os
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import NamedTuple

from gnomon.core.component import Context
from gnomon.core.errors import DecodeError, GnomonError, LimitExceeded, Retryable
from gnomon.core.telemetry import counter
from gnomon.transport.compression import decompress
from gnomon.transport.http_request import Refusal, Request, RequestReader
from gnomon.transport.stream_server import CLOSED, CONNECTIONS, RECEIVED

REQUESTS = counter("gnomon.listener.requests", "HTTP requests by listener and status code.")

CHUNK = 65_536
SEND_TIME = 5.0
"""Seconds a client may take to accept an answer."""
LINGER = 5.0
"""Seconds for which what a refused client still sends is read, so that it sees the answer."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Response(NamedTuple):
    """What is answered."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = {}


Handler = Callable[[Request], Response]
"""Answers one request, on a worker thread; a `GnomonError` becomes the status that fits."""


class Route(NamedTuple):
    """What is done at one path."""

    handle: Handler
    methods: Collection[str] = ("POST",)
    """Empty: any."""


class Limits(NamedTuple):
    """Of one server."""

    connections: int = 1000
    body: int = 8 << 20
    """Bytes of a body as it comes over the wire."""
    decompressed: int = 16 << 20
    """Bytes of a body once decompressed."""
    held: int = 64 << 20
    """Bytes of all requests that are being received or answered."""
    request: float = 30.0
    """Seconds from the first byte of a request to its last."""
    idle: float = 75.0
    """Seconds of silence between requests."""
    workers: int = 4


def plain_text(status: int, message: str) -> Response:
    """The usual form of an error."""
    return Response(status, message.encode("utf-8", "replace") + b"\n", "text/plain; charset=utf-8")


class _Connection:
    __slots__ = ("counted", "deadline", "leaving", "reader", "socket")

    def __init__(self, held: socket.socket, reader: RequestReader, deadline: float) -> None:
        self.socket = held
        self.reader = reader
        self.deadline = deadline
        self.counted = 0
        self.leaving = False


class HttpServer:
    """See the module's docstring; a `Component`."""

    def __init__(
        self,
        name: str,
        address: tuple[str, int],
        routes: Mapping[str, Route],
        context: Context,
        limits: Limits = Limits(),  # noqa: B008  # immutable
        error: Callable[[int, str], Response] = plain_text,
    ) -> None:
        """`routes` by path, without a slash at its end; `error` gives errors their form."""
        self._name = name
        self._address = address
        self._routes = routes
        self._clock = context.clock
        self._telemetry = context.telemetry
        self._log = context.log
        self._limits = limits
        self._error = error
        self._listener: socket.socket | None = None
        self._selector = selectors.DefaultSelector()
        self._wake_receive, self._wake_send = -1, -1
        self._connections: set[_Connection] = set()
        self._answered: deque[tuple[_Connection, bool]] = deque()
        self._held = 0
        self._stopping = threading.Event()
        self._workers: ThreadPoolExecutor | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._received = self._telemetry.value(RECEIVED, listener=name)
        self._telemetry.observe(CONNECTIONS, lambda: len(self._connections), listener=name)

    @property
    def port(self) -> int:
        """The port in use; 0 before the start."""
        return int(self._listener.getsockname()[1]) if self._listener else 0

    def start(self) -> None:
        """Opens the port; raises `Retryable` when it is taken."""
        host, port = self._address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._listener = socket.create_server(self._address, family=family, backlog=1024)
        except OSError as error:
            reason = os.strerror(error.errno or 0)  # without what create_server adds to it
            raise Retryable(f"cannot listen on {host}:{port}: {reason}") from None
        self._wake_receive, self._wake_send = os.pipe()
        os.set_blocking(self._wake_receive, False)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake_receive, selectors.EVENT_READ)
        self._workers = ThreadPoolExecutor(self._limits.workers, self._name)
        self._thread.start()

    def stop(self) -> None:
        """Answers the requests that are there whole, then closes everything."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        if self._thread.is_alive():
            os.write(self._wake_send, b"\0")
            self._thread.join()
        if self._workers is not None:
            self._workers.shutdown()
        for connection in list(self._connections):
            self._drop(connection, None)
        self._selector.close()
        if self._listener is not None:
            self._listener.close()
            os.close(self._wake_receive)
            os.close(self._wake_send)

    # --- the reading thread

    def _run(self) -> None:
        sweep_at = self._clock.monotonic() + 1
        while not self._stopping.is_set():
            for key, _ in self._selector.select(timeout=1):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj == self._wake_receive:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._wake_receive, CHUNK)
                else:
                    self._read(key.data)
            while self._answered:
                self._go_on(*self._answered.popleft())
            now = self._clock.monotonic()
            if now >= sweep_at:
                sweep_at = now + 1
                self._sweep(now)

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
        deadline = self._clock.monotonic() + self._limits.request
        connection = _Connection(held, RequestReader(self._limits.body), deadline)
        self._connections.add(connection)
        self._selector.register(held, selectors.EVENT_READ, connection)

    def _read(self, connection: _Connection) -> None:
        try:
            data = connection.socket.recv(CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._drop(connection, None)
            return
        self._received.add(len(data))
        if connection.leaving:
            return
        if not connection.reader.begun:
            connection.deadline = self._clock.monotonic() + self._limits.request
        connection.reader.feed(data)
        self._next(connection)

    def _next(self, connection: _Connection) -> None:
        """Hands a whole request to the workers, or waits for more of it."""
        reader = connection.reader
        try:
            request = reader.next()
        except Refusal as refusal:
            self._refuse(connection, refusal)
            return
        self._count_held(connection, reader.held + (len(request.body) if request else 0))
        if self._held > self._limits.held:
            self._refuse(connection, Refusal(503, "too many requests are being received at once"))
            return
        if request is None:
            if reader.expects_continue:
                reader.expects_continue = False
                with contextlib.suppress(OSError):
                    connection.socket.send(CONTINUE)
            return
        assert self._workers is not None
        self._selector.unregister(connection.socket)
        connection.deadline = math.inf
        self._workers.submit(self._serve, connection, request)

    def _go_on(self, connection: _Connection, keep: bool) -> None:
        """A worker is done with the connection."""
        self._count_held(connection, connection.reader.held)
        if not keep:
            self._drop(connection, None)
            return
        begun = connection.reader.begun
        wait = self._limits.request if begun else self._limits.idle
        connection.deadline = self._clock.monotonic() + wait
        connection.socket.setblocking(False)
        self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        if begun:
            self._next(connection)

    def _refuse(self, connection: _Connection, refusal: Refusal) -> None:
        """Answers, then reads on for a while: who still sends would not see the answer else."""
        answer = self._error(refusal.status, str(refusal))
        self._telemetry.value(REQUESTS, listener=self._name, code=str(refusal.status)).add()
        self._count_held(connection, 0)
        connection.reader = RequestReader(0)
        connection.leaving = True
        connection.deadline = self._clock.monotonic() + LINGER
        with contextlib.suppress(OSError):
            connection.socket.send(_encode(answer, keep_alive=False))
            connection.socket.shutdown(socket.SHUT_WR)

    def _count_held(self, connection: _Connection, held: int) -> None:
        self._held += held - connection.counted
        connection.counted = held

    def _sweep(self, now: float) -> None:
        for connection in list(self._connections):
            if now > connection.deadline:
                reason = "slow" if connection.reader.begun else "idle"
                self._drop(connection, None if connection.leaving else reason)

    def _drop(self, connection: _Connection, reason: str | None) -> None:
        if reason is not None:
            self._telemetry.value(CLOSED, listener=self._name, reason=reason).add()
        self._count_held(connection, 0)
        self._connections.discard(connection)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(connection.socket)
        connection.socket.close()

    # --- the workers

    def _serve(self, connection: _Connection, request: Request) -> None:
        answer = self._answer(request)
        self._telemetry.value(REQUESTS, listener=self._name, code=str(answer.status)).add()
        keep = request.keep_alive and not self._stopping.is_set()
        data = _encode(answer, keep_alive=keep, head_only=request.method == "HEAD")
        try:
            connection.socket.settimeout(SEND_TIME)
            connection.socket.sendall(data)
        except OSError:
            keep = False
        self._answered.append((connection, keep))
        with contextlib.suppress(OSError):
            os.write(self._wake_send, b"\0")

    def _answer(self, request: Request) -> Response:
        route = self._routes.get(request.path) or self._routes.get(request.path.rstrip("/"))
        if route is None:
            return self._error(404, f"there is nothing at {request.path[:200]}")
        if route.methods and request.method not in route.methods:
            allowed = ", ".join(sorted(route.methods))
            return self._error(405, f"only {allowed} here")._replace(headers={"Allow": allowed})
        if request.method != "GET" and request.headers.get("sec-fetch-site") == "cross-site":
            return self._error(403, "a page of another site may not send anything")
        try:
            return route.handle(self._decompressed(request))
        except GnomonError as error:
            self._log.debug("%s: %s: %s", self._name, request.path, error)
            return self._of(error)
        except Exception:  # noqa: BLE001  # a bug costs one request, and is logged
            self._log.exception("%s: %s failed", self._name, request.path)
            return self._error(500, "an error in the agent; its log says more")

    def _decompressed(self, request: Request) -> Request:
        encoding = request.headers.get("content-encoding", "")
        if not encoding:
            return request
        body = decompress(request.body, encoding, self._limits.decompressed)
        return request._replace(body=body)

    def _of(self, error: GnomonError) -> Response:
        if isinstance(error, Retryable):
            wait = {"Retry-After": str(max(1, math.ceil(error.retry_after or 1)))}
            return self._error(503, str(error))._replace(headers=wait)
        if isinstance(error, LimitExceeded):
            return self._error(413, str(error))
        return self._error(400 if isinstance(error, DecodeError) else 422, str(error))


def _encode(answer: Response, *, keep_alive: bool, head_only: bool = False) -> bytes:
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {answer.status} {phrase}", f"Content-Length: {len(answer.body)}"]
    lines += [f"Content-Type: {answer.content_type}"] if answer.content_type else []
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    lines += [f"Connection: {'keep-alive' if keep_alive else 'close'}", "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace") + (b"" if head_only else answer.body)
