from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.core.errors import DecodeError
from gnomon.server.ingest.limits import LATEST
from gnomon.server.web.times import milliseconds

NOW = 1_700_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1700000000", NOW),
        ("1700000000.25", NOW + 250),
        ("1700000000000", NOW),
        ("1.7e9", NOW),
        ("0", 0),
        ("-5", 0),
        ("2023-11-14T22:13:20Z", NOW),
        ("2023-11-14T23:13:20+01:00", NOW),
        ("2023-11-14 22:13:20", NOW),
        ("now", NOW),
        ("-1h", NOW - 3_600_000),
        ("now-2d", NOW - 172_800_000),
        ("1e300", LATEST),
    ],
)
def test_times(text, expected):
    assert milliseconds(text, NOW, "start") == expected


@pytest.mark.parametrize(
    "text", ["", "soon", "1h", "2023-13-01", "nan", "1e999", "\u0661\u0667", "-1y"]
)
def test_what_is_no_time_is_explained(text):
    with pytest.raises(DecodeError, match="start: expected a time"):
        milliseconds(text, NOW, "start")


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_a_decode_error(text):
    with contextlib.suppress(DecodeError):
        assert milliseconds(text, NOW, "start") <= LATEST
