"""The arithmetic beneath the functions, against plain loops."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.server.query.graphite.aggregation import AGGREGATIONS, aggregation, consolidate
from gnomon.server.query.graphite.arithmetic import power
from gnomon.server.query.graphite.grammar import TargetError
from gnomon.server.query.graphite.percentile import percentile
from gnomon.server.query.graphite.rounding import rounded
from gnomon.server.query.graphite.windows import moving

VALUE = st.one_of(st.none(), st.floats(-1e6, 1e6).map(lambda x: round(x, 3)))
LINE = st.lists(VALUE, min_size=1, max_size=30)


def array(line):
    return np.array([math.nan if value is None else value for value in line])


def plain(name, row):
    """The aggregation of a row with gaps as graphite-web's documentation has it."""
    there = [value for value in row if value is not None]
    if name == "avg_zero":
        return sum(value or 0 for value in row) / len(row)
    if name == "count":
        return len(there)
    if not there or (name == "multiply" and None in row):
        return None
    return {
        "average": lambda: sum(there) / len(there),
        "median": lambda: float(np.median(there)),
        "sum": lambda: sum(there),
        "min": lambda: min(there),
        "max": lambda: max(there),
        "diff": lambda: there[0] - sum(there[1:]),
        "stddev": lambda: float(np.std(there)),
        "range": lambda: max(there) - min(there),
        "multiply": lambda: math.prod(there),
        "last": lambda: there[-1],
    }[name]()


def same(found, expected):
    if expected is None:
        return math.isnan(found)
    return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-6)


@pytest.mark.parametrize("name", AGGREGATIONS)
@settings(deadline=None)
@given(rows=st.lists(st.lists(VALUE, min_size=4, max_size=4), min_size=1, max_size=6))
def test_aggregations_fold_columns(name, rows):
    folded = aggregation(name)(np.array([array(row) for row in rows]), len(rows))
    for found, column in zip(folded, zip(*rows, strict=True), strict=True):
        assert same(found, plain(name, list(column)))


@pytest.mark.parametrize("name", AGGREGATIONS)
@settings(deadline=None)
@given(line=LINE, width=st.integers(1, 12), share=st.sampled_from([0.0, 0.5, 1.0]))
def test_windows_move(name, line, width, share):
    found = moving(array(line), width, name, share)
    assert len(found) == max(len(line) - width + 1, 0)
    for place, value in enumerate(found):
        window = line[place : place + width]
        there = [one for one in window if one is not None]
        enough = there and len(there) / width >= share
        assert same(value, plain(name, there) if enough else None)


def test_a_spike_does_not_spoil_the_windows_after_it():
    line = np.array([1e300, 1.0, 1.0, 1.0, 1.0])
    assert moving(line, 2, "sum", 0)[1:].tolist() == [2.0, 2.0, 2.0]


@settings(deadline=None)
@given(line=LINE, per_point=st.integers(1, 7), share=st.sampled_from([0.0, 0.5, 1.0]))
def test_consolidation(line, per_point, share):
    found = consolidate(array(line), per_point, "average", share)
    parts = [line[i : i + per_point] for i in range(0, len(line), per_point)]
    assert len(found) == len(parts)
    for value, part in zip(found, parts, strict=True):
        there = [one for one in part if one is not None]
        enough = there and len(there) / per_point >= share
        assert same(value, sum(there) / len(there) if enough else None)


def test_an_unknown_aggregation_is_refused():
    with pytest.raises(TargetError, match="unsupported aggregation function 'mode'"):
        aggregation("mode")
    with pytest.raises(TargetError, match="invalid consolidation function 'median'"):
        consolidate(np.ones(4), 2, "median", 0)


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.floats(-1e15, 1e15),
            st.integers(-(10**9), 10**9).map(lambda i: i / 1e6 + 5e-7),
            st.just(math.nan),
        ),
        max_size=20,
    ),
    st.integers(-2, 6),
)
def test_rounding_is_that_of_python(values, decimals):
    found = rounded(np.array(values, dtype=np.float64), decimals)
    expected = [value if math.isnan(value) else round(value, decimals) for value in values]
    assert np.allclose(found, expected, rtol=1e-15, atol=0, equal_nan=True)


def test_powers_that_are_none():
    bases = np.array([4.0, -4.0, 0.0, 1e300, math.nan, 1.0])
    roots = [2.0, math.nan, 0.0, 1e150, math.nan, 1.0]
    with np.errstate(all="ignore"):
        assert np.allclose(power(bases, 0.5), roots, equal_nan=True)
        assert np.isnan(power(bases, -1.0)[2])
        assert np.isnan(power(bases, 2.0)[3])
    assert np.isnan(power(bases, math.nan)).all()


def test_percentiles_rank_one_more_than_there_are():
    column = np.array([[3.0], [1.0], [2.0], [math.nan]])
    assert [percentile(column, n)[0] for n in (1, 25, 26, 50, 75, 100)] == [1, 1, 2, 2, 3, 3]
    assert percentile(column, 40, interpolate=True)[0] == pytest.approx(1.6)
    assert np.isnan(percentile(np.full((2, 1), math.nan), 50))[0]
