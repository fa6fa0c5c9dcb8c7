"""Graphite's plaintext protocol."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.codecs.graphite.line import Decoder, encode
from gnomon.codecs.graphite.path import parse_path
from gnomon.core.errors import DecodeError
from gnomon.core.model import Batch, Sample, Series

NOW = 1_700_000_000_000


def decode(text):
    batch, errors = Decoder().decode(text if isinstance(text, bytes) else text.encode(), NOW)
    return [(repr(s.series), s.timestamp, s.value) for s in batch], errors


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b 1 1700000000\n", [("a.b{}", NOW, 1.0)]),
        ("a.b 1 1700000000", [("a.b{}", NOW, 1.0)]),
        (
            "a 1.5 1700000000\nb -2e3 1700000010\n",
            [("a{}", NOW, 1.5), ("b{}", NOW + 10_000, -2000.0)],
        ),
        ("a\t1   1700000000\r\n", [("a{}", NOW, 1.0)]),
        ("a 1 -1\n", [("a{}", NOW, 1.0)]),
        ("a 1 N\n", [("a{}", NOW, 1.0)]),
        ("a 1 1700000000.5\n", [("a{}", NOW + 500, 1.0)]),
        ("a;host=x;dc=y 1 1700000000\n", [("a{dc='y', host='x'}", NOW, 1.0)]),
        (".a..b. 1 1700000000\n", [("a.b{}", NOW, 1.0)]),
        ("a nan 1700000000\n", []),
        ("\n\n", []),
        ("", []),
    ],
)
def test_lines(text, expected):
    assert decode(text) == (expected, [])


@pytest.mark.parametrize(
    "line",
    [
        "a 1",
        "a 1 2 3",
        "a x 1700000000",
        "a 1 soon",
        "a inf 1",
        "a;b 1 1",
        "a;=1 1 1",
        "... 1 1",
        "a 1_0 1",
        "a 1 -5",
        "a 1 1e300",
    ],
)
def test_a_bad_line_is_named_and_its_neighbours_survive(line):
    samples, errors = decode(f"x 1 1700000000\n{line}\ny 2 1700000000\n")
    assert [name for name, *_ in samples] == ["x{}", "y{}"]
    assert len(errors) == 1


def test_a_misplaced_field_does_not_shift_its_neighbours():
    samples, errors = decode("a 1\n1700000000 b 2 1700000000\nc 3 1700000000\n")
    assert [name for name, *_ in samples] == ["c{}"]
    assert len(errors) == 2


def test_columns_and_lines_agree():
    text = "".join(f"m.{n % 7};k=v{n % 3} {n / 3} {1700000000 + n}\n" for n in range(500)).encode()
    columns, _ = Decoder().decode(text, NOW)
    lines, _ = Decoder()._lines(text, NOW)
    assert columns == lines


def test_two_spellings_of_one_series():
    batch, _ = Decoder().decode(b"a;x=1;y=2 1 10\na;y=2;x=1 2 20\n", NOW)
    assert len(batch.series) == 1
    assert [s.value for s in batch] == [1.0, 2.0]


@pytest.mark.parametrize("path", [b"", b";a=b", b"\xff", b"a" * 5000, b"a;b=c;d"])
def test_bad_paths(path):
    with pytest.raises(DecodeError):
        parse_path(path)


@given(
    st.binary(max_size=300)
    | st.text(alphabet="ab. 0123456789-e\n;=_nNi", max_size=120).map(str.encode)
)
def test_any_bytes_give_samples_and_errors(data):
    batch, errors = Decoder().decode(data, NOW)
    assert all(math.isfinite(value) for value in batch.values)
    assert len(batch) + len(errors) <= data.count(b"\n") + len(data.splitlines()) + 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "a.b", "c"]),
            st.integers(0, 2**40 - 1),
            st.floats(allow_nan=False, allow_infinity=False),
        )
    )
)
def test_what_is_written_is_read_again(rows):
    batch = Batch.of(Sample(Series.of(name, k="v"), at * 1000, value) for name, at, value in rows)
    assert Decoder().decode(encode(batch), NOW) == (batch, [])
