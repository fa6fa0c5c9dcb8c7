"""Folding to a grid, judged by the plainest loop one can write."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.core.model import Series
from gnomon.server.store.fold import fold, grid_columns
from gnomon.server.store.interface import Frame, GridFunction

START, STEP = 1000, 10
NAN = float("nan")


def frame(*columns: dict[int, float]) -> Frame:
    times = [sorted(column) for column in columns]
    return Frame(
        [Series.of("m", n=str(n)) for n in range(len(columns))],
        np.cumsum([0, *map(len, columns)]),
        np.array([t for row in times for t in row], np.int64),
        np.array(
            [column[t] for column, row in zip(columns, times, strict=True) for t in row], float
        ),
    )


def plain(column: dict[int, float], end: int, function: GridFunction) -> list[float]:
    folded = []
    for right in range(START, end + 1, STEP):
        inside = [column[t] for t in sorted(column) if right - STEP < t <= right]
        if function is GridFunction.LAST:
            folded.append(inside[-1] if inside else NAN)
            continue
        inside = [value for value in inside if not math.isnan(value)]
        by_name = {"mean": lambda v: sum(v) / len(v), "sum": sum, "min": min, "max": max}
        by_name["count"] = lambda v: float(len(v))
        folded.append(by_name[function](inside) if inside else NAN)
    return folded


columns = st.dictionaries(
    st.integers(START - STEP + 1, START + 5 * STEP),
    st.one_of(st.integers(-9, 9).map(float), st.just(NAN)),
    min_size=1,
)


@pytest.mark.parametrize("function", GridFunction)
@settings(deadline=None)
@given(st.lists(columns, max_size=4))
def test_fold_is_the_plain_loop(function, drawn):
    end = START + 5 * STEP + 3
    grid = fold(frame(*drawn), START, end, STEP, function)
    assert grid.values.shape == (len(drawn), grid_columns(START, end, STEP)) == (len(drawn), 6)
    expected = [plain(column, end, function) for column in drawn]
    np.testing.assert_allclose(grid.values, np.array(expected).reshape(grid.values.shape))


def test_an_empty_range_has_no_columns():
    assert fold(frame(), 10, 9, 5, GridFunction.LAST).values.shape == (0, 0)
