import errno
import threading
from pathlib import Path

import pytest

from gnomon.buffer import disk
from gnomon.buffer.disk import DiskBuffer
from gnomon.buffer.settings import BufferSettings
from gnomon.core.errors import Full, Permanent, Retryable, SettingsError
from gnomon.core.settings import Located, build
from gnomon.core.telemetry import Telemetry
from gnomon.testing.clock import FakeClock
from gnomon.testing.contract.buffers import MANY, marks_of, numbered, numbers_of
from gnomon.testing.faults import FaultyFiles

FOLDER = Path("/buffer")


def opened(files, telemetry=None, **settings):
    settings = BufferSettings(**{"sync": "never", "max_bytes": 64 << 10, **settings})
    telemetry = telemetry or Telemetry()
    return DiskBuffer(FOLDER, settings, FakeClock(), telemetry, "a1", "s1", files=files)


def counted(telemetry, name, **labels):
    return sum(
        sample.value
        for sample in telemetry.samples(0)
        if sample.series.name == name and labels.items() <= dict(sample.series.labels).items()
    )


def segments(files):
    return [name for name in files.names(FOLDER) if name.endswith(".seg")]


def fill_disk(files, room=0):
    files.capacity = room + sum(files.size(FOLDER / name) for name in files.names(FOLDER))


def test_a_full_disk_refuses_and_nothing_is_torn():
    files, telemetry = FaultyFiles(), Telemetry()
    buffer = opened(files, telemetry)
    kept = [buffer.put(numbered(number)) for number in range(3)]
    for room in (0, 1, 20, 80):
        fill_disk(files, room)
        with pytest.raises(Full, match="cannot be written: No space left on device"):
            buffer.put(numbered(9, 80))
    assert counted(telemetry, "gnomon.buffer.errors", operation="write", sink="s1") == 4
    assert buffer.stats().samples == 9
    files.capacity = None
    # The series of the refused batch were never defined on disk: are they now?
    kept.append(buffer.put(numbered(4, 80)))
    assert kept[-1].sequence == 3 + 4 + 1, "the number of a refused batch is not used again"
    files.kill()
    again = opened(files)
    entries = again.read(MANY, 0)
    assert marks_of(entries) == kept
    assert entries[-1].batch == numbered(4, 80)
    assert again.stats().dropped == {}


def test_a_full_disk_does_not_hinder_settling():
    files = FaultyFiles()
    buffer = opened(files)
    marks = [buffer.put(numbered(number)) for number in range(150)]
    assert len(segments(files)) > 2
    fill_disk(files)
    buffer.ack(marks[:140])
    assert len(segments(files)) == 1
    assert marks_of(buffer.read(MANY, 0)) == marks[140:]
    files.capacity = None
    buffer.close()
    assert marks_of(opened(files).read(MANY, 0)) == marks[140:]


def test_a_note_that_could_not_be_written_is_counted():
    files, telemetry = FaultyFiles(), Telemetry()
    buffer = opened(files, telemetry)
    marks = [buffer.put(numbered(number)) for number in range(3)]
    files.fail("write", errno.EIO)
    buffer.ack(marks[:1])
    assert counted(telemetry, "gnomon.buffer.errors", operation="note") == 1
    assert marks_of(buffer.read(MANY, 0)) == marks[1:]
    files.kill()
    assert marks_of(opened(files).read(MANY, 0)) == marks  # again, with the mark it had


def test_a_disk_that_is_full_when_opened():
    files = FaultyFiles()
    marks = [(buffer := opened(files)).put(numbered(1))]
    buffer.close()
    files.capacity = 0
    buffer = opened(files)
    assert marks_of(buffer.read(MANY, 0)) == marks
    with pytest.raises(Full):
        buffer.put(numbered(2))
    files.capacity = None
    marks.append(buffer.put(numbered(3)))
    buffer.ack(marks[:1])
    files.kill()
    assert marks_of(opened(files).read(MANY, 0)) == marks[1:]


def test_always_synced():
    files = FaultyFiles()
    buffer = opened(files, sync="always")
    marks = [buffer.put(numbered(number)) for number in range(3)]
    files.power_cut()
    assert marks_of(opened(files).read(MANY, 0)) == marks


def test_always_synced_but_the_disk_fails():
    files, telemetry = FaultyFiles(), Telemetry()
    buffer = opened(files, telemetry, sync="always")
    kept = buffer.put(numbered(1))
    files.fail("sync", errno.EIO)
    with pytest.raises(Full, match="cannot be forced to disk"):
        buffer.put(numbered(2))
    assert counted(telemetry, "gnomon.buffer.errors", operation="sync") == 1
    assert marks_of(buffer.read(MANY, 0)) == [kept]
    assert buffer.stats().dropped == {}
    files.kill()
    assert marks_of(opened(files).read(MANY, 0)) == [kept]


def test_a_sync_that_failed_is_made_up_for():
    files = FaultyFiles()
    buffer = opened(files)
    mark = buffer.put(numbered(1))
    files.fail("sync", errno.EIO)
    with pytest.raises(Retryable, match="Input/output error"):
        buffer.sync()
    buffer.sync()
    files.power_cut()
    assert marks_of(opened(files).read(MANY, 0)) == [mark]


def test_nothing_is_synced_twice():
    files = FaultyFiles()
    buffer = opened(files)
    buffer.put(numbered(1))
    buffer.sync()
    before = files.operations
    buffer.sync()
    assert files.operations == before


def test_synced_in_intervals(tmp_path):
    synced = threading.Event()

    class Watched(FaultyFiles):
        def sync(self, content):
            super().sync(content)
            if self.operations > 4:
                synced.set()

    files = Watched()
    buffer = opened(files, sync="interval", sync_interval=0.01)
    mark = buffer.put(numbered(1))
    assert synced.wait(30)
    buffer.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "sync-s1"]
    files.power_cut()
    assert marks_of(opened(files).read(MANY, 0)) == [mark]


def test_settled_segments_are_deleted_whatever_the_order():
    files = FaultyFiles()
    buffer = opened(files)
    marks = [buffer.put(numbered(number)) for number in range(200)]
    count = len(segments(files))
    assert count > 3
    buffer.ack(marks[::-2])
    assert len(segments(files)) == count
    buffer.ack(marks)
    assert len(segments(files)) <= 1
    assert buffer.stats().bytes <= 4096
    buffer.close()
    assert segments(files) == []


def test_little_is_kept_in_memory(monkeypatch):
    monkeypatch.setattr(disk, "KEPT_SAMPLES", 30)
    files = FaultyFiles()
    buffer = opened(files)
    for number in range(100):
        buffer.put(numbered(number))
    assert len(buffer._kept) == 10
    reads = []
    read = files.read

    def watching(path, offset=0, size=-1):
        reads.append(size)
        return read(path, offset, size)

    files.read = watching
    seen = []
    while entries := buffer.read(15, 0):
        assert len(entries) == 5
        assert all(0 <= size < 4096 for size in reads), "whole segments are not read"
        seen += numbers_of(entries)
        before = len(reads)
        assert marks_of(buffer.read(15, 0)) == marks_of(entries)
        assert len(reads) == before, "what is read again is not decoded again"
        buffer.ack(marks_of(entries))
        assert buffer._kept_samples <= 30
    assert seen == list(range(100))
    assert (buffer._kept_samples, buffer._kept) == (0, {})


def test_damage_found_by_reading_is_counted():
    files, telemetry = FaultyFiles(), Telemetry()
    buffer = opened(files)
    marks = [buffer.put(numbered(number)) for number in range(5)]
    buffer.close()
    buffer = opened(files, telemetry)
    (segment,) = buffer._log.segments
    offset, length = segment.place(2)
    files.damage(segment.path, offset + length - 1, b"?")
    assert marks_of(buffer.read(MANY, 0)) == marks[:2] + marks[3:]
    assert buffer.stats().dropped == {"corrupt": 3}
    assert counted(telemetry, "gnomon.buffer.dropped", reason="corrupt", sink="s1") == 3
    assert counted(telemetry, "gnomon.buffer.damaged") == 1
    buffer.ack(marks)
    assert [name for name in files.names(FOLDER) if name.endswith(".bad")]


def test_a_read_that_finds_only_damage_goes_on():
    files = FaultyFiles()
    buffer = opened(files)
    for number in range(3):
        buffer.put(numbered(number))
    buffer.close()
    buffer = opened(files)
    (segment,) = buffer._log.segments
    for at in (0, 1):
        offset, length = segment.place(at)
        files.damage(segment.path, offset + length - 1, b"?")
    assert numbers_of(buffer.read(1, 0)) == [2]


def test_self_metrics_follow():
    files, telemetry = FaultyFiles(), Telemetry()
    buffer = opened(files, telemetry)
    buffer.put(numbered(1))
    assert counted(telemetry, "gnomon.buffer.batches", sink="s1") == 1
    assert counted(telemetry, "gnomon.buffer.bytes", sink="s1") == buffer.stats().bytes > 0


def test_two_buffers_cannot_share_a_folder(tmp_path):
    def make():
        return DiskBuffer(tmp_path / "x", BufferSettings(), FakeClock(), Telemetry(), "a1", "s1")

    buffer = make()
    with pytest.raises(Permanent, match=r"x is in use by process \d+; stop that one"):
        make()
    buffer.close()
    make().close()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Permanent, match=r"file/x cannot be used: Not a directory"):
        DiskBuffer(tmp_path / "file/x", BufferSettings(), FakeClock(), Telemetry(), "a1", "s1")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"order": "newest"}, "order: "),
        ({"sync": "sometimes"}, "sync: "),
        ({"max_bytes": "1KB"}, "max_bytes: "),
        ({"max_byte": "1MB"}, "did you mean 'max_bytes'"),
    ],
)
def test_settings_that_cannot_be_used(data, message):
    with pytest.raises(SettingsError, match=message):
        build(Located(data), BufferSettings)


def test_settings():
    settings = build(Located({"max_bytes": "50MB", "max_age": "2d"}), BufferSettings)
    assert (settings.max_bytes, settings.max_age) == (50 << 20, 2 * 86400)
