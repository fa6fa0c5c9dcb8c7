"""The StatsD listener: from datagrams to samples, with what was lost counted."""

import logging
import socket

import pytest

from gnomon.agent.sources.listeners.statsd import DROPPED, LINES, Settings, Statsd
from gnomon.core.clock import SystemClock
from gnomon.core.component import Context
from gnomon.core.errors import Full, Retryable
from gnomon.core.model import Kind
from gnomon.core.telemetry import Telemetry
from gnomon.testing.clock import FakeClock

START = 1_700_000_000_000


@pytest.fixture
def make():
    made = []

    def make(clock=None, emit=None, **settings):
        context = Context("web1", clock or FakeClock(START), Telemetry(), logging.getLogger("test"))
        batches = []
        listener = Statsd(
            Settings(address="127.0.0.1:0", **settings), context, emit or batches.append
        )
        made.append(listener)
        return listener, batches, context

    yield make
    for listener in made:
        listener.stop()


def samples(batches):
    return {repr(s.series): s.value for batch in batches for s in batch}


def test_a_bucket_gives_one_value_a_context_at_its_start(make):
    listener, batches, _ = make()
    listener.feed(b"hits:1|c|#env:prod\nhits:4|c|#env:prod\nhits:15|c|#env:prod\ntemp:3|g")
    listener.flush(START + 10_000)
    assert samples(batches) == {"hits{env='prod', host='web1'}": 2.0, "temp{host='web1'}": 3.0}
    assert {s.timestamp for s in batches[0]} == {START}
    assert {s.series.name: s.series.metric.kind for s in batches[0]} == {
        "hits": Kind.RATE,
        "temp": Kind.GAUGE,
    }


def test_the_short_way_and_the_long_way_agree(make):
    listener, batches, _ = make()
    for _ in range(3):
        listener.feed(b"m:1:2:3|h|#a\nm:4|h|#a|@0.5")
    listener.flush(START + 10_000)
    found = samples(batches)
    assert found["m.max{a='true', host='web1'}"] == 4.0
    assert found["m.count{a='true', host='web1'}"] == pytest.approx((9 + 6) / 10)


def test_an_idle_count_reports_zero_until_it_expires_and_a_gauge_does_not(make):
    clock = FakeClock(START)
    listener, batches, _ = make(clock=clock, expiry=20)
    listener.feed(b"c:1|c\ng:1|g")
    values = []
    for _ in range(5):
        clock.advance(10)
        batches.clear()
        listener.flush(clock.now())
        values.append(samples(batches))
    assert values[0] == {"c{host='web1'}": 0.1, "g{host='web1'}": 1.0}
    assert values[1:3] == [{"c{host='web1'}": 0.0}] * 2
    assert values[3:] == [{}, {}]
    assert not listener._known
    assert not listener._series
    listener.feed(b"c:1|c")
    listener.flush(clock.now())
    assert samples(batches) == {"c{host='web1'}": 0.1}


def test_hosts_of_their_own(make):
    listener, batches, _ = make()
    listener.feed(b"a:1|g|#host:db1,device:sda\nb:1|g|#host:")
    listener.flush(START + 10_000)
    assert set(samples(batches)) == {"a{device='sda', host='db1'}", "b{}"}


def test_a_bad_line_is_counted_and_its_neighbours_survive(make):
    listener, batches, context = make()
    listener.feed(b"a:1|g\nrubbish\n\xff\xfe:1|g\nb:x|g\nc:2|g\r\n")
    listener.feed(b"a:oops|g\na:7|g")
    listener.flush(START + 10_000)
    assert samples(batches) == {"a{host='web1'}": 7.0, "c{host='web1'}": 2.0}
    assert context.telemetry.value(DROPPED, reason="malformed").value == 3
    assert context.telemetry.value(DROPPED, reason="not_a_number").value == 1


def test_contexts_over_the_limit_are_dropped_and_counted(make):
    listener, batches, context = make(contexts=2)
    listener.feed(b"a:1|g\nb:1|g\nc:1|g\na:2|g")
    listener.flush(START + 10_000)
    assert samples(batches) == {"a{host='web1'}": 2.0, "b{host='web1'}": 1.0}
    assert context.telemetry.value(DROPPED, reason="contexts").value == 1


def test_values_with_their_own_time_pass_through(make):
    listener, batches, _ = make()
    listener.feed(b"m:15|c|T1656581400\nm:16|c|T1656581410")
    listener.flush(START + 10_000)
    assert [(s.timestamp, s.value) for s in batches[0]] == [
        (1656581400000, 15.0),
        (1656581410000, 16.0),
    ]


def test_events_and_service_checks(make):
    listener, batches, _ = make()
    listener.feed(b"_e{6,4}:deploy|done|#app:x|t:success\n_sc|db.up|2|#app:x|m:gone")
    listener.flush(START + 10_000)
    assert [(e.title, e.kind) for e in batches[0].events] == [
        ("deploy", "success"),
        ("db.up is critical", "service_check"),
    ]
    assert samples(batches) == {"service_check{app='x', check='db.up', host='web1'}": 2.0}


def test_a_full_buffer_is_counted(make):
    def full(batch):
        raise Full("disk full")

    listener, _, context = make(emit=full)
    listener.feed(b"a:1|g")
    listener.flush(START + 10_000)
    assert context.telemetry.value(DROPPED, reason="buffer").value == 1


def test_a_namespace_goes_in_front(make):
    listener, batches, _ = make(namespace="app")
    listener.feed(b"a:1|g")
    listener.flush(START + 10_000)
    assert set(samples(batches)) == {"app.a{host='web1'}"}


def test_over_udp_and_a_unix_socket(make, tmp_path):
    path = str(tmp_path / "dsd.sock")
    listener, batches, context = make(clock=SystemClock(), socket=path, interval=3600)
    listener.start()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix,
    ):
        udp.sendto(b"a:1|g\nb:1|g", ("127.0.0.1", listener.port))
        unix.sendto(b"c:1|g", path)
        while context.telemetry.value(LINES).value < 3:
            context.clock.sleep(0.01)
    listener.stop()
    listener.stop()
    assert set(samples(batches)) == {f"{name}{{host='web1'}}" for name in "abc"}
    assert not (tmp_path / "dsd.sock").exists()


def test_a_taken_port_is_said(make):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        context = Context("h", FakeClock(), Telemetry(), logging.getLogger("test"))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Retryable, match=f"cannot listen on {address}: Address already in use"):
            Statsd(Settings(address=address), context, list).start()
