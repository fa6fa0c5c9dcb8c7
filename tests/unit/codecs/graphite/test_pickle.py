"""Graphite's pickle protocol: plain data is read, nothing is run."""

import os
import pickle
import pickletools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.codecs.graphite.pickle import Decoder, encode
from gnomon.core.errors import DecodeError
from gnomon.core.model import Batch, Sample, Series

NOW = 1_700_000_000_000


def decode(data, protocol=2):
    batch, errors = Decoder().decode(pickle.dumps(data, protocol), NOW)
    return [(repr(s.series), s.timestamp, s.value) for s in batch], errors


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_of_pickle(protocol):
    rows = [("a.b", (1700000000, 1.5)), ("c;k=v", (1700000000.5, 2))]
    assert decode(rows, protocol) == (
        [("a.b{}", NOW, 1.5), ("c{k='v'}", NOW + 500, 2.0)],
        [],
    )


def test_what_python_2_sends():
    # pickle.dumps([("a.b", (1700000000, 1.5))], 0) and protocol 2, made by Python 2.7.18
    text = b"(lp0\n(S'a.b'\np1\n(I1700000000\nF1.5\ntp2\ntp3\na."
    binary = (
        b"\x80\x02]q\x00U\x03a.bq\x01J\x00\xf1SeG?\xf8\x00\x00\x00\x00\x00\x00\x86q\x02\x86q\x03a."
    )
    for message in (text, binary):
        batch, errors = Decoder().decode(message, NOW)
        assert errors == []
        assert [(s.series.name, s.timestamp, s.value) for s in batch] == [("a.b", NOW, 1.5)]


def test_a_bad_item_is_named_and_its_neighbours_survive():
    rows = [
        ("a", (1, 1)),
        ("b", 2),
        None,
        (3, (1, 1)),
        ("", (1, 1)),
        ("c", ("x", 1)),
        ("d", (1, 1)),
    ]
    samples, errors = decode(rows)
    assert [name for name, *_ in samples] == ["a{}", "d{}"]
    assert len(errors) == 5


class Attack:
    def __reduce__(self):
        return os.system, ("exit 1",)


@pytest.mark.parametrize(
    "data", [Attack(), [Attack()], [("a", (1, Attack()))], os.getcwd, {"a": 1}, 5]
)
def test_nothing_is_run(data):
    with pytest.raises(DecodeError):
        decode(data)


def test_minus_one_is_now_and_nan_is_nothing():
    assert decode([("a", (-1, 5)), ("b", (1, float("nan")))]) == ([("a{}", NOW, 5.0)], [])


@given(st.binary(max_size=200))
def test_any_bytes_give_samples_or_a_decode_error(data):
    try:
        batch, _ = Decoder().decode(data, NOW)
    except DecodeError:
        batch = Batch.of([])
    assert len(batch) <= len(data)


def test_what_is_written_is_read_again():
    batch = Batch.of([Sample(Series.of("a", k="v"), 5000, 1.25)])
    message = encode(batch)
    assert pickletools.genops(message)
    assert Decoder().decode(message, NOW) == (batch, [])
