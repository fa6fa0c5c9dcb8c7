"""The Graphite listener over real sockets: plaintext, UDP, pickle; waiting when buffers are full."""

import logging
import pickle
import socket
import threading

import pytest

from gnomon.agent.sources.listeners.graphite import DROPPED, Graphite, Settings
from gnomon.core.clock import SystemClock
from gnomon.core.component import Context
from gnomon.core.errors import Full, Retryable
from gnomon.core.telemetry import Telemetry
from gnomon.transport.stream_server import CLOSED


class Bench:
    def __init__(self, **settings):
        self.context = Context("web1", SystemClock(), Telemetry(), logging.getLogger("test"))
        self.batches = []
        self.full = threading.Event()
        chosen = {"address": "127.0.0.1:0", "pickle": "127.0.0.1:0", **settings}
        self.listener = Graphite(Settings(**chosen), self.context, self.emit)

    def emit(self, batch):
        if self.full.is_set():
            raise Full("disk full")
        self.batches.append(batch)

    def ports(self):
        return [int(text.rpartition(":")[2]) for text in self.listener.addresses]

    def values(self):
        return {s.series.name: s.value for batch in list(self.batches) for s in batch}

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


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def test_plaintext_over_tcp_in_pieces(bench):
    with connect(bench.ports()[0]) as client:
        for piece in (b"servers.web1.lo", b"ad 1.5 1700000000\nrub", b"bish\nb 2 1700000000"):
            client.sendall(piece)
            bench.context.clock.sleep(0.02)
    bench.until(lambda: len(bench.values()) == 2)
    assert bench.values() == {"servers.web1.load": 1.5, "b": 2.0}
    assert bench.batches[0].series[0].labels == ()
    bench.until(lambda: bench.context.telemetry.value(DROPPED, reason="malformed").value == 1)


def test_plaintext_over_udp(bench):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"a 1 1700000000\nb 2 1700000000\n", ("127.0.0.1", bench.ports()[0]))
        bench.until(lambda: bench.values() == {"a": 1.0, "b": 2.0})


def test_pickle(bench):
    message = pickle.dumps([("a", (1700000000, 1)), ("b;k=v", (1700000000, 2))], protocol=2)
    framed = len(message).to_bytes(4, "big") + message
    with connect(bench.ports()[1]) as client:
        client.sendall(framed + framed[:7])
        bench.until(lambda: len(bench.batches) == 1)
        client.sendall(framed[7:])
        bench.until(lambda: len(bench.batches) == 2)
    assert bench.values() == {"a": 1.0, "b": 2.0}


def test_a_hostile_pickle_closes_only_its_connection(bench):
    message = b"cos\nsystem\n(S'exit 1'\ntR."
    with connect(bench.ports()[1]) as hostile:
        hostile.sendall(len(message).to_bytes(4, "big") + message)
        assert hostile.recv(1) == b""
    with connect(bench.ports()[1]) as huge:
        huge.sendall(b"\xff\xff\xff\xff")
        assert huge.recv(1) == b""
    closed = bench.context.telemetry.value(CLOSED, listener="graphite-pickle", reason="malformed")
    assert closed.value == 2


def test_full_buffers_make_the_client_wait_and_lose_nothing(bench):
    bench.full.set()
    with connect(bench.ports()[0]) as client:
        client.sendall(b"a 1 1700000000\n")
        bench.context.clock.sleep(0.3)
        assert bench.batches == []
        bench.full.clear()
        bench.until(lambda: bench.values() == {"a": 1.0})


def test_too_many_connections_are_closed_and_counted():
    bench = Bench(connections=1)
    bench.listener.start()
    try:
        with connect(bench.ports()[0]) as first, connect(bench.ports()[0]) as second:
            assert second.recv(1) == b""
            first.sendall(b"a 1 1700000000\n")
            bench.until(lambda: bench.values() == {"a": 1.0})
    finally:
        bench.listener.stop()


def test_a_taken_port_is_said(bench):
    address = f"127.0.0.1:{bench.ports()[0]}"
    other = Bench(address=address)
    with pytest.raises(Retryable, match=f"cannot listen on {address}"):
        other.listener.start()
