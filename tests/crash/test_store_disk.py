"""A full disk is refused politely; a damaged file costs what is in it and no more.

The disk is a small file system in memory where that may be mounted; a limit on the size of files
stands for it in the other test, which runs everywhere.
"""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from gnomon.core.errors import Corrupt, Full, Permanent, Retryable
from gnomon.core.model import Event, Mark, Series
from gnomon.core.telemetry import Telemetry
from gnomon.server.store.duckdb import DuckStore
from gnomon.server.store.interface import Outcome
from gnomon.server.store.settings import StoreSettings
from gnomon.testing.clock import FakeClock
from gnomon.testing.contract.stores import ALWAYS, CPU, HOUR, LOAD, NOW, everything, put

SERIES = [Series.of("m", n=str(n)) for n in range(2000)]


def opened(folder: Path, now: int = NOW, **settings) -> DuckStore:
    settings = {"threads": 1, "retention": 0.0, **settings}
    return DuckStore(folder, StoreSettings(**settings), FakeClock(now), Telemetry())


def tick(store: DuckStore, number: int, chance: random.Random) -> Outcome:
    """2,000 samples that cannot be compressed."""
    time = NOW + number * 1000
    rows = [(series, time, chance.random()) for series in SERIES]
    return put(store, rows, [Mark("agent", 1, number)])


def lengths(store: DuckStore) -> set[int]:
    return {len(rows) for rows in everything(store).values()}


@pytest.fixture
def small_disk(tmp_path):
    """32 MB, mounted for this test."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path, leave: int) -> Path:
    """Takes all but so many bytes."""
    ballast = folder / "ballast"
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    ballast.write_bytes(bytes(max(0, free - leave)))
    return ballast


@pytest.mark.slow
@pytest.mark.parametrize("look", ["reserve", "checkpoint", "never"])
def test_a_full_disk_is_refused_and_nothing_is_torn(small_disk, look, monkeypatch, caplog):
    """Where nobody looks before, the database itself meets the end of the disk, at any place.

    A checkpoint that does so stops the database; it must come back by itself.
    """
    chance = random.Random(7)
    reserve = 4 << 20 if look == "reserve" else 0
    store = opened(small_disk / "store", reserve=reserve, log=1 << 20)
    if look == "never":
        monkeypatch.setattr(store._folder, "free", lambda: 1 << 40)
    stored, times_to_wait, number, refused = [], [], 0, 0
    for _ in range(4):
        ballast = fill(small_disk, reserve + (2 << 20))
        for _ in range(1000):
            number += 1
            try:
                assert tick(store, number, chance) is Outcome.STORED
                stored.append(number)
            except Retryable as error:
                times_to_wait.append(error.retry_after)
                refused += 1
                if refused % 10 == 0:
                    break
        else:
            pytest.fail("the disk was never full")
        ballast.unlink()
        assert lengths(store) == {len(stored)}
        number += 1
        assert tick(store, number, chance) is Outcome.STORED
        stored.append(number)
        store.maintain(NOW + len(stored) * 1000)
    store.close()
    store = opened(small_disk / "store")
    assert store.saved is None
    times = {time for rows in everything(store).values() for time, _ in rows}
    assert {NOW + n * 1000 for n in stored} <= times
    assert lengths(store) == {len(times)}
    assert all(times_to_wait)
    assert ("opened again" in caplog.text) is (look == "never")
    store.close()


@pytest.mark.slow
def test_closing_on_a_full_disk_loses_nothing(small_disk):
    chance = random.Random(7)
    store = opened(small_disk / "store", reserve=0)
    for number in range(1, 31):
        tick(store, number, chance)
    ballast = fill(small_disk, 100_000)
    for _ in range(2):
        with pytest.raises(Full):
            store.maintain(NOW + 2 * HOUR)
    assert lengths(store) == {30}
    ballast.unlink()
    store.maintain(NOW + 2 * HOUR)
    assert store.stats().details["files"] == 1
    assert lengths(store) == {30}
    assert {path.suffix for path in (small_disk / "store" / "blocks").iterdir()} == {".parquet"}
    store.close()


LIMITED = """
import resource, sys
from pathlib import Path
from gnomon.core.errors import Full
sys.path.insert(0, {folder!r})
from test_store_disk import opened, tick
import random
store = opened(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
chance, number = random.Random(1), 0
try:
    while True:
        number += 1
        tick(store, number, chance)
except Full as error:
    print(number - 1, error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
tick(store, number, chance)
store.close()
"""


@pytest.mark.slow
def test_a_file_that_may_not_grow_is_a_full_disk(tmp_path):
    script = LIMITED.format(folder=str(Path(__file__).parent))
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "store"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    count, _, message = done.stdout.partition(" ")
    assert "no space left" in message
    store = opened(tmp_path / "store")
    assert lengths(store) == {int(count) + 1}
    store.close()


# Damage.


@pytest.fixture
def folder(tmp_path):
    """A closed store: an hour in a file, the next one in the database."""
    path = tmp_path / "store"
    store = opened(path, log=1 << 30)
    for number in range(1, 11):
        tick(store, number, random.Random(number))
    put(store, [(CPU, NOW, 1.0)], events=[Event(NOW, "deploy")])
    store.maintain(NOW + 2 * HOUR)
    put(store, [(LOAD, NOW + 3 * HOUR, 2.0), (CPU, NOW + 3 * HOUR, 3.0)], [Mark("late", 1, 1)])
    store.close()
    return path


def scribble(path: Path, start: int, size: int = 4096) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(os.urandom(size))


def test_a_damaged_database_is_set_aside_and_the_files_are_read(folder, caplog):
    scribble(folder / "gnomon.duckdb", 0, 16_384)
    store = opened(folder)
    assert "gnomon.duckdb: is damaged" in caplog.text
    assert "set aside as" in caplog.text
    assert "lost: all samples that were not in closed files yet, events and marks" in caplog.text
    assert (store.saved.aside / "gnomon.duckdb").exists()
    found = everything(store)
    assert found.pop(CPU) == [(NOW, 1.0)]
    assert set(found) == set(SERIES)
    assert {len(rows) for rows in found.values()} == {10}
    last = store.last(())
    assert set(last.series) == {CPU, *SERIES}
    assert {s.metric for s in store.series(())} == set(store.metrics())
    assert put(store, [(CPU, NOW + 1, 2.0)]) is Outcome.STORED
    store.close()
    store = opened(folder)
    assert store.saved is None
    assert everything(store)[CPU] == [(NOW, 1.0), (NOW + 1, 2.0)]
    store.close()


@pytest.mark.slow
def test_whatever_is_damaged_the_store_opens_and_says_what_was_lost(folder):
    whole = (folder / "gnomon.duckdb").read_bytes()
    for start in range(12_288, len(whole) - 4096, max(4096, len(whole) // 12)):
        for leftover in folder.glob("gnomon.duckdb*"):
            leftover.unlink()
        (folder / "gnomon.duckdb").write_bytes(whole)
        scribble(folder / "gnomon.duckdb", start)
        store = opened(folder)
        found = everything(store)
        assert {len(found[series]) for series in SERIES} == {10}
        assert found[CPU][0] == (NOW, 1.0)
        if store.saved is None or not store.saved.lost:
            assert found[CPU][1:] == [(NOW + 3 * HOUR, 3.0)]
        store.close()
        for aside in folder.glob("damaged-*"):
            for path in aside.iterdir():
                path.unlink()
            aside.rmdir()


def test_a_missing_database_is_made_anew_from_the_files(folder):
    (folder / "gnomon.duckdb").unlink()
    store = opened(folder)
    assert len(everything(store)) == len(SERIES) + 1
    store.close()


def test_nothing_is_touched_when_nothing_can_be_saved(folder):
    scribble(folder / "gnomon.duckdb", 0, 16_384)
    (series,) = (folder / "index").glob("*/series.parquet")
    scribble(series, 0, 1000)
    before = sorted((path.name, path.stat().st_size) for path in folder.rglob("*.*"))
    for _ in range(2):
        with pytest.raises(Corrupt, match=r"index/\d+: is damaged like the database"):
            opened(folder)
    assert [e for e in before if "damaged" not in e[0]] == sorted(
        (path.name, path.stat().st_size) for path in folder.rglob("*.*") if path.is_file()
    )


def test_a_damaged_file_is_named(folder):
    (path,) = (folder / "blocks").iterdir()
    scribble(path, 100, path.stat().st_size // 2)
    store = opened(folder)
    with pytest.raises(Corrupt, match=rf"{path.name}: is damaged .* delete it and start again"):
        store.raw((), *ALWAYS)
    assert len(store.raw((), NOW + 2 * HOUR, NOW + 4 * HOUR).series) == 2, "others are read"
    store.close()
    path.unlink()
    store = opened(folder)
    assert set(everything(store)) == {CPU, LOAD}
    store.close()


def test_a_torn_end_of_the_log_is_cut_off(tmp_path, caplog):
    log = tmp_path / "store" / "gnomon.duckdb.wal"
    store = opened(tmp_path / "store")
    for number in range(1, 6):
        tick(store, number, random.Random(number))
    saved = log.read_bytes(), (tmp_path / "store" / "gnomon.duckdb").read_bytes()
    store.close()
    for torn in (saved[0][:-50], saved[0] + os.urandom(500), saved[0][:-50] + os.urandom(50)):
        (tmp_path / "store" / "gnomon.duckdb").write_bytes(saved[1])
        log.write_bytes(torn)
        store = opened(tmp_path / "store")
        assert store.saved is None
        assert lengths(store) in ({4}, {5})
        assert tick(store, 9, random.Random(9)) is Outcome.STORED
        count = lengths(store)
        store.close()
        store = opened(tmp_path / "store")
        assert lengths(store) == count
        store.close()
    assert "torn" in caplog.text or "not whole" in caplog.text


# Others.


def test_a_folder_belongs_to_one_process(folder):
    store = opened(folder)
    with pytest.raises(
        Permanent, match=rf"in use by another Gnomon server \(process {os.getpid()}"
    ):
        opened(folder)
    store.close()
    opened(folder).close()


def test_a_folder_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Permanent, match="file: cannot be used for the store"):
        opened(tmp_path / "file")


def test_a_database_of_a_newer_version_is_left_alone(folder):
    import duckdb

    with duckdb.connect(str(folder / "gnomon.duckdb")) as con:
        con.execute("INSERT INTO format VALUES (99)")
    size = (folder / "gnomon.duckdb").stat().st_size
    with pytest.raises(Permanent, match="written by a newer Gnomon"):
        opened(folder)
    assert (folder / "gnomon.duckdb").stat().st_size == size
    assert not list(folder.glob("damaged-*"))
