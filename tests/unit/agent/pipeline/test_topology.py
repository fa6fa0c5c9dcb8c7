"""The whole pipeline: what a changed plan touches, and what it leaves alone."""

import logging
import threading

import pytest

from gnomon.agent.pipeline.plan import CheckSpec, ListenerSpec, Plan, SinkSpec
from gnomon.agent.pipeline.topology import Burst, Topology
from gnomon.core import registry
from gnomon.core.clock import SystemClock
from gnomon.core.component import Context
from gnomon.core.errors import Retryable, SettingsError
from gnomon.core.model import Batch, Metric, Sample, Series
from gnomon.core.settings import Located, Settings
from gnomon.core.telemetry import Telemetry
from gnomon.testing.capture import CaptureSink

M = Metric("m")


class Empty(Settings, frozen=True, kw_only=True):
    value: float = 1.0


class Counting:
    """A check of which the test knows every instance."""

    Settings = Empty
    made: list = []

    def __init__(self, settings, context):
        self.settings = settings
        self.runs = 0
        self.closed = 0
        Counting.made.append(self)

    def collect(self, out):
        self.runs += 1
        out.put(M, self.settings.value)

    def close(self):
        self.closed += 1


class Port:
    """A listener whose port is taken until it is not."""

    Settings = Empty
    taken = False
    running = 0

    def __init__(self, settings, context, emit):
        self.emit = emit

    def start(self):
        if Port.taken:
            raise Retryable("cannot listen: taken")
        Port.running += 1
        self.emit(Batch.of([Sample(Series.of("pushed"), 1, 1.0)]))

    def stop(self):
        Port.running -= 1


@pytest.fixture
def bench(tmp_path, monkeypatch):
    bench = Bench(tmp_path)
    Counting.made, Port.taken, Port.running = [], False, 0
    fakes = {"counting": Counting, "port": Port}

    def load(self, name):
        if name == "capture":
            return bench.sink_class
        if name not in fakes:
            raise SettingsError(f"{self.kind} {name!r} is not known")
        return fakes[name]

    monkeypatch.setattr(registry.Registry, "load", load)
    yield bench
    bench.topology.stop(drain=0)


class Bench:
    def __init__(self, folder):
        self.clock = SystemClock()
        self.folder = folder
        self.sink = CaptureSink()
        sink = self.sink

        class Capture:
            Settings = Empty

            def __new__(cls, settings, context):
                return sink

        self.sink_class = Capture
        self.topology = self.make()

    def make(self, burst=None):
        context = Context("web1", self.clock, Telemetry(), logging.getLogger("test"))
        return Topology(context, "agent", self.folder, burst)

    def until(self, condition):
        waited = threading.Event()
        for _ in range(1500):
            if condition():
                return
            waited.wait(0.01)
        pytest.fail("waited too long")

    def values(self):
        return [s.value for s in self.sink.samples if s.series.name == "m"]


def check(value=1.0, interval=1.0, origin="default"):
    return CheckSpec("counting", "", Located({"value": value}), interval, {}, origin)


SINK = SinkSpec("capture", "out", Located({}))


@pytest.mark.slow
def test_from_check_to_sink(bench):
    bench.topology.apply(Plan([check(5.0)], [SINK], labels={"env": "prod"}))
    bench.topology.start()
    bench.until(lambda: len(bench.values()) >= 2)
    sample = next(s for s in bench.sink.samples if s.series.name == "m")
    assert repr(sample.series) == "m{env='prod', host='web1'}"
    assert sample.timestamp % 1000 == 0
    assert bench.topology.checks()[0].status == "ok"
    assert bench.topology.sinks()[0].sent > 0


@pytest.mark.slow
def test_only_what_changed_is_touched(bench):
    topology = bench.topology
    other = CheckSpec("counting", "two", Located({}), 1.0)
    topology.apply(Plan([check(1.0), other], [SINK]))
    topology.start()
    bench.until(lambda: len(Counting.made) == 2 and all(c.runs for c in Counting.made))
    kept = next(c for c in Counting.made if c.settings.value == 1.0)
    assert topology.apply(Plan([check(1.0), other], [SINK])) == []
    assert topology.apply(Plan([check(2.0), other], [SINK])) == ["check counting changed"]
    bench.until(lambda: len(Counting.made) == 3 and Counting.made[-1].runs)
    assert topology.apply(Plan([check(2.0)], [SINK])) == ["check counting:two removed"]
    bench.until(lambda: sum(c.closed for c in Counting.made) == 2)
    assert [state.instance for state in topology.checks()] == [""]
    assert kept is not Counting.made[-1]


def test_a_listener_whose_port_is_taken_is_red_and_comes_back(bench, monkeypatch):
    monkeypatch.setattr("gnomon.agent.pipeline.listeners.AGAIN", 0.0)
    Port.taken = True
    plan = Plan([], [SINK], [ListenerSpec("port", Located({}))])
    bench.topology.apply(plan)
    (state,) = bench.topology.listeners()
    assert (state.state, state.message) == ("failed", "cannot listen: taken")
    Port.taken = False
    bench.topology.start()
    bench.until(lambda: Port.running == 1)
    bench.until(lambda: any(s.series.name == "pushed" for s in bench.sink.samples))
    bench.topology.apply(plan._replace(listeners=()))
    assert Port.running == 0


def test_a_sink_whose_folder_cannot_be_used_is_red_and_the_others_work(bench):
    (bench.folder / "buffer").mkdir()
    (bench.folder / "buffer" / "bad").write_text("in the way")
    bench.topology.apply(Plan([], [SINK, SINK._replace(name="bad")]))
    states = {state.name: state.state for state in bench.topology.sinks()}
    assert states == {"bad": "failed", "out": "idle"}


def test_what_was_not_delivered_is_there_after_a_restart(bench):
    bench.sink.fail(*[Retryable("down")] * 1000)
    topology = bench.topology
    plan = Plan([], [SINK], [ListenerSpec("port", Located({}))])
    topology.apply(plan)
    topology.start()
    bench.until(lambda: topology.sinks()[0].errors)
    topology.stop(drain=0)
    topology.stop(drain=0)
    bench.sink._errors.clear()
    bench.topology = bench.make()
    bench.topology.apply(plan._replace(listeners=()))
    bench.topology.start()
    bench.until(lambda: any(s.series.name == "pushed" for s in bench.sink.samples))


@pytest.mark.slow
def test_during_the_burst_default_checks_run_every_second(bench):
    bench.topology = bench.make(Burst(1.0, bench.clock.monotonic() + 3))
    configured = CheckSpec("counting", "own", Located({}), 60.0, {}, "settings")
    bench.topology.apply(Plan([check(1.0, interval=60.0), configured], [SINK]))
    bench.topology.start()
    bench.until(lambda: len(bench.values()) >= 2)
    runs = {state.instance: state.runs for state in bench.topology.checks()}
    assert runs[""] >= 2
    bench.until(lambda: bench.topology._burst is None)


def test_stopping_before_the_start_and_twice(bench):
    topology = bench.make()
    topology.stop()
    topology.stop()
    assert topology.checks() == []
