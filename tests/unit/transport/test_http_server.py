"""The small HTTP server over real sockets: routes, errors, limits, slow clients, its end."""

import contextlib
import gzip
import http.client
import logging
import socket
import threading

import pytest

from gnomon.core.clock import SystemClock
from gnomon.core.component import Context
from gnomon.core.errors import DecodeError, Full, LimitExceeded, Permanent, Retryable
from gnomon.core.telemetry import Telemetry
from gnomon.transport.http_server import REQUESTS, HttpServer, Limits, Response, Route
from gnomon.transport.stream_server import CLOSED

GET = ("GET",)


class Bench:
    def __init__(self, limits=None):
        self.telemetry = Telemetry()
        self.clock = SystemClock()
        self.gate = threading.Event()
        context = Context("here", self.clock, self.telemetry, logging.getLogger("gnomon.test"))
        routes = {
            "/echo": Route(lambda request: Response(200, request.body)),
            "/page": Route(lambda request: Response(200, request.query.encode()), GET),
            "/any": Route(lambda request: Response(200, request.method.encode()), ()),
            "/wait": Route(self.wait, ()),
            **{f"/{error.__name__}": Route(raising(error), ()) for error in ERRORS},
        }
        self.server = HttpServer("test", ("127.0.0.1", 0), routes, context, limits or Limits())

    def wait(self, request):
        assert self.gate.wait(20)
        return Response(200, b"late")

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=20)

    def until(self, condition):
        for _ in range(1000):
            if condition():
                return
            self.clock.sleep(0.01)
        pytest.fail("waited too long")


ERRORS = (DecodeError, LimitExceeded, Full, Retryable, Permanent, ZeroDivisionError)


def raising(error):
    def handle(request):
        raise error("because")

    return handle


@pytest.fixture
def make():
    made = []

    def build(limits=None):
        bench = Bench(limits)
        bench.server.start()
        made.append(bench)
        return bench

    yield build
    for bench in made:
        bench.gate.set()
        bench.server.stop()
        bench.server.stop()


def whole(client):
    data = b""
    while piece := client.recv(65536):
        data += piece
    return data


def test_routes(make):
    bench = make()
    assert bench.ask("POST", "/echo", b"x" * 100_000)[:2] == (200, b"x" * 100_000)
    assert bench.ask("POST", "/echo/", b"x")[:2] == (200, b"x")
    assert bench.ask("GET", "/page?a=1")[:2] == (200, b"a=1")
    assert bench.ask("HEAD", "/any")[:2] == (200, b"")
    assert bench.ask("PUT", "/any")[:2] == (200, b"PUT")
    status, _, headers = bench.ask("GET", "/echo")
    assert (status, headers["Allow"]) == (405, "POST")
    assert bench.ask("GET", "/nothing")[0] == 404
    assert bench.telemetry.value(REQUESTS, listener="test", code="404").value == 1


def test_a_body_in_chunks_and_compressed(make):
    body = iter([gzip.compress(b"hello")])
    status, answer, _ = make().ask("POST", "/echo", body, {"Content-Encoding": "gzip"})
    assert (status, answer) == (200, b"hello")


def test_a_bomb_is_413(make):
    bomb = gzip.compress(bytes(100_000))
    bench = make(Limits(decompressed=50_000))
    assert bench.ask("POST", "/echo", bomb, {"Content-Encoding": "gzip"})[0] == 413
    assert bench.ask("POST", "/echo", b"x", {"Content-Encoding": "gzip"})[0] == 400


@pytest.mark.parametrize(
    ("error", "status"), [*zip(ERRORS, (400, 413, 503, 503, 422, 500), strict=True)]
)
def test_errors(make, error, status):
    answer = make().ask("POST", f"/{error.__name__}")
    assert answer[0] == status
    assert answer[2]["Retry-After"] == ("1" if status == 503 else None)


def test_a_page_of_another_site_may_not_send(make):
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert make().ask("POST", "/echo", b"x", headers)[0] == 403


def test_one_connection_serves_many_requests_also_sent_at_once(make):
    request = b"POST /echo HTTP/1.1\r\nContent-Length: 2\r\n\r\n"
    last = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with make().connect() as client:
        client.sendall(request + b"a1" + request + b"b2" + last + b"c3")
        answer = whole(client)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert [answer.index(body) for body in (b"a1", b"b2", b"c3")] == sorted(
        answer.index(body) for body in (b"a1", b"b2", b"c3")
    )


def test_who_waits_for_100_continue_gets_it(make):
    with make().connect() as client:
        client.sendall(
            b"POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nConnection: close\r\n"
            b"Content-Length: 2\r\n\r\n"
        )
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"ok")
        assert whole(client).endswith(b"\r\n\r\nok")


def test_too_large_a_body_is_answered_while_it_is_still_sent(make):
    bench = make(Limits(body=1000))
    with bench.connect() as client:
        client.sendall(b"POST /echo HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n" + bytes(500_000))
        assert whole(client).startswith(b"HTTP/1.1 413 ")


def test_what_is_no_http_is_400(make):
    with make().connect() as client:
        client.sendall(b"hello\r\n\r\n")
        assert whole(client).startswith(b"HTTP/1.1 400 ")


def test_too_many_connections(make):
    bench = make(Limits(connections=1))
    with bench.connect() as first:
        first.sendall(b"GET /page HTTP/1.1\r\n\r\n")
        assert first.recv(100).startswith(b"HTTP/1.1 200")
        with bench.connect() as second, contextlib.suppress(ConnectionResetError):
            assert second.recv(100) == b""
    assert bench.telemetry.value(CLOSED, listener="test", reason="too_many").value == 1
    bench.until(lambda: bench.ask("GET", "/page")[0] == 200)


def test_a_slow_client_costs_its_connection_only(make):
    bench = make(Limits(request=0.2))
    with bench.connect() as slow:
        slow.sendall(b"POST /echo HTTP/1.1\r\nContent-Length: 9\r\n\r\nab")
        assert bench.ask("POST", "/echo", b"x")[0] == 200
        assert whole(slow) == b""
    assert bench.telemetry.value(CLOSED, listener="test", reason="slow").value == 1


def test_all_requests_together_are_bounded(make):
    bench = make(Limits(held=150_000))
    with bench.connect() as first, bench.connect() as second:
        part = b"POST /echo HTTP/1.1\r\nContent-Length: 200000\r\n\r\n" + bytes(100_000)
        first.sendall(part)
        bench.until(lambda: bench.server._held >= 100_000)
        second.sendall(part)
        assert second.recv(100).startswith(b"HTTP/1.1 503 ")
    bench.until(lambda: bench.server._held == 0)
    assert bench.ask("POST", "/echo", bytes(100_000))[0] == 200


def test_stopping_answers_what_is_under_way(make):
    bench = make()
    with bench.connect() as client, bench.connect() as idle:
        client.sendall(b"GET /wait HTTP/1.1\r\n\r\n")
        bench.until(lambda: bench.server._workers._threads)
        stopper = threading.Thread(target=bench.server.stop)
        stopper.start()
        bench.gate.set()
        stopper.join(20)
        assert not stopper.is_alive()
        assert whole(client).endswith(b"late")
        assert whole(idle) == b""
    with pytest.raises(OSError):
        bench.connect().close()


def test_a_taken_port_may_be_free_later(make):
    bench = make()
    other = HttpServer(
        "other", ("127.0.0.1", bench.server.port), {}, Context("", bench.clock, Telemetry(), None)
    )
    with pytest.raises(Retryable, match="cannot listen on"):
        other.start()
    other.stop()
