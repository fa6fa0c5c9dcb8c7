"""Aggregation: the vectors of Agent 5."""

import pytest

from gnomon.core.model import Kind
from gnomon.transforms.aggregate import Aggregation, Slot, fold, percentile_name, to_numbers


def results(type_, values, rate=1.0, **settings):
    slot = Slot(type_, 0)
    slot.at_rate(rate).extend(str(value).encode() for value in values)
    found, _ = fold(slot, Aggregation(**settings))
    return {result.suffix: result.value for result in found}


def test_a_count_is_a_rate_over_the_bucket():
    assert results("count", [1, 4, 15]) == {"": 2.0}
    assert results("count", [1], rate=0.3)[""] == pytest.approx(1 / 0.3 / 10)
    assert results("count", []) == {"": 0.0}


def test_the_last_value_of_a_gauge_wins():
    assert results("gauge", [1, 5, 3]) == {"": 3.0}
    assert results("gauge", []) == {}


def test_signs_are_values_or_changes():
    assert results("gauge", [10, "+3", "-1"]) == {"": -1.0}
    assert results("gauge", [10, "+3", "-1"], signed_gauges=True) == {"": 12.0}


def test_a_set_counts_distinct_members():
    assert results("set", ["a", "b", "a"]) == {"": 2.0}


def test_a_histogram_of_0_to_19():
    found = results("histogram", range(20), histogram_percentiles=[0.95, 0.4, 0.65, 0.99])
    assert found == {
        ".max": 19,
        ".median": 9,
        ".avg": 9.5,
        ".count": 2.0,
        ".95percentile": 18,
        ".40percentile": 7,
        ".65percentile": 12,
        ".99percentile": 19,
    }


@pytest.mark.parametrize(
    ("count", "median", "p95"),
    [(1, 1, 1), (3, 1, 3), (5, 2, 5), (10, 5, 10), (20, 10, 19), (30, 15, 29)],
)
def test_ranks_are_rounded_as_python_2_did(count, median, p95):
    found = results("histogram", range(1, count + 1))
    assert (found[".median"], found[".95percentile"]) == (median, p95)


def test_sample_rates_weigh_count_sum_and_average():
    found = results("timer", [2, 4], rate=0.5, histogram_aggregates=["sum", "count", "avg"])
    assert (found[".sum"], found[".count"], found[".avg"]) == (12.0, 0.4, 3.0)


def test_kinds():
    slot = Slot("histogram", 0)
    slot.at_rate(1.0).append(b"1")
    kinds = {result.suffix: result.kind for result in fold(slot, Aggregation())[0]}
    assert kinds[".count"] is Kind.RATE
    assert kinds[".max"] is Kind.GAUGE


def test_percentiles_are_named_by_rounding():
    assert [percentile_name(p) for p in (0.95, 0.29, 0.57)] == [
        "95percentile",
        "29percentile",
        "57percentile",
    ]


def test_packed_and_bad_values():
    assert to_numbers([b"1", b"2:3"]) == ([1.0, 2.0, 3.0], 0)
    assert to_numbers([b"1", b"x", b"nan", b"inf", b"1_0"]) == ([1.0], 4)
    assert to_numbers([b"1e308", b"1e308"]) == ([1e308, 1e308], 0)
