"""When jobs are due: on one grid, through clock jumps, never in step across hosts."""

from gnomon.agent.pipeline.schedule import Schedule
from gnomon.testing.clock import FakeClock


def run(
    schedule: Schedule, clock: FakeClock, seconds: float, step: float = 0.1
) -> list[tuple[str, int]]:
    seen = []
    for _ in range(round(seconds / step)):
        clock.advance(step)
        seen += [tuple(due) for due in schedule.due(clock.now(), clock.monotonic())]
    return seen


def start(
    interval: float = 10.0, key: str = "cpu", host: str = "web1"
) -> tuple[Schedule, FakeClock]:
    clock, schedule = FakeClock(1_700_000_003_000), Schedule(host)
    schedule.add(key, interval, clock.now(), clock.monotonic())
    return schedule, clock


def test_timestamps_are_multiples_of_the_interval():
    schedule, clock = start()
    stamps = [stamp for _, stamp in run(schedule, clock, 41)]
    assert stamps == [1_700_000_010_000 + n * 10_000 for n in range(4)]


def test_the_phase_is_fixed_for_a_host_and_differs_between_hosts():
    def first(host: str) -> float:
        schedule, clock = start(host=host)
        return schedule.wait(clock.monotonic())

    waits = {first(f"host{n}") for n in range(50)}
    assert len(waits) > 40
    assert all(7.0 <= wait <= 7.5 for wait in waits)
    assert first("host1") == first("host1")


def test_a_clock_that_jumps_back_does_not_stop_the_schedule():
    schedule, clock = start()
    run(schedule, clock, 15)
    clock.jump(-3600)
    assert len(run(schedule, clock, 30)) >= 3


def test_a_clock_that_jumps_ahead_causes_no_burst():
    schedule, clock = start()
    run(schedule, clock, 15)
    clock.jump(3600)
    assert len(run(schedule, clock, 30)) <= 4


def test_after_a_pause_a_job_runs_once():
    schedule, clock = start()
    clock.advance(95)
    assert len(schedule.due(clock.now(), clock.monotonic())) == 1


def test_a_changed_interval_replaces_the_old_one():
    schedule, clock = start(interval=1.0)
    assert len(run(schedule, clock, 5)) >= 4
    schedule.add("cpu", 10.0, clock.now(), clock.monotonic())
    assert len(run(schedule, clock, 30)) == 3


def test_a_removed_job_is_not_due():
    schedule, clock = start()
    schedule.remove("cpu")
    assert run(schedule, clock, 30) == []
