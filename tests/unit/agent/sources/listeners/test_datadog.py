"""The Datadog listener over real sockets: a forwarder that keeps its word."""

import http.client
import json
import logging
import zlib

import pytest

from gnomon.agent.sources.listeners.datadog import DROPPED, SAMPLES, Datadog, Settings
from gnomon.core.component import Context
from gnomon.core.errors import Full, SettingsError
from gnomon.core.telemetry import Telemetry
from gnomon.testing.clock import FakeClock

SERIES = b'{"series":[{"metric":"m","points":[[1700000000,1.5]],"type":"count"}]}'


class Bench:
    def __init__(self):
        self.context = Context("web1", FakeClock(), Telemetry(), logging.getLogger("gnomon.test"))
        self.batches = []
        self.full = False
        self.listener = Datadog(Settings(address="127.0.0.1:0"), self.context, self.emit)

    def emit(self, batch):
        if self.full:
            raise Full("disk full", retry_after=7)
        self.batches.append(batch)

    def ask(self, method, path, body=None, headers=None):
        client = http.client.HTTPConnection("127.0.0.1", self.listener.port, timeout=20)
        try:
            client.request(method, path, body, headers or {})
            answer = client.getresponse()
            return answer.status, json.loads(answer.read()), answer.headers
        finally:
            client.close()

    def samples(self):
        return [(repr(s.series), s.timestamp, s.value) for b in self.batches for s in b]


@pytest.fixture
def bench():
    bench = Bench()
    bench.listener.start()
    yield bench
    bench.listener.stop()
    bench.listener.stop()


def test_series_of_dogstatsd_are_in_the_buffers_before_the_answer(bench):
    headers = {"Content-Encoding": "deflate", "Content-Type": "application/json"}
    path = "/api/v1/series/?api_key=whatever"
    answer = bench.ask("POST", path, zlib.compress(SERIES), headers)
    assert answer[:2] == (202, {"status": "ok"})
    assert bench.samples() == [("m{host='web1'}", 1700000000000, 1.5)]
    assert bench.context.telemetry.value(SAMPLES).value == 1


def test_full_buffers_are_503_and_the_same_body_may_come_again(bench):
    bench.full = True
    status, said, headers = bench.ask("POST", "/api/v1/series", SERIES)
    assert (status, said, headers["Retry-After"]) == (503, {"errors": ["disk full"]}, "7")
    bench.full = False
    assert bench.ask("POST", "/api/v1/series", SERIES)[0] == 202
    assert len(bench.samples()) == 1


@pytest.mark.parametrize("path", ["/intake", "/intake/", "/intake/metrics", "/intake/metadata"])
def test_the_payload_of_a_collector(bench, path):
    body = b'{"internalHostname":"db1","cpuUser":3,"gohai":"{}","metrics":[["a",1,2],["b"]]}'
    assert bench.ask("POST", path, body)[0] == 202
    assert [name for name, _, _ in bench.samples()] == [
        "system.cpu.user{host='db1'}",
        "a{host='db1'}",
    ]
    assert bench.context.telemetry.value(DROPPED, reason="malformed").value == 1
    assert bench.context.telemetry.value(DROPPED, reason="gohai").value == 1


def test_checks_and_events(bench):
    run = b'{"check":"up","status":1,"message":"slow"}'
    assert bench.ask("POST", "/api/v1/check_run", run)[0] == 202
    assert bench.ask("POST", "/api/v1/events", b'{"title":"deploy"}')[0] == 202
    assert [e.title for b in bench.batches for e in b.events] == ["up is warning", "deploy"]


def test_what_is_malformed_is_400(bench):
    status, said, _ = bench.ask("POST", "/api/v2/series", b"{")
    assert status == 400
    assert "not JSON" in said["errors"][0]
    assert bench.ask("POST", "/api/v1/series", b'{"series":[{"metric":""}]}')[0] == 400
    assert bench.batches == []


def test_pages(bench):
    assert bench.ask("GET", "/api/v1/validate")[:2] == (200, {"valid": True})
    assert bench.ask("GET", "/status/")[:2] == (200, {"status": "ok", "samples": 0})
    assert bench.ask("GET", "/nothing")[0] == 404
    assert bench.listener.addresses == [f"http:{bench.listener.port}"]


def test_an_address_that_is_none():
    with pytest.raises(SettingsError):
        Datadog(Settings(address="nowhere"), Bench().context, None)
