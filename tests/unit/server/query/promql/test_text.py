"""Numbers, durations and quoted texts as Go writes them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.server.query.promql.text import (
    format_duration,
    format_json_value,
    format_short,
    format_value,
    is_label_name,
    parse_duration,
    parse_number,
    quote,
    unquote,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (1e16, "10000000000000000"),
        (1.5e17, "150000000000000000"),
        (1e-7, "0.0000001"),
        (-2.5e-9, "-0.0000000025"),
        (1e300, "1" + "0" * 300),
        (5e-324, "0." + "0" * 323 + "5"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_values_never_have_an_exponent(value, text):
    assert format_value(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_values_are_exact(value):
    text = format_value(value)
    assert "e" not in text
    assert float(text) == value
    assert float(format_json_value(value)) == value
    assert float(format_short(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e21, "1e+21"), (1e20, "1" + "0" * 20), (1e-6, "0.000001"), (1.5e-7, "1.5e-07"), (0, "0")],
)
def test_json_has_an_exponent_only_far_out(value, text):
    assert format_json_value(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(1e6, "1e+06"), (999999.0, "999999"), (0.0001, "0.0001"), (1e-5, "1e-05")]
)
def test_messages_have_short_numbers(value, text):
    assert format_short(value) == text


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("5m", 300_000), ("1h30m", 5_400_000), ("1y2w3d", 33_004_800_000), ("250ms", 250), ("0", 0)],
)
def test_durations(text, milliseconds):
    assert parse_duration(text) == milliseconds


@pytest.mark.parametrize("text", ["", "5", "1m1h", "1.5h", "m", "-5m", "300000y"])
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@given(st.integers(0, 9 * 10**12))
def test_durations_come_back(milliseconds):
    assert parse_duration(format_duration(milliseconds)) == milliseconds


def test_durations_are_short():
    assert format_duration(0) == "0s"
    assert format_duration(90_061_001) == "1d1h1m1s1ms"
    assert format_duration(14 * 86_400_000) == "2w"
    assert format_duration(15 * 86_400_000) == "15d"
    assert format_duration(-60_000) == "-1m"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x1F", 31),
        ("1_000", 1000),
        ("010", 8),
        ("09", 9),
        (".5", 0.5),
        ("1e3", 1000),
        ("Inf", math.inf),
    ],
)
def test_numbers(text, value):
    assert parse_number(text) == value


@pytest.mark.parametrize(
    ("quoted", "text"),
    [
        (r'"a\tb\"c\\"', 'a\tb"c\\'),
        (r"'\x41\u00e9\U0001F600\101'", "Aé😀A"),
        (r"`a\tb`", r"a\tb"),
        ('"é"', "é"),
        (r'"\xc3\xa9"', "é"),
    ],
)
def test_quoted_texts(quoted, text):
    assert unquote(quoted) == text


def test_unknown_escapes_are_refused():
    with pytest.raises(ValueError, match="escape"):
        unquote(r'"\q"')


@given(st.text())
def test_quoting_comes_back(text):
    assert unquote(quote(text)) == text


def test_label_names_are_utf8():
    assert is_label_name("a.b é")
    assert not is_label_name("")
    assert not is_label_name(unquote(r'"\xff"'))
