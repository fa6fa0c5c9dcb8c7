"""Times in all the forms dashboards write them."""

from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.server.query.graphite.attime import TimeProblem, parse_offset, parse_time, unit

NOW = datetime(2026, 11, 20, 15, 45, 30, tzinfo=UTC)  # a Friday


def at(text, zone=UTC):
    return datetime.fromtimestamp(parse_time(text, zone, int(NOW.timestamp())), zone)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-11-20 15:45:30"),
        ("", "2026-11-20 15:45:30"),
        ("-1h", "2026-11-20 14:45:30"),
        ("now-5min", "2026-11-20 15:40:30"),
        ("now+1d", "2026-11-21 15:45:30"),
        ("-1d12h", "2026-11-19 03:45:30"),
        ("-2mon", "2026-09-21 15:45:30"),
        ("-1y", "2025-11-20 15:45:30"),
        ("-90s", "2026-11-20 15:44:00"),
        ("-1weeks", "2026-11-13 15:45:30"),
        ("1700000000", "2023-11-14 22:13:20"),
        ("20261101", "2026-11-01 00:00:00"),
        ("04:00_20261101", "2026-11-01 04:00:00"),
        ("4:30pm 20261101", "2026-11-01 16:30:00"),
        ("8am", "2026-11-20 08:00:00"),
        ("8pm yesterday", "2026-11-19 20:00:00"),
        ("12pm", "2026-11-20 00:00:00"),  # as upstream has it
        ("midnight", "2026-11-20 00:00:00"),
        ("midnight_tomorrow", "2026-11-21 00:00:00"),
        ("noon yesterday", "2026-11-19 12:00:00"),
        ("teatime", "2026-11-20 16:00:00"),
        ("noon+1h", "2026-11-20 13:00:00"),
        ("today", "2026-11-20 00:00:00"),
        ("monday", "2026-11-16 00:00:00"),
        ("friday", "2026-11-20 00:00:00"),
        ("6am saturday", "2026-11-14 06:00:00"),
        ("11/01/26", "2026-11-01 00:00:00"),
        ("11/01/2026", "2026-11-01 00:00:00"),
        ("1/2/99", "1999-01-02 00:00:00"),
        ("january 5", "2026-01-05 00:00:00"),
        ("Jan_15", "2026-01-15 00:00:00"),
        ("00:00_20261101-1d", "2026-10-31 00:00:00"),
    ],
)
def test_forms(text, expected):
    assert at(text).strftime("%Y-%m-%d %H:%M:%S") == expected


def test_days_begin_in_the_time_zone():
    assert at("midnight", ZoneInfo("Asia/Tokyo")).isoformat() == "2026-11-21T00:00:00+09:00"
    assert at("noon 20260701", ZoneInfo("Europe/Paris")).isoformat() == "2026-07-01T12:00:00+02:00"


def test_offsets_are_of_elapsed_time_across_a_change_of_clocks():
    # On 25 October 2026 Paris goes back an hour at 03:00.
    paris = ZoneInfo("Europe/Paris")
    assert at("12:00_20261025-24h", paris).isoformat() == "2026-10-24T13:00:00+02:00"


@pytest.mark.parametrize(
    "text",
    ["soon", "-1", "5x", "-5x", "99:99", "january", "13/40/26", "now-", "²", "1" * 30],
)
def test_what_is_no_time_is_refused(text):
    if text == "now-":
        assert at(text) == NOW  # an offset of nothing
        return
    with pytest.raises(TimeProblem):
        at(text)


@settings(deadline=None)
@given(st.text(max_size=20))
def test_any_text_is_a_time_or_refused(text):
    with suppress(TimeProblem):
        parse_time(text, UTC, int(NOW.timestamp()))


def test_offsets_in_seconds():
    assert parse_offset("1h30min") == 5400
    assert parse_offset("-1d") == -86400
    assert parse_offset("+2w") == 14 * 86400
    assert parse_offset("") == 0


def test_units_by_their_beginning():
    assert [unit(name)[0] for name in ("s", "min", "hour", "d", "w", "mon", "years")] == [
        "seconds", "minutes", "hours", "days", "weeks", "months", "years",
    ]  # fmt: skip
    with pytest.raises(TimeProblem):
        unit("m")
