import errno
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.buffer.journal import NAME, REWRITE_BEYOND, Journal, Settled
from gnomon.buffer.record import JOURNAL_MAGIC, OVERHEAD
from gnomon.buffer.segment import BatchHead, Segment
from gnomon.core.model import Mark
from gnomon.testing.faults import FaultyFiles

FOLDER = Path("/buffer")
PATH = FOLDER / NAME


def journal(files):
    opened = Journal(files, FOLDER)
    opened.rewrite([])
    return opened


def segment(epoch, waiting, settled):
    made = Segment(FOLDER / "x.seg", 1, epoch, "a")
    for sequence in sorted({*waiting, *settled}):
        at = made.add(BatchHead(sequence, 0, 1, 0), (0, 0))
        if sequence in settled:
            made.settle(at)
    return made


@settings(deadline=None)
@given(st.sets(st.integers(1, 60)), st.sets(st.integers(1, 60)))
def test_what_was_appended_is_read(first, second):
    files = FaultyFiles()
    written = journal(files)
    for sequences in (first, second):
        written.append([Mark("a", 7, sequence) for sequence in sequences])
    settled = Journal(files, FOLDER).read()
    for sequence in range(1, 61):
        assert settled.covers(7, sequence, sequence) is (sequence in first | second)
        assert not settled.covers(8, sequence, sequence)


def test_runs_cost_one_entry():
    files = FaultyFiles()
    written = journal(files)
    written.append([Mark("a", 7, sequence) for sequence in range(1, 1000)])
    assert files.size(PATH) == len(JOURNAL_MAGIC) + OVERHEAD + 24
    settled = written.read()
    assert settled.covers(7, 1, 999)
    assert not settled.covers(7, 1, 1000)


def test_golden_bytes():
    files = FaultyFiles()
    journal(files).append([Mark("a", 0x1122, 3), Mark("a", 0x1122, 4)])
    assert files.read(PATH).hex(" ", -8) == (
        "474e4f4d41434b01 f5676ea753180000 00c52eafb34d743f 0a22110000000000 "
        "0003000000000000 0004000000000000 00"
    )


def test_neighbouring_runs_are_joined():
    settled = Settled([(1, 5, 9), (1, 1, 4), (2, 1, 4), (1, 8, 12), (1, 14, 14)])
    assert settled.covers(1, 1, 12)
    assert not settled.covers(1, 1, 13)
    assert settled.covers(1, 14, 14)
    assert not settled.covers(2, 5, 5)


def test_writing_anew_keeps_what_the_segments_know():
    files = FaultyFiles()
    written = journal(files)
    written.append([Mark("a", 3, 1), Mark("a", 4, 1)])
    written.rewrite([segment(7, waiting={3, 4}, settled={1, 2, 5}), segment(8, {1}, set())])
    written.append([Mark("a", 8, 1)])
    settled = written.read()
    assert settled.covers(7, 1, 2)
    assert settled.covers(7, 5, 5)
    assert not settled.covers(7, 3, 3)
    assert settled.covers(8, 1, 1)
    assert not settled.covers(3, 1, 1)


def test_it_is_written_anew_when_it_has_grown():
    files = FaultyFiles()
    written = journal(files)
    for _ in range(3):
        count = 0
        while not written.grown:
            count += 1
            written.append([Mark("a", 7, 2 * count)])
        assert REWRITE_BEYOND <= files.size(PATH) < REWRITE_BEYOND + 100
        written.rewrite([segment(7, waiting={1}, settled={2})])
        assert not written.grown
        assert files.size(PATH) < 100


def test_writing_anew_is_not_tried_with_each_batch():
    files = FaultyFiles()
    written = journal(files)
    while not written.grown:
        written.append([Mark("a", 7, 1)])
    files.fail("create", errno.ENOSPC)
    with pytest.raises(OSError, match="space"):
        written.rewrite([])
    assert not written.grown


def test_a_write_that_fails_leaves_nothing():
    files = FaultyFiles()
    written = journal(files)
    written.append([Mark("a", 7, 1)])
    files.capacity = files.size(PATH) + 10
    with pytest.raises(OSError, match="space"):
        written.append([Mark("a", 7, 2)])
    files.capacity = None
    written.append([Mark("a", 7, 3)])
    settled = written.read()
    assert [settled.covers(7, n, n) for n in (1, 2, 3)] == [True, False, True]


@pytest.mark.parametrize("operation", ["create", "write", "sync", "replace"])
def test_writing_anew_that_fails_leaves_the_old_one(operation):
    files = FaultyFiles()
    written = journal(files)
    written.append([Mark("a", 7, 1)])
    files.fail(operation, errno.ENOSPC)
    with pytest.raises(OSError, match="space"):
        written.rewrite([])
    written.append([Mark("a", 7, 2)])
    assert Journal(files, FOLDER).read().covers(7, 1, 2)
    assert files.names(FOLDER) == [NAME]


@settings(deadline=None)
@given(st.data())
def test_damage_forgets_but_never_invents(data):
    files = FaultyFiles()
    written = journal(files)
    known = {2 * n for n in range(1, 20)}
    for sequence in known:
        written.append([Mark("a", 7, sequence)])
    size = files.size(PATH)
    at = data.draw(st.integers(0, size - 1))
    files.damage(PATH, at, data.draw(st.binary(min_size=1, max_size=20)))
    settled = written.read()
    for sequence in set(range(60)) - known:
        assert not settled.covers(7, sequence, sequence)


def test_a_journal_that_is_not_there_or_not_readable_is_empty():
    files = FaultyFiles()
    assert not Journal(files, FOLDER).read().covers(1, 1, 1)
    journal(files).append([Mark("a", 7, 1)])
    files.fail("read", errno.EIO)
    assert not Journal(files, FOLDER).read().covers(7, 1, 1)
