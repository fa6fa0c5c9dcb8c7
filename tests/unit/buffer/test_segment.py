import errno
from pathlib import Path

import pytest

from gnomon.buffer.journal import Settled
from gnomon.buffer.recovery import recover
from gnomon.buffer.segment import (
    Segment,
    SegmentReader,
    SegmentWriter,
    parse_name,
    segment_name,
)
from gnomon.core.errors import Corrupt
from gnomon.core.model import Batch, Entry, Event, Kind, Mark, Metric, Sample, Series
from gnomon.testing.contract.buffers import numbered
from gnomon.testing.faults import FaultyFiles

FOLDER = Path("/buffer")
PATH = FOLDER / segment_name(7, 0x6B0C51D3A2F41E90)


def written(files, *batches, start=5):
    """A segment of these batches, with sequences from `start` on, put one second apart."""
    segment = Segment(PATH, 7, 0x6B0C51D3A2F41E90, "agent-1")
    writer = SegmentWriter(files, segment, start - 1, 100)
    for at, batch in enumerate(batches):
        assert writer.append(batch, start + at, 1_700_000_000_000 + at * 1000) == at
    writer.close()
    return segment


def test_names_go_both_ways():
    assert PATH.name == "00000007-6b0c51d3a2f41e90.seg"
    assert parse_name(PATH.name) == (7, 0x6B0C51D3A2F41E90)
    assert parse_name(segment_name(123_456_789, 1)) == (123_456_789, 1)


@pytest.mark.parametrize(
    "name", ["lock", "x.seg", "1-x.seg", "-1.seg", "1-.seg", "1-1.bad", "²-1.seg"]
)
def test_other_names_are_none(name):
    assert parse_name(name) is None


def test_batches_come_back_in_any_order():
    files = FaultyFiles()
    metric = Metric("system.mem.used", Kind.GAUGE, "byte", "Memory in use.")
    batches = [
        numbered(1),
        Batch.of([Sample(Series(metric, (("host", "h"),)), 5, 0.1)], [Event(1, "title")]),
        Batch.of([]),
        numbered(2, 9),
    ]
    segment = written(files, *batches)
    for order in ([0, 1, 2, 3], [3, 0, 2, 1]):
        reader = SegmentReader(files, segment)
        for at in order:
            entry = reader.entry(at)
            assert entry.batch == batches[at]
            assert entry.mark == Mark("agent-1", 0x6B0C51D3A2F41E90, 5 + at)
    assert reader.entry(1).batch.series[0].metric == metric


def test_a_reader_follows_the_writer():
    files = FaultyFiles()
    segment = Segment(PATH, 7, 1, "a")
    writer = SegmentWriter(files, segment, 0, 0)
    reader = SegmentReader(files, segment)
    for number in range(1, 20):
        at = writer.append(numbered(number, number), number, 0)
        assert reader.entry(at).batch == numbered(number, number)


def test_the_index_knows_what_waits():
    segment = written(FaultyFiles(), *(numbered(number, 10) for number in range(6)))
    assert (len(segment), segment.batches, segment.samples, segment.last) == (6, 6, 60, 10)
    for at in (1, 2, 5):
        assert segment.settle(at) == 10
    assert (len(segment), segment.batches, segment.samples) == (6, 3, 30)
    assert list(segment.waiting()) == [0, 3, 4]
    assert list(segment.waiting_backward()) == [4, 3, 0]
    assert list(segment.settled()) == [(6, 7), (10, 10)]
    assert [segment.find(sequence) for sequence in (4, 5, 6, 8, 10, 11)] == [
        None,
        0,
        None,
        3,
        None,
        None,
    ]
    assert [segment.is_open(at) for at in range(6)] == [True, False, False, True, True, False]
    assert segment.put_at(3) == 1_700_000_003_000


def test_definitions_survive_damage_to_one_place():
    for copy in (0, 1):
        files = FaultyFiles()
        segment = written(files, numbered(1), numbered(2), numbered(3))
        assert len(segment.definitions) == 2
        offset, length = segment.definitions[copy]
        files.damage(PATH, offset + length // 2, b"?")
        reader = SegmentReader(files, segment)
        assert [reader.entry(at).batch for at in range(3)] == [numbered(n) for n in (1, 2, 3)]


def test_batches_without_definitions_are_corrupt():
    files = FaultyFiles()
    segment = written(files, numbered(1), numbered(2), numbered(3, 9))
    for offset, length in segment.definitions[:2]:
        files.damage(PATH, offset + length // 2, b"?")
    reader = SegmentReader(files, segment)
    for at in range(3):
        with pytest.raises(Corrupt, match=rf"{PATH}: batch {5 + at}: "):
            reader.entry(at)


def test_a_batch_that_changed_is_corrupt():
    files = FaultyFiles()
    segment = written(files, numbered(1), numbered(2))
    offset, length = segment.place(0)
    files.damage(PATH, offset + length - 1, b"?")
    reader = SegmentReader(files, segment)
    with pytest.raises(Corrupt, match="have changed"):
        reader.entry(0)
    assert reader.entry(1).batch == numbered(2)


def test_a_batch_that_cannot_be_read_is_corrupt():
    files = FaultyFiles()
    segment = written(files, numbered(1))
    files.fail("read", errno.EIO)
    with pytest.raises(Corrupt, match="Input/output error"):
        SegmentReader(files, segment).entry(0)


def test_a_write_that_is_cut_short_leaves_nothing():
    files = FaultyFiles()
    segment = Segment(PATH, 7, 1, "a")
    writer = SegmentWriter(files, segment, 0, 0)
    writer.append(numbered(1), 1, 0)
    before = files.read(PATH)
    for room in (0, 1, 30, 60):
        files.capacity = len(before) + room
        with pytest.raises(OSError, match="No space"):
            writer.append(numbered(2), 2, 0)
        assert files.read(PATH) == before
        assert (len(segment), segment.size) == (1, len(before))


def test_a_file_that_cannot_be_begun_is_not_there():
    files = FaultyFiles()
    files.capacity = 20
    with pytest.raises(OSError, match="No space"):
        SegmentWriter(files, Segment(PATH, 7, 1, "a"), 0, 0)
    assert files.names(FOLDER) == []


def test_a_segment_of_version_1_is_read():
    """Written as docs/specs/buffer-format.md says; must be readable for ever."""
    files = FaultyFiles()
    golden = Path(__file__).parents[2] / "golden/buffer/one-batch.seg.hex"
    files.create(PATH).write(0, bytes.fromhex(golden.read_text()))
    (segment,) = recover(files, FOLDER, "us", Settled(()), 2000).segments
    assert SegmentReader(files, segment).entry(0) == Entry(
        Mark("a1", 0x6B0C51D3A2F41E90, 5),
        Batch.of([Sample(Series.of("load", host="h"), 1000, 0.5)]),
    )
    assert (segment.put_at(0), segment.size) == (1234, files.size(PATH))
