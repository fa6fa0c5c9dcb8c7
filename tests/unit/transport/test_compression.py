from __future__ import annotations

import contextlib
import gzip
import zlib

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.core.errors import DecodeError, LimitExceeded
from gnomon.transport.compression import decompress


def _raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


ENCODE = {
    "identity": bytes,
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": lambda data: bytes(cramjam.zstd.compress(data)),
    "snappy": lambda data: bytes(cramjam.snappy.compress_raw(data)),
}


@pytest.mark.parametrize("encoding", sorted(ENCODE))
@given(data=st.binary(min_size=1, max_size=5000))
def test_what_was_compressed_comes_back(encoding, data):
    assert decompress(ENCODE[encoding](data), encoding, 5000) == data


@given(data=st.binary(max_size=5000))
def test_bare_deflate_is_understood(data):
    assert decompress(_raw_deflate(data), "deflate", 5000) == data


def test_several_gzip_members_and_padding():
    body = gzip.compress(b"one ") + gzip.compress(b"two") + b"\0\0"
    assert decompress(body, "gzip", 7) == b"one two"


def test_several_encodings_are_undone_from_the_last():
    assert decompress(gzip.compress(zlib.compress(b"x" * 100)), "deflate, gzip", 100) == b"x" * 100
    assert decompress(b"as it is", "", 100) == b"as it is"


@pytest.mark.parametrize("encoding", sorted(ENCODE))
def test_one_byte_over_the_limit_is_refused(encoding):
    body = ENCODE[encoding](bytes(1000))
    assert decompress(body, encoding, 1000) == bytes(1000)
    with pytest.raises(LimitExceeded, match="more than 999 bytes"):
        decompress(body, encoding, 999)


def test_gzip_members_share_one_limit():
    body = gzip.compress(bytes(600)) * 2
    with pytest.raises(LimitExceeded):
        decompress(body, "gzip", 1000)


def test_a_bomb_costs_no_more_than_the_limit():
    bomb = bytes(cramjam.zstd.compress(bytes(64 << 20)))
    assert len(bomb) < 10_000
    with pytest.raises(LimitExceeded):
        decompress(bomb, "zstd", 1 << 20)


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip, gzip", "x" * 10_000])
def test_unknown_encodings_are_named(encoding):
    with pytest.raises(DecodeError) as error:
        decompress(b"", encoding, 100)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "snappy"])
@given(data=st.binary(max_size=200))
def test_damaged_data_is_a_decode_error(encoding, data):
    with contextlib.suppress(DecodeError, LimitExceeded):
        decompress(data, encoding, 10_000)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_truncated_data_is_a_decode_error(encoding):
    whole = ENCODE[encoding](bytes(range(256)))
    for size in range(len(whole) - 1):
        with pytest.raises(DecodeError):
            decompress(whole[:size], encoding, 10_000)
