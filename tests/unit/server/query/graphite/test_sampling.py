"""The step of a series is found in its samples, and they are put on it."""

import numpy as np
import pytest

from gnomon.core.model import Series
from gnomon.server.query.graphite import sampling
from gnomon.server.store.interface import Frame

START = 1_700_000_000


def frame(*lines):
    """Each line: times in seconds after START, or (time, value) pairs."""
    pairs = [[p if isinstance(p, tuple) else (p, float(p)) for p in line] for line in lines]
    return Frame(
        [Series.of(f"s{i}") for i in range(len(lines))],
        np.cumsum([0, *map(len, pairs)]),
        np.array([round((START + t) * 1000) for line in pairs for t, _ in line], dtype=np.int64),
        np.array([v for line in pairs for _, v in line], dtype=np.float64),
    )


def step_of(*times):
    return int(sampling.steps(frame(times)).told[0])


def test_regular_samples():
    assert step_of(*range(0, 600, 10)) == 10
    assert step_of(*range(0, 6000, 60)) == 60
    assert step_of(*range(0, 70, 7)) == 7


def test_lost_samples_do_not_change_the_step():
    rng = np.random.default_rng(1)
    times = [t for t in range(0, 3600, 10) if rng.random() > 0.2]
    assert step_of(*times) == 10


def test_jitter_is_taken_for_the_usual_interval():
    rng = np.random.default_rng(2)
    assert step_of(*(t + rng.uniform(-0.4, 0.4) for t in range(0, 600, 10))) == 10
    assert step_of(*(t + rng.uniform(0, 1.5) for t in range(0, 6000, 60))) == 60


def test_a_burst_at_the_beginning_does_not_break_it():
    burst = list(range(120))
    assert step_of(*burst, *range(120, 420, 10)) == 10
    # Even while most of the window is the burst: the newest samples have settled.
    assert step_of(*burst, 120, 130, 140, 150) == 10


def test_an_outage_is_no_interval():
    assert step_of(*range(0, 300, 10), *range(7200, 7500, 10)) == 10
    assert step_of(0, 10, 20, 30, 3600, 3610, 3620) == 10


def test_a_second_is_the_finest():
    assert step_of(*(i * 0.25 for i in range(100))) == 1


def test_few_samples_tell_nothing_but_a_hint():
    steps = sampling.steps(frame((0,), (0, 60), (), (0, 10, 20, 30)))
    assert steps.told.tolist() == [0, 0, 0, 10]
    assert steps.hinted.tolist() == [0, 60, 0, 10]
    assert sampling.common(steps.told) == 10


def test_nothing_at_all():
    assert sampling.steps(frame()).told.tolist() == []
    assert sampling.common(np.array([], dtype=np.int64)) == 0


def test_each_series_has_its_own_step():
    steps = sampling.steps(frame(range(0, 100, 10), range(0, 600, 60), range(30)))
    assert steps.told.tolist() == [10, 60, 1]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, 60, (10, 70)), (5, 65, (10, 70)), (-1, 59, (0, 60)), (10, 10, (20, 30))],
)
def test_a_window_leaves_out_its_beginning(start, end, expected):
    assert sampling.window(start, end, 10) == expected


def test_points_hold_the_newest_sample_of_their_step():
    held = frame(((0, 1.0), (4, 2.0), (10, 3.0), (25, 4.0)), (), ((19, 9.0), (41, 8.0)))
    values = sampling.sampled(held, np.array([0, 2]), START, START + 40, 10)
    assert np.array_equal(
        values, [[2.0, 3.0, 4.0, np.nan], [np.nan, 9.0, np.nan, np.nan]], equal_nan=True
    )
