"""Windows over samples, judged by doing the same one by one."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.server.query.promql import combine
from gnomon.server.query.promql.value import Samples
from gnomon.server.query.promql.windows import (
    bounds,
    extremes,
    fold,
    padded,
    windows,
)

SERIES = st.lists(
    st.lists(st.tuples(st.integers(0, 120), st.floats(-1e6, 1e6)), max_size=30),
    min_size=1,
    max_size=5,
)
STEADY = st.builds(
    lambda begins, pace, size: [
        [(begin + at * pace, float(at * begin)) for at in range(size)] for begin in begins
    ],
    st.lists(st.integers(0, 40), min_size=1, max_size=5),
    st.integers(1, 9),
    st.integers(0, 25),
)
GRIDS = st.builds(
    lambda start, step, points: start + step * np.arange(points),
    st.integers(-20, 130),
    st.integers(0, 20),
    st.integers(1, 12),
)


def samples_of(series):
    rows = [sorted(dict(points).items()) for points in series]
    counts = [len(row) for row in rows]
    flat = [point for row in rows for point in row]
    return rows, Samples(
        [f"s{i}" for i in range(len(rows))],
        [()] * len(rows),
        np.zeros(len(rows), dtype=bool),
        np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        np.array([time for time, _ in flat], dtype=np.int64),
        np.array([value for _, value in flat], dtype=np.float64),
    )


@given(SERIES | STEADY, GRIDS)
def test_bounds_count_what_is_not_later(series, times):
    rows, samples = samples_of(series)
    if int(times[0]) == int(times[-1]):
        times = times[:1]
    found = bounds(samples, times) - samples.offsets[:-1, None]
    expected = [[sum(t <= time for t, _ in row) for time in times] for row in rows]
    assert found.tolist() == expected


def inside(row, end, length):
    return [value for time, value in row if end - length < time <= end]


@settings(deadline=None)
@given(SERIES | STEADY, GRIDS, st.integers(1, 90))
def test_folds_are_what_a_loop_would_give(series, ends, length):
    rows, samples = samples_of(series)
    if not len(samples.values):
        return
    view = windows(samples, ends, ends, length)
    zeros = np.zeros_like(samples.values)
    total, error = fold(view, (samples.values, zeros), combine.added, (0.0, 0.0))
    ones = np.ones_like(samples.values)
    count, mean, squares = fold(view, (ones, samples.values, zeros), combine.moments, (0.0,) * 3)
    largest = extremes(view, np.fmax, samples.values)
    for i, row in enumerate(rows):
        for j, end in enumerate(ends):
            values = inside(row, end, length)
            assert view.counts[i, j] == len(values) == count[i, j]
            exact, size = math.fsum(values), sum(map(abs, values))
            assert abs(total[i, j] + error[i, j] - exact) <= 1e-15 * abs(exact) + 1e-25 * size
            if not values:
                continue
            assert largest[i, j] == max(values)
            average = math.fsum(values) / len(values)
            assert mean[i, j] == pytest.approx(average, rel=1e-9, abs=1e-6)
            expected = math.fsum((value - average) ** 2 for value in values)
            assert squares[i, j] == pytest.approx(expected, rel=1e-6, abs=1e-3)


@given(SERIES, GRIDS, st.integers(1, 90))
def test_padded_windows_hold_each_window_once(series, ends, length):
    rows, samples = samples_of(series)
    if not len(samples.values):
        return
    view = windows(samples, ends, ends, length)
    seen = {}
    for (at_row, at_column), values in padded(view):
        for row, column, window in zip(at_row, at_column, values, strict=True):
            seen[int(row), int(column)] = [value for value in window if not math.isnan(value)]
    expected = {
        (i, j): inside(row, end, length)
        for i, row in enumerate(rows)
        for j, end in enumerate(ends)
        if inside(row, end, length)
    }
    assert seen == expected


def test_falls_are_within_a_series():
    _, samples = samples_of([[(0, 5.0), (1, 3.0)], [(0, 1.0), (1, 2.0), (2, 0.0)], [], [(0, -1.0)]])
    view = windows(samples, np.array([9]), np.array([9]), 100)
    assert view.falls().tolist() == [1, 4]


def test_sums_are_exact_whatever_cancels():
    values = [1e100, 1.0, -1e100, 1e-20, 3.0, -1.0, -3.0]
    _, samples = samples_of([list(enumerate(values))])
    ends = np.array([6])
    view = windows(samples, ends, ends, 100)
    zeros = np.zeros_like(samples.values)
    total, error = fold(view, (samples.values, zeros), combine.added, (0.0, 0.0))
    assert float((total + error)[0, 0]) == pytest.approx(1e-20)
