from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress

import pytest

from gnomon.core.telemetry import Telemetry
from gnomon.server.config import Address, ServerSettings, bind
from gnomon.server.ingest.limits import Limits
from gnomon.server.main import HttpServer
from gnomon.server.web import http_protocol


async def app(scope, receive, send):
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d bytes" % len(body)})


@pytest.fixture
def telemetry():
    return Telemetry()


def refused(telemetry: Telemetry) -> dict[str, float]:
    """Closed connections by reason."""
    found = (s for s in telemetry.samples(0) if s.series.name == "gnomon.http.refused")
    return {sample.series.label("reason"): sample.value for sample in found}


@pytest.fixture
def connect(telemetry):
    """Opens connections to a server that runs on a thread."""
    started = threading.Event()
    with bind(Address("127.0.0.1", 0)) as listener:
        where = listener.getsockname()
        settings = ServerSettings(limits=Limits(connections=3))
        server = HttpServer(app, settings, None, telemetry, started.set)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        assert started.wait(10)

        @contextmanager
        def connect():
            with socket.create_connection(where, timeout=10) as link:
                yield link

        yield connect
        server.should_exit = True
        thread.join(10)


def answer(link: socket.socket) -> bytes:
    """All until the other side closes."""
    parts = []
    while part := link.recv(65536):
        parts.append(part)
    return b"".join(parts)


def test_requests_are_answered_on_one_connection(connect):
    with connect() as link:
        for _ in range(2):
            link.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n")
            link.sendall(bytes(200_000))
            assert b"200000 bytes" in link.recv(1000)


def test_connections_beyond_the_limit_are_refused_and_make_room_again(connect, telemetry):
    with connect() as one, connect() as two, connect() as three:
        for link in (one, two, three):
            link.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert link.recv(1000).startswith(b"HTTP/1.1 200")
        with connect() as four:
            assert answer(four).startswith(b"HTTP/1.1 503")
        three.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert answer(three).startswith(b"HTTP/1.1 200")
        with connect() as five:
            five.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
            assert answer(five).startswith(b"HTTP/1.1 200")
    assert refused(telemetry) == {"connections": 1}


def test_an_endless_head_is_refused(connect, telemetry):
    with connect() as link:
        head = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-More: %s\r\n" % (b"a" * 10_000) * 1000
        with suppress(OSError):  # the other side may have closed before all was sent
            link.sendall(head)
        with suppress(OSError):
            answer(link)
    assert refused(telemetry) == {"head_too_large": 1}


def test_the_head_may_be_as_long_as_allowed(connect):
    with connect() as link:
        link.sendall(
            b"GET / HTTP/1.1\r\nConnection: close\r\nX-Long: " + b"a" * 60_000 + b"\r\n\r\n"
        )
        assert answer(link).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_who_does_not_finish_the_head_is_let_go(connect, telemetry, monkeypatch, said):
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.05)
    with connect() as link:
        link.sendall(said)
        assert answer(link) == b""
    assert refused(telemetry) == {"head_too_slow": 1}


def test_the_second_head_has_its_own_time(connect, monkeypatch):
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.05)
    with connect() as link:
        link.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /")
        assert answer(link).startswith(b"HTTP/1.1 200")


def test_a_slow_body_is_not_the_heads_business(connect, monkeypatch):
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.05)
    with connect() as link:
        link.sendall(b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\na")
        link.settimeout(0.2)
        with pytest.raises(TimeoutError):
            link.recv(1)
        link.settimeout(10)
        link.sendall(b"b")
        assert b"2 bytes" in answer(link)


def test_what_is_no_http_is_refused(connect):
    with connect() as link:
        link.sendall(b"\x16\x03\x01\x02\x00 not http\r\n\r\n")
        assert answer(link).startswith(b"HTTP/1.1 400")
