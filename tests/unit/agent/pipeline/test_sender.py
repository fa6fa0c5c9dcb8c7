"""From a buffer to a sink: in order, once, with back-off, never stuck."""

import logging
import threading

import pytest

from gnomon.agent.pipeline import sender as module
from gnomon.agent.pipeline.fanout import REFUSED, Fanout
from gnomon.agent.pipeline.plan import SinkSpec
from gnomon.agent.pipeline.sender import DROPPED, SENT, Sender, back_off
from gnomon.buffer.memory import MemoryBuffer
from gnomon.buffer.settings import BufferSettings
from gnomon.core.clock import SystemClock
from gnomon.core.errors import Full, Permanent, Retryable, SettingsError
from gnomon.core.model import Batch, Sample, Series
from gnomon.core.settings import Located
from gnomon.core.telemetry import Telemetry
from gnomon.testing.capture import CaptureSink

A = Series.of("a")


class Bench:
    def __init__(self):
        self.clock = SystemClock()
        self.telemetry = Telemetry()
        self.sink = CaptureSink()
        self.build = lambda: self.sink
        self.buffer = MemoryBuffer(BufferSettings(), self.clock, self.telemetry, "agent", "s")
        self.sender = Sender(
            SinkSpec("capture", "s", Located({})),
            lambda: self.build(),  # noqa: PLW0108  # tests replace `build`
            self.buffer,
            self.clock,
            self.telemetry,
            logging.getLogger("test"),
        )

    def put(self, *values):
        return [self.buffer.put(Batch.of([Sample(A, 1, value)])) for value in values]

    def until(self, condition):
        waited = threading.Event()
        for _ in range(1000):
            if condition():
                return
            waited.wait(0.01)
        pytest.fail("waited too long")


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.setattr(module, "FIRST_WAIT", 0.01)
    bench = Bench()
    yield bench
    bench.sender.stop()
    bench.buffer.close()


def test_everything_is_delivered_once_and_in_order(bench):
    marks = bench.put(1.0, 2.0)
    bench.sender.start()
    marks += bench.put(3.0)
    bench.until(lambda: len(bench.sink.marks) == 3)
    assert bench.sink.marks == marks
    bench.until(lambda: bench.buffer.stats().batches == 0)
    assert bench.telemetry.value(SENT, sink="s").value == 3


def test_what_failed_comes_again_with_the_same_marks(bench):
    bench.sink.fail(Retryable("down"), Retryable("still down"), ZeroDivisionError("a bug"))
    marks = bench.put(1.0, 2.0)
    bench.sender.start()
    bench.until(lambda: len(bench.sink.marks) == 2)
    assert bench.sink.marks == marks
    assert bench.sink.attempts >= 4
    bench.until(lambda: bench.sender.state().state == "idle")
    assert bench.sender.state().errors == 3
    assert bench.sender.state().message == ""


def test_what_is_refused_for_good_is_dropped_counted_and_said(bench):
    bench.sink.fail(Permanent("never"))
    bench.put(1.0)
    bench.sender.start()
    bench.until(lambda: bench.telemetry.value(DROPPED, sink="s", reason="refused").value == 1)
    bench.until(lambda: bench.buffer.stats().batches == 0)
    assert bench.sender.state().dropped == {"refused": 1}
    bench.put(2.0)
    bench.until(lambda: [s.value for s in bench.sink.samples] == [2.0])


def test_a_sink_that_cannot_be_built_is_tried_again(bench):
    failures = [SettingsError("no driver")]

    def build():
        if failures:
            raise failures.pop()
        return bench.sink

    bench.build = build
    bench.put(1.0)
    bench.sender.start()
    bench.until(lambda: len(bench.sink.marks) == 1)


def test_stopping_drains_first_and_may_be_done_twice(bench):
    bench.put(*map(float, range(50)))
    bench.sender.start()
    bench.sender.stop(drain=5)
    bench.sender.stop()
    assert len(bench.sink.samples) == 50
    assert bench.sink.closed == 1


def test_the_state_shows_what_waits_and_why(bench):
    bench.sink.fail(Retryable("refused", retry_after=300))
    bench.put(1.0)
    bench.sender.start()
    bench.until(lambda: bench.sender.state().state == "retrying")
    state = bench.sender.state()
    assert state.message == "refused"
    assert state.queue.samples == 1
    assert state.next_try > bench.clock.now() + 250_000


def test_back_off_doubles_with_jitter_up_to_a_limit():
    assert all(0.5 <= back_off(1) <= 1 for _ in range(50))
    assert all(4 <= back_off(4) <= 8 for _ in range(50))
    assert all(30 <= back_off(40) <= 60 for _ in range(50))
    assert back_off(1, retry_after=120) == 120
    assert back_off(1, retry_after=1e9) == module.LONGEST_ASKED_WAIT


class Refusing:
    def put(self, batch):
        raise Full("disk full")


def test_one_full_buffer_costs_the_others_nothing(bench):
    fanout = Fanout(bench.telemetry)
    fanout.attach("full", Refusing())
    fanout.attach("s", bench.buffer)
    with pytest.raises(Full):
        fanout.put(Batch.of([Sample(A, 1, 1.0)]))
    assert bench.buffer.stats().samples == 1
    assert bench.telemetry.value(REFUSED, sink="full").value == 1
    fanout.detach("full")
    fanout.put(Batch.of([Sample(A, 2, 1.0)]))
    assert bench.buffer.stats().samples == 2


def test_processors_apply_in_order_and_may_drop(bench):
    class Keep:
        def __init__(self, name):
            self.name = name

        def process(self, batch):
            return Batch.of([s for s in batch if s.series.name == self.name])

    fanout = Fanout(bench.telemetry)
    fanout.attach("s", bench.buffer)
    fanout.set_processors([Keep("a")])
    fanout.put(Batch.of([Sample(A, 1, 1.0), Sample(Series.of("b"), 1, 1.0)]))
    fanout.set_processors([Keep("a"), Keep("b")])
    fanout.put(Batch.of([Sample(A, 1, 1.0)]))
    assert bench.buffer.stats().samples == 1
