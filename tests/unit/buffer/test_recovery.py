import errno
from pathlib import Path

import pytest

from gnomon.buffer.disk import DiskBuffer
from gnomon.buffer.record import MARKER, SEGMENT_MAGIC
from gnomon.buffer.recovery import BAD_KEPT
from gnomon.buffer.settings import BufferSettings
from gnomon.core.errors import Permanent
from gnomon.core.telemetry import Telemetry
from gnomon.testing.clock import FakeClock
from gnomon.testing.contract.buffers import MANY, marks_of, numbered, numbers_of
from gnomon.testing.faults import FaultyFiles

FOLDER = Path("/buffer")


def opened(files, telemetry=None, agent="a1", **settings):
    settings = BufferSettings(**{"sync": "never", "max_bytes": 64 << 10, **settings})
    telemetry = telemetry or Telemetry()
    return DiskBuffer(FOLDER, settings, FakeClock(), telemetry, agent, "s1", files=files)


def filled(*counts):
    """A folder with a buffer of batches 0, 1, 2 ... of 3 samples; `counts` per life."""
    files, number, marks = FaultyFiles(), 0, []
    for count in counts:
        buffer = opened(files)
        for _ in range(count):
            marks.append(buffer.put(numbered(number)))
            number += 1
        buffer.close()
    return files, marks


def segments(files):
    return sorted(name for name in files.names(FOLDER) if name.endswith(".seg"))


def bad(files):
    return sorted(name for name in files.names(FOLDER) if name.endswith(".bad"))


def counted(telemetry, name):
    return sum(s.value for s in telemetry.samples(0) if s.series.name == name)


def test_every_byte_may_be_damaged():
    """All batches but at most one are saved, in order; the one is counted and the file kept."""
    files, _ = filled(4)
    for at in range(files.size(FOLDER / segments(files)[0])):
        files, marks = filled(4)
        (name,) = segments(files)
        whole = files.read(FOLDER / name)
        last = whole.rindex(MARKER)
        files.damage(FOLDER / name, at, bytes([whole[at] ^ 0xFF]))
        telemetry = Telemetry()
        buffer = opened(files, telemetry)
        entries = buffer.read(MANY, 0)
        lost = 4 - len(entries)
        assert lost <= 1, at
        assert [marks[int(number)] for number in numbers_of(entries)] == marks_of(entries)
        assert numbers_of(entries) == sorted(numbers_of(entries))
        if at < last:
            assert buffer.stats().dropped == ({"corrupt": 3} if lost else {}), at
            assert counted(telemetry, "gnomon.buffer.damaged") == 1, at
        buffer.ack(marks_of(entries))
        assert segments(files) == []
        assert len(bad(files)) == (at < last), at
        buffer.close()


def test_damage_to_settled_batches_is_no_loss():
    files, marks = filled(6)
    buffer = opened(files)
    buffer.ack(marks[1:3])
    buffer.close()
    (name,) = segments(files)
    place = buffer._log.segments[0].place
    for at in (1, 2):
        offset, length = place(at)
        files.damage(FOLDER / name, offset + length - 1, b"?")
    buffer = opened(files)
    assert numbers_of(buffer.read(MANY, 0)) == [0, 3, 4, 5]
    assert buffer.stats().dropped == {}


def test_a_damaged_agent_id_is_replaced_by_ours():
    files, marks = filled(2)
    (name,) = segments(files)
    start = len(SEGMENT_MAGIC)
    files.damage(FOLDER / name, start, b"\0" * 30)
    buffer = opened(files)
    assert marks_of(buffer.read(MANY, 0)) == marks


def test_marks_keep_the_agent_they_were_given():
    files, marks = filled(2)
    buffer = opened(files, agent="renamed")
    buffer.put(numbered(2))
    assert [mark.agent for mark in marks_of(buffer.read(MANY, 0))] == ["a1", "a1", "renamed"]
    buffer.ack(marks)
    assert numbers_of(buffer.read(MANY, 0)) == [2]


def test_a_lost_tail_is_counted_when_the_next_segment_tells():
    files, _ = filled(150)
    first, *rest = segments(files)
    assert rest
    size = files.size(FOLDER / first)
    buffer = opened(files)
    in_first = len(buffer._log.segments[0])
    buffer.close()
    file = files.open(FOLDER / first)
    file.truncate(size - 10)
    buffer = opened(files)
    assert buffer.stats().dropped == {"corrupt": 3}
    assert numbers_of(buffer.read(MANY, 0)) == [n for n in range(150) if n != in_first - 1]


def test_a_segment_that_is_missing_was_settled():
    """It cannot be told from one that was deleted with its last batch."""
    files, _ = filled(150)
    files.remove(FOLDER / segments(files)[1])
    buffer = opened(files)
    assert buffer.stats().dropped == {}
    assert 0 < buffer.stats().batches < 150


def test_a_file_of_rubbish_is_kept_aside():
    files, marks = filled(2)
    file = files.create(FOLDER / "00000000-00000000000000ff.seg")
    file.write(0, b"rubbish" * 100)
    telemetry = Telemetry()
    buffer = opened(files, telemetry)
    assert marks_of(buffer.read(MANY, 0)) == marks
    assert bad(files) == ["00000000-00000000000000ff.bad"]
    assert counted(telemetry, "gnomon.buffer.damaged") == 1


@pytest.mark.parametrize(
    "content", [b"", SEGMENT_MAGIC[:3], SEGMENT_MAGIC, SEGMENT_MAGIC + b"\xf5g"]
)
def test_a_file_that_was_just_begun_is_nothing(content):
    files, marks = filled(2)
    file = files.create(FOLDER / "00000009-00000000000000ff.seg")
    file.write(0, content)
    telemetry = Telemetry()
    buffer = opened(files, telemetry)
    assert marks_of(buffer.read(MANY, 0)) == marks
    assert len(segments(files)) == 1
    assert bad(files) == []
    assert counted(telemetry, "gnomon.buffer.damaged") == 0
    buffer.put(numbered(3))
    assert "00000010-" in segments(files)[-1]


def test_files_kept_aside_are_few():
    files = FaultyFiles()
    for number in range(10):
        file = files.create(FOLDER / f"{number:08d}-00000000000000ff.seg")
        file.write(0, b"rubbish")
    opened(files).close()
    assert bad(files) == [f"{n:08d}-00000000000000ff.bad" for n in range(10 - BAD_KEPT, 10)]


def test_a_segment_that_cannot_be_read_is_kept_aside():
    files, _ = filled(2, 3)
    reads = iter([None, errno.EIO])
    read = files.read

    def failing(path, offset=0, size=-1):
        if path.suffix == ".seg" and next(reads, None):
            raise OSError(errno.EIO, "Input/output error")
        return read(path, offset, size)

    files.read = failing
    telemetry = Telemetry()
    buffer = opened(files, telemetry)
    assert numbers_of(buffer.read(MANY, 0)) == [0, 1]
    assert len(bad(files)) == 1
    assert counted(telemetry, "gnomon.buffer.damaged") == 1


def test_a_folder_that_cannot_be_read_is_one_line():
    files, _ = filled(1)
    files.fail("names", errno.EACCES)
    with pytest.raises(Permanent, match=r"^/buffer cannot be read: Permission denied$"):
        opened(files)
    opened(files).close()  # the lock was let go


def test_other_files_are_left_alone():
    files, _ = filled(1)
    files.create(FOLDER / "notes.txt")
    files.create(FOLDER / "settled.tmp")
    opened(files).close()
    assert "notes.txt" in files.names(FOLDER)
    assert "settled.tmp" not in files.names(FOLDER)


def test_what_a_killed_process_left_is_synced_by_the_next():
    files, _ = filled(1)
    files.power_cut()
    buffer = opened(files)
    buffer.put(numbered(1))
    files.kill()  # before it was synced
    buffer = opened(files)
    buffer.sync()
    files.power_cut()
    assert numbers_of(opened(files).read(MANY, 0)) == [0, 1]
