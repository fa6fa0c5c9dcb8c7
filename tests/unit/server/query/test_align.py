"""Windows moved up to their granularity."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.server.query.align import aligned


def at(text, zone=UTC):
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


@pytest.mark.parametrize(
    ("begin", "end", "points", "new_begin", "new_end"),
    [
        ("2016-11-30T16:40:45", "2016-11-30T17:10:45", 30, "2016-11-30T16:41", "2016-11-30T17:11"),
        ("2016-11-30T05:10:45", "2016-11-30T17:10:45", 24, "2016-11-30T05:30", "2016-11-30T17:30"),
        ("2016-11-29T17:10:45", "2016-11-30T17:10:45", 24, "2016-11-29T18:00", "2016-11-30T18:00"),
        ("2016-10-31T17:10:45", "2016-11-30T17:10:45", 30, "2016-11-01T00:00", "2016-12-01T00:00"),
        ("2016-11-30T16:00:00", "2016-11-30T17:00:00", 60, "2016-11-30T16:00", "2016-11-30T17:00"),
    ],
)
@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=5, minutes=30))])
def test_both_ends_move_up(begin, end, points, new_begin, new_end, zone):
    window = aligned(at(begin, zone), at(end, zone), points, zone)
    assert (window.begin, window.end) == (at(new_begin, zone), at(new_end, zone))
    assert window.step == (at(end) - at(begin)) // points


def test_midnight_is_the_local_one():
    zone = ZoneInfo("Asia/Kathmandu")
    window = aligned(at("2020-01-01T03:10", zone), at("2020-01-02T03:10", zone), 24, zone)
    assert window.begin == at("2020-01-01T04:00", zone)


def test_a_day_of_twenty_five_hours_keeps_the_length():
    zone = ZoneInfo("Europe/Berlin")
    begin, end = at("2016-10-30T17:10", zone), at("2016-11-29T17:10", zone)
    window = aligned(begin, end, 30, zone)
    assert window.begin == at("2016-10-31T00:00", zone)
    assert window.end - window.begin == end - begin


@pytest.mark.parametrize(("begin", "end", "points"), [(5, 5, 1), (6, 5, 1), (0, 10, 0)])
def test_a_window_without_length_or_points_is_refused(begin, end, points):
    with pytest.raises(ValueError, match="aligned"):
        aligned(begin, end, points)


@given(st.integers(0, 4 * 10**12), st.integers(1, 10**9), st.integers(1, 1000))
def test_it_never_moves_by_a_step_or_more(begin, length, points):
    window = aligned(begin, begin + length, points)
    assert 0 <= window.begin - begin < window.step
    assert window.end - window.begin == length
