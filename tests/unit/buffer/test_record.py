import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.buffer.record import (
    BATCH,
    HEAD,
    JOURNAL_MAGIC,
    MARKER,
    OVERHEAD,
    SEGMENT_MAGIC,
    SETTLED,
    Damage,
    Record,
    RecordKind,
    frame,
    record_at,
    scan,
    seed_of,
)

SEED = seed_of(0x0123456789ABCDEF)


def records(*contents, seed=SEED):
    return b"".join(frame(RecordKind.BATCH, content, seed) for content in contents)


def test_golden_bytes():
    """As docs/specs/buffer-format.md has it; a change here is a new version of the format."""
    assert SEGMENT_MAGIC == b"GNOMSEG\x01"
    assert JOURNAL_MAGIC == b"GNOMACK\x01"
    assert SEED == 0x88888888
    assert frame(RecordKind.BATCH, b"content", SEED).hex(" ", -4) == (
        "f5676ea7 42070000 000e67a4 1e36d6c2 95636f6e 74656e74"
    )
    assert frame(RecordKind.HEAD, b"", 0).hex() == "f5676ea7480000000000000000b1b54383"
    assert (HEAD.size, BATCH.size, SETTLED.size) == (24, 28, 24)


def test_checksums_are_those_of_the_document():
    data = frame(RecordKind.DEFINITIONS, b"content", SEED)
    assert data[: len(MARKER)] == MARKER
    kind, length, content_crc = data[4:5], data[5:9], data[9:13]
    assert kind == b"D"
    assert length == (7).to_bytes(4, "little")
    assert content_crc == zlib.crc32(b"content", SEED).to_bytes(4, "little")
    assert data[13:17] == zlib.crc32(data[4:13], SEED).to_bytes(4, "little")
    assert len(data) == OVERHEAD + 7


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=6), st.binary(max_size=30))
def test_what_was_framed_is_found(contents, magic):
    data = magic + records(*contents)
    found = list(scan(data, SEED, len(magic)))
    assert [bytes(record.content) for record in found] == contents
    assert [record.start for record in found] == [
        len(magic) + sum(OVERHEAD + len(content) for content in contents[:at])
        for at in range(len(contents))
    ]


@settings(deadline=None)
@given(st.data())
def test_damage_costs_no_other_record(data):
    contents = data.draw(st.lists(st.binary(max_size=40), min_size=2, max_size=6))
    good = records(*contents)
    at = data.draw(st.integers(0, len(good) - 1))
    bad = bytearray(good)
    bad[at] ^= data.draw(st.integers(1, 255))
    ends = [record.end for record in scan(good, SEED, 0)]
    hit = sum(end <= at for end in ends)
    found = list(scan(bytes(bad), SEED, 0))
    survivors = [bytes(item.content) for item in found if isinstance(item, Record)]
    assert survivors == contents[:hit] + contents[hit + 1 :]
    damage = [item for item in found if isinstance(item, Damage)]
    start = ends[hit - 1] if hit else 0
    # Damage to the last record cannot be told from a torn tail.
    assert damage == ([Damage(start, ends[hit])] if hit + 1 < len(contents) else [])


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=4), st.data())
def test_a_torn_tail_is_not_reported(contents, data):
    good = records(*contents)
    cut = data.draw(st.integers(0, len(good)))
    found = list(scan(good[:cut], SEED, 0))
    assert all(isinstance(item, Record) for item in found)
    assert all(item.end <= cut for item in found)
    assert len(found) == sum(record.end <= cut for record in scan(good, SEED, 0))


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_random_bytes_are_no_records(data):
    assert list(scan(MARKER + data, SEED, 0)) == []


def test_a_record_of_another_file_is_none():
    inner = frame(RecordKind.BATCH, b"inner", seed_of(77))
    assert record_at(memoryview(inner), SEED, 0) is None
    outer = bytearray(records(inner, b"after"))
    outer[0] = 0  # the outer record is damaged: is the one inside taken for one of this file?
    found = list(scan(bytes(outer), SEED, 0))
    assert [bytes(item.content) for item in found if isinstance(item, Record)] == [b"after"]


@pytest.mark.parametrize("size", [0, 1, OVERHEAD - 1])
def test_less_than_a_header_is_none(size):
    assert record_at(memoryview(records(b"x")[:size]), SEED, 0) is None
