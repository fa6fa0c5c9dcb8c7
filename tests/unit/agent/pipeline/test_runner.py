"""Running checks: errors become statuses, a hanging check hurts nobody else."""

import logging
import threading

import pytest

from gnomon.agent.pipeline.output import InstanceOutput
from gnomon.agent.pipeline.plan import CheckSpec, SourceLimits
from gnomon.agent.pipeline.runner import ERRORS, MISSED, OVERDUE, Instance, Runner
from gnomon.core.clock import SystemClock
from gnomon.core.errors import NeedsSetup, NoData, Retryable, SettingsError
from gnomon.core.model import Metric, Status
from gnomon.core.settings import Located
from gnomon.core.telemetry import Telemetry

M = Metric("m")


class Scripted:
    """Does what the test says, each time it is asked."""

    def __init__(self, action):
        self.action = action
        self.closed = 0

    def collect(self, out):
        self.action(out)

    def close(self):
        self.closed += 1


@pytest.fixture
def bench():
    return Bench()


class Bench:
    def __init__(self):
        self.telemetry = Telemetry()
        self.batches = []
        self.clock = SystemClock()
        self.runner = Runner(
            self.clock, self.telemetry, logging.getLogger("test"), self.batches.append, workers=2
        )

    def add(self, name, action=None, build=None, deadline=0.0):
        spec = CheckSpec(name, "", Located({}), 10.0, deadline=deadline)
        check = Scripted(action)
        output = InstanceOutput(name, {}, SourceLimits(), self.telemetry)
        self.runner.add(Instance(spec, build or (lambda: check), output))
        return check

    def run(self, name, timestamp=1000):
        self.runner.submit(name, timestamp)
        assert self.runner.wait_idle(5)
        return self.state(name)

    def state(self, name):
        return next(state for state in self.runner.states() if state.name == name)

    def count(self, metric, name):
        return self.telemetry.value(metric, check=name, instance="").value


def failing(error):
    def action(out):
        out.put(M, 1)
        raise error

    return action


def test_a_run_delivers_its_samples_at_the_schedule_time(bench):
    bench.add("a", lambda out: out.put(M, 5))
    state = bench.run("a", 7000)
    assert (state.status, state.samples, state.last_run, state.runs) == ("ok", 1, 7000, 1)
    assert [(s.timestamp, s.value) for s in bench.batches[0]] == [(7000, 5.0)]
    bench.runner.stop()


@pytest.mark.parametrize(
    ("error", "status", "message", "hint", "errors"),
    [
        (NoData("no /proc"), "no_data", "no /proc", "", 0),
        (NeedsSetup("not allowed", "GRANT"), "needs_setup", "not allowed", "GRANT", 0),
        (Retryable("refused"), "critical", "refused", "", 1),
    ],
)
def test_an_error_is_shown_and_what_came_before_it_is_kept(
    bench, error, status, message, hint, errors
):
    bench.add("a", failing(error))
    state = bench.run("a")
    assert (state.status, state.message, state.hint, state.errors) == (
        status,
        message,
        hint,
        errors,
    )
    assert len(bench.batches[0]) == 1
    bench.runner.stop()


def test_a_bug_in_a_check_is_shown_with_its_place(bench):
    bench.add("a", failing(ZeroDivisionError("oops")))
    state = bench.run("a")
    assert state.status == "critical"
    assert state.message == "ZeroDivisionError: oops"
    assert "test_runner.py" in state.hint
    assert bench.count(ERRORS, "a") == 1
    bench.runner.stop()


def test_the_worst_service_check_is_the_status(bench):
    bench.add("a", lambda out: out.status("db.up", Status.WARNING, "slow"))
    assert bench.run("a").status == "warning"
    bench.runner.stop()


def test_a_check_that_cannot_be_built_is_red_and_rests(bench):
    def build():
        raise SettingsError("no driver")

    bench.add("a", build=build)
    assert bench.run("a").message == "no driver"
    bench.run("a")
    assert bench.state("a").runs == 1
    bench.runner.stop()


def test_a_hanging_check_is_given_up_and_the_others_go_on(bench):
    release = threading.Event()
    running = threading.Barrier(3)

    def hang(out):
        running.wait(5)
        release.wait(30)
        out.put(M, 1)

    for name in ("hangs", "hangs_too"):
        bench.add(name, hang, deadline=0.05)
    bench.add("fine", lambda out: out.put(M, 2))
    bench.runner.submit("hangs", 1000)
    bench.runner.submit("hangs_too", 1000)
    running.wait(5)
    while bench.count(OVERDUE, "hangs") + bench.count(OVERDUE, "hangs_too") < 2:
        bench.clock.sleep(0.01)
        bench.runner.watch()
    assert bench.run("fine").status == "ok"
    assert "deadline" in bench.state("hangs").message
    bench.runner.submit("hangs", 2000)
    assert bench.count(MISSED, "hangs") == 1
    release.set()
    while bench.runner._instances["hangs"].since is not None:
        bench.clock.sleep(0.01)
    assert [s.value for batch in bench.batches for s in batch] == [2.0]
    bench.runner.stop(timeout=0.1)


def test_a_removed_check_is_closed_and_its_late_output_discarded(bench):
    entered, release = threading.Event(), threading.Event()

    def slow(out):
        entered.set()
        release.wait(5)
        out.put(M, 1)

    check = bench.add("a", slow)
    bench.runner.submit("a", 1)
    assert entered.wait(5)
    bench.runner.remove("a")
    assert bench.runner.states() == []
    release.set()
    while not check.closed:
        bench.clock.sleep(0.01)
    assert bench.batches == []
    bench.runner.stop()


def test_stopping_twice_and_under_load_closes_each_check_once(bench):
    checks = [bench.add(f"c{n}", lambda out: out.put(M, 1)) for n in range(20)]
    for n in range(20):
        bench.runner.submit(f"c{n}", 1)
    bench.runner.stop()
    bench.runner.stop()
    bench.runner.submit("c1", 2)
    assert [check.closed for check in checks] == [1] * 20
    assert sum(len(batch) for batch in bench.batches) == 20
