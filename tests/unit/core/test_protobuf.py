"""The reader of Protocol Buffers' wire format."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.core import protobuf
from gnomon.core.errors import DecodeError


def read(data):
    return [
        (number, value if isinstance(value, int) else bytes(value))
        for number, _, value in protobuf.fields(data)
    ]


def test_the_examples_of_the_documentation():
    assert read(bytes.fromhex("089601")) == [(1, 150)]
    assert read(bytes.fromhex("120774657374696e67")) == [(2, b"testing")]
    assert read(bytes.fromhex("1a03089601")) == [(3, bytes.fromhex("089601"))]
    (field,) = protobuf.fields(b"\x08" + b"\xff" * 9 + b"\x01")
    assert protobuf.signed(field[2]) == -1
    (field,) = protobuf.fields(b"\x09" + b"\0" * 6 + b"\xf0\x3f")
    assert protobuf.double(field[2]) == 1.0


@pytest.mark.parametrize(
    "data",
    ["08", "0880", "0a05", "0b", "0c", "00", "08" + "ff" * 11, "0aff" + "ff" * 8 + "01", "0900"],
)
def test_what_is_torn_or_unknown_is_an_error(data):
    with pytest.raises(DecodeError):
        read(bytes.fromhex(data))


def test_a_value_of_another_type_is_an_error():
    for convert in (protobuf.text, protobuf.message, protobuf.double):
        with pytest.raises(DecodeError):
            convert(1)
    with pytest.raises(DecodeError):
        protobuf.signed(memoryview(b"1"))
    with pytest.raises(DecodeError):
        protobuf.text(memoryview(b"\xff"))


@given(st.binary(max_size=200))
def test_any_bytes_give_fields_or_a_decode_error(data):
    try:
        found = read(data)
    except DecodeError:
        return
    assert sum(len(value) for _, value in found if isinstance(value, bytes)) <= len(data)
