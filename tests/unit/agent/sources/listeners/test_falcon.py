"""The Open-Falcon listener over real sockets: pushes, pages, JSON-RPC in pieces and in a row."""

import http.client
import json
import logging
import socket
import threading

import pytest

from gnomon.agent.sources.listeners.falcon import INVALID, Falcon, Settings
from gnomon.core.clock import SystemClock
from gnomon.core.component import Context
from gnomon.core.errors import Full, Retryable
from gnomon.core.telemetry import Telemetry
from gnomon.transport.stream_server import CLOSED

ITEM = {"endpoint": "w", "metric": "m", "value": 1, "step": 60, "counterType": "GAUGE"}
BODY = json.dumps([ITEM, None]).encode()


class Bench:
    def __init__(self, **settings):
        self.context = Context("web1", SystemClock(), Telemetry(), logging.getLogger("gnomon.test"))
        self.batches = []
        self.full = threading.Event()
        chosen = {"address": "127.0.0.1:0", "rpc": "127.0.0.1:0", **settings}
        self.listener = Falcon(Settings(**chosen), self.context, self.emit)

    def emit(self, batch):
        if self.full.is_set():
            raise Full("disk full")
        self.batches.append(batch)

    @property
    def ports(self):
        return [int(text.rpartition(":")[2]) for text in self.listener.addresses]

    def ask(self, path, body=None, method="POST"):
        client = http.client.HTTPConnection("127.0.0.1", self.ports[0], timeout=20)
        try:
            client.request(method, path, body)
            answer = client.getresponse()
            return answer.status, answer.read()
        finally:
            client.close()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.ports[1]), timeout=20)

    def until(self, condition):
        for _ in range(1000):
            if condition():
                return
            self.context.clock.sleep(0.01)
        pytest.fail("waited too long")


@pytest.fixture
def bench():
    bench = Bench()
    bench.listener.start()
    yield bench
    bench.listener.stop()
    bench.listener.stop()


def test_push(bench):
    assert bench.ask("/v1/push", BODY) == (200, b"success")
    assert bench.ask("/v1/push/", BODY, "PUT") == (200, b"success")
    assert [repr(s.series) for b in bench.batches for s in b] == ["m{host='w'}"] * 2
    assert bench.context.telemetry.value(INVALID).value == 2


def test_push_errors(bench):
    assert bench.ask("/v1/push") == (400, b"body is blank\n")
    status, said = bench.ask("/v1/push", b"{")
    assert status == 400
    assert said.startswith(b"connot decode body")
    bench.full.set()
    assert bench.ask("/v1/push", BODY)[0] == 503
    assert bench.batches == []


def test_pages(bench):
    assert bench.ask("/health", method="GET") == (200, b"ok")
    assert b"@" in bench.ask("/version", method="GET")[1]
    said = json.loads(bench.ask("/proc/kernel/hostname", method="GET")[1])
    assert said == {"msg": "success", "data": "web1"}
    assert len(json.loads(bench.ask("/system/date")[1])["data"]) == len("2000-01-01 00:00:00")
    assert json.loads(bench.ask("/workdir")[1])["msg"] == "success"
    for path in ("/run", "/exit", "/plugin/update"):
        assert bench.ask(path, b"id")[0] == 404


def call(number):
    said = {"method": "Transfer.Update", "params": [[ITEM]], "id": number}
    return json.dumps(said).encode()


def answers(client, count):
    with client.makefile("rb") as file:
        return [json.loads(file.readline()) for _ in range(count)]


def test_rpc_in_pieces_and_in_a_row(bench):
    with bench.connect() as client:
        stream = b"".join(map(call, range(5)))
        for start in range(0, len(stream), 37):
            client.sendall(stream[start : start + 37])
        found = answers(client, 5)
    assert [said["id"] for said in found] == [0, 1, 2, 3, 4]
    assert all(said["result"]["Total"] == 1 and said["error"] is None for said in found)
    assert len(bench.batches) == 5


def test_rpc_waits_while_the_buffers_are_full(bench):
    bench.full.set()
    with bench.connect() as client:
        client.sendall(call(1))
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(10)
        bench.full.clear()
        client.settimeout(20)
        assert answers(client, 1)[0]["id"] == 1
    assert len(bench.batches) == 1


def test_rpc_ends_a_stream_of_something_else(bench):
    with bench.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert client.recv(10) == b""
    closed = bench.context.telemetry.value(CLOSED, listener="falcon-rpc", reason="malformed")
    bench.until(lambda: closed.value == 1)


def test_who_does_not_read_answers_is_closed(bench):
    closed = bench.context.telemetry.value(CLOSED, listener="falcon-rpc", reason="not_reading")
    ping = b'{"method":"Transfer.Ping","params":[{}],"id":"' + b"x" * 60_000 + b'"}'
    with bench.connect() as client:
        try:
            for _ in range(1000):
                client.sendall(ping)
        except OSError:
            pass
        bench.until(lambda: closed.value == 1)


def test_a_port_that_is_taken_is_tried_again_later(bench):
    other = Bench(address=f"127.0.0.1:{bench.ports[0]}")
    with pytest.raises(Retryable):
        other.listener.start()
    other.listener.stop()


def test_each_protocol_can_be_switched_off():
    bench = Bench(address="", rpc="")
    bench.listener.start()
    assert bench.listener.addresses == []
    bench.listener.stop()
