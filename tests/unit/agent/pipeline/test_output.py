"""What a check puts becomes samples: labels, rates, limits, statuses."""

import math

import pytest

from gnomon.agent.pipeline.output import DROPPED, InstanceOutput
from gnomon.agent.pipeline.plan import SourceLimits
from gnomon.core.model import Event, Metric, Status
from gnomon.core.telemetry import Telemetry

M = Metric("m")


@pytest.fixture
def telemetry():
    return Telemetry()


@pytest.fixture
def output(telemetry):
    return InstanceOutput(
        "cpu", {"host": "web1"}, SourceLimits(series=3, label_length=5), telemetry
    )


def run(output, *calls, at=1000, elapsed=0.0):
    output.begin(at, elapsed)
    for call in calls:
        call(output)
    return [(repr(s.series), s.timestamp, s.value) for s in output.finish()]


def test_samples_carry_the_schedule_time_and_the_host(output):
    assert run(output, lambda o: o.put(M, 1, core="0")) == [("m{core='0', host='web1'}", 1000, 1.0)]


def test_own_labels_win_over_those_of_the_agent(output):
    assert run(output, lambda o: o.put(M, 1, host="db")) == [("m{host='db'}", 1000, 1.0)]


def test_a_rate_needs_two_runs_and_survives_a_reset(output):
    put = lambda total: lambda o: o.rate(M, total)  # noqa: E731
    assert run(output, put(100), elapsed=0) == []
    assert [v for *_, v in run(output, put(150), elapsed=10)] == [5.0]
    assert run(output, put(3), elapsed=20) == []
    assert [v for *_, v in run(output, put(13), elapsed=30)] == [1.0]


def test_a_delta_is_the_growth(output):
    run(output, lambda o: o.delta(M, 100), elapsed=0)
    assert [v for *_, v in run(output, lambda o: o.delta(M, 107), elapsed=10)] == [7.0]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_no_numbers_are_dropped_and_counted(output, telemetry, value):
    assert run(output, lambda o: o.put(M, value)) == []
    assert telemetry.value(DROPPED, source="cpu", reason="not_finite").value == 1


def test_series_over_the_limit_are_folded_and_named(output, telemetry):
    found = run(output, *(lambda o, n=n: o.put(M, n, k=str(n)) for n in range(5)))
    assert len(found) == 4
    assert found[-1] == ("gnomon.overflow{host='web1', source='cpu'}", 1000, 2.0)
    assert telemetry.value(DROPPED, source="cpu", reason="series_limit").value == 2
    again = run(output, lambda o: o.put(M, 9, k="1"))
    assert [v for *_, v in again] == [9.0]


def test_long_labels_are_cut_and_counted(output, telemetry):
    assert run(output, lambda o: o.put(M, 1, k="abcdefgh"))[0][0] == "m{host='web1', k='abcde'}"
    assert telemetry.value(DROPPED, source="cpu", reason="label_length").value == 1


def test_a_status_is_a_series_and_its_change_an_event(output):
    def say(status):
        output.begin(1000, 0)
        output.status("db.up", status, "words")
        batch = output.finish()
        return [s.value for s in batch], [e.title for e in batch.events], output.worst

    assert say(Status.OK) == ([0.0], [], Status.OK)
    assert say(Status.CRITICAL) == ([2.0], ["db.up is critical"], Status.CRITICAL)
    assert say(Status.CRITICAL) == ([2.0], [], Status.CRITICAL)
    assert say(Status.OK) == ([0.0], ["db.up is ok"], Status.OK)


def test_events_get_the_labels_of_the_agent(output):
    output.begin(1, 0)
    output.event(Event(5, "deploy", labels=(("app", "x"),)))
    assert output.finish().events[0].labels == (("app", "x"), ("host", "web1"))
