"""What the embedded store does beyond the conformance suite."""

import threading

import pytest

from gnomon.core.errors import Full, Retryable
from gnomon.core.model import Batch, Event, Kind, Mark, Metric, Sample, Series
from gnomon.core.telemetry import Telemetry
from gnomon.server.store.duckdb import DuckStore
from gnomon.server.store.interface import Outcome, Write
from gnomon.server.store.settings import StoreSettings
from gnomon.testing.clock import FakeClock
from gnomon.testing.contract.stores import (
    ALWAYS,
    CPU,
    HOUR,
    LOAD,
    NOW,
    STALE,
    everything,
    put,
    where,
)

DAY = 24 * HOUR
SECONDS = 1000


class Stage:
    """A store in a folder, its clock and its self-metrics."""

    def __init__(self, folder, **settings) -> None:
        self.folder = folder
        self.settings = {"threads": 1, **settings}
        self.clock = FakeClock(NOW)
        self.telemetry = Telemetry()
        self.store = self.open()

    def open(self) -> DuckStore:
        settings = StoreSettings(**self.settings)
        return DuckStore(self.folder, settings, self.clock, self.telemetry)

    def again(self) -> None:
        self.store.close()
        self.store = self.open()

    def pass_time(self, milliseconds: int) -> None:
        self.clock.advance(milliseconds / 1000)
        self.store.maintain(self.clock.now())

    def count(self, name: str, **labels: str) -> float:
        return sum(
            sample.value
            for sample in self.telemetry.samples(0)
            if sample.series.name == f"gnomon.store.{name}"
            and set(labels.items()) <= set(sample.series.labels)
        )

    @property
    def details(self):
        return self.store.stats().details


@pytest.fixture
def stage(tmp_path, request):
    stage = Stage(tmp_path / "store", **getattr(request, "param", {}))
    yield stage
    stage.store.close()


def settings(**named):
    return pytest.mark.parametrize("stage", [named], indirect=True, ids=["settings"])


def test_a_bucket_is_closed_after_its_end_and_a_grace(stage):
    start = NOW - NOW % HOUR
    put(stage.store, [(CPU, start, 1.0), (CPU, start + HOUR, 2.0)])
    stage.clock.jump((start + HOUR + 299 * SECONDS - stage.clock.now()) / 1000)
    stage.store.maintain(stage.clock.now())
    assert (stage.details["files"], stage.details["hot_samples"]) == (0, 2)
    stage.pass_time(1 * SECONDS)
    assert (stage.details["files"], stage.details["hot_samples"]) == (1, 1)
    assert everything(stage.store) == {CPU: [(start, 1.0), (start + HOUR, 2.0)]}
    assert stage.count("close.samples") == 1


def test_what_comes_late_is_merged_into_its_hour(stage):
    put(stage.store, [(CPU, NOW + n, 1.0) for n in range(10)])
    stage.pass_time(2 * HOUR)
    put(stage.store, [(CPU, NOW + 5, 2.0), (LOAD, NOW, 3.0)])
    stage.pass_time(2 * HOUR)
    assert stage.details["files"] == 1
    assert stage.store.stats().samples == 11
    assert dict(everything(stage.store)[CPU])[NOW + 5] == 2.0
    assert stage.count("merge.samples") == 11


def test_the_hours_of_a_day_become_one_file(stage):
    midnight = NOW - NOW % DAY
    stage.clock.jump((midnight - NOW) / 1000)
    for hour in range(24):
        put(stage.store, [(CPU, midnight + hour * HOUR + n * 60_000, 1.0 * n) for n in range(60)])
        stage.pass_time(HOUR)
    assert stage.details["files"] >= 22
    stage.pass_time(3 * HOUR)
    assert stage.details["files"] == 1
    assert len(everything(stage.store)[CPU]) == 24 * 60


def test_a_year_of_history_comes_to_a_bounded_number_of_files(stage):
    for half in range(2):
        rows = [(CPU, NOW - (2 * n + half) * 6 * HOUR, float(half)) for n in range(730)]
        put(stage.store, rows)
        assert stage.details["hot_buckets"] <= 10
        stage.pass_time(2 * HOUR)
    assert len(everything(stage.store)[CPU]) == 1460
    assert stage.details["hot_samples"] == 0
    assert stage.details["files"] <= 60


@settings(hot_rows=100)
def test_a_full_head_is_closed_before_its_time(stage):
    for n in range(50):
        put(stage.store, [(CPU, NOW + n * 10 + i, 1.0) for i in range(10)])
        assert stage.details["hot_samples"] <= 110
    assert len(everything(stage.store)[CPU]) == 500
    assert stage.details["files"] >= 4


@settings(retention=float(DAY / SECONDS))
def test_retention_drops_what_is_old(stage):
    put(stage.store, [(CPU, NOW, 1.0), (LOAD, NOW, 1.0)], events=[Event(NOW, "old")])
    for _ in range(30):
        stage.pass_time(HOUR)
        put(stage.store, [(CPU, stage.clock.now(), 1.0)])
    assert set(stage.store.series(())) == {CPU}
    assert stage.store.stats().oldest > NOW
    assert everything(stage.store)[CPU][0][0] >= stage.clock.now() - DAY - 2 * HOUR
    assert not stage.store.events(*ALWAYS)
    assert stage.store.stats().events == 0
    assert not stage.store.last([where("host", "=", "web1"), where("core", "=", "")]).series
    assert stage.count("expired.samples") > 0
    stage.again()
    assert set(stage.store.series(())) == {CPU}


@settings(retention=float(DAY / SECONDS))
def test_imported_history_stays_as_long_from_its_import_on(stage):
    put(stage.store, [(CPU, 5, 1.0)], events=[Event(7, "long ago")])
    for _ in range(24):
        stage.pass_time(HOUR)
    assert everything(stage.store) == {CPU: [(5, 1.0)]}
    assert stage.store.events(*ALWAYS)
    for _ in range(3):
        stage.pass_time(HOUR)
    assert everything(stage.store) == {}
    assert not stage.store.series(())
    assert not stage.store.events(*ALWAYS)


@settings(retention=0.0)
def test_without_retention_all_is_kept(stage):
    put(stage.store, [(CPU, 5, 1.0)])
    for _ in range(5):
        stage.pass_time(1000 * DAY)
    assert everything(stage.store) == {CPU: [(5, 1.0)]}


@settings(mark_age=float(40 * DAY / SECONDS))
def test_marks_and_keys_are_forgotten_when_no_buffer_can_hold_the_batch(stage):
    mark = Mark("agent", 1, 1)
    put(stage.store, [(CPU, NOW, 1.0)], [mark], key="k")
    stage.pass_time(39 * DAY)
    assert put(stage.store, [(CPU, NOW, 1.0)], [mark]) is Outcome.DUPLICATE
    stage.again()
    assert put(stage.store, [(CPU, NOW, 1.0)], key="k") is Outcome.DUPLICATE
    stage.pass_time(2 * DAY)
    assert stage.details["marks"] == 0
    stage.again()
    assert stage.details["marks"] == 0
    assert put(stage.store, [(CPU, NOW, 1.0)], [mark]) is Outcome.STORED


def test_marks_of_long_runs_cost_an_interval(stage, monkeypatch):
    monkeypatch.setattr("gnomon.server.store.duckdb.store.MARK_ROWS", 10)
    for n in range(1, 40):
        put(stage.store, (), [Mark("agent", 1, n)])
    put(stage.store, (), [Mark("agent", 1, 50)])
    assert stage.details["marks"] == 2
    stage.pass_time(60 * SECONDS)
    stage.again()
    assert stage.details["marks"] == 2
    assert put(stage.store, (), [Mark("agent", 1, 39)]) is Outcome.DUPLICATE
    assert put(stage.store, (), [Mark("agent", 1, 40)]) is Outcome.STORED


def test_nothing_changes_over_a_restart(stage):
    metric = Metric("m", Kind.COUNTER, "byte", "Bytes.")
    one = Series(metric, CPU.labels)
    put(stage.store, [(one, NOW, STALE), (one, NOW + 1, 1.0)], events=[Event(NOW, "e")])
    for _ in range(3):
        stage.again()
        assert [(s, s.metric) for s in stage.store.series(())] == [(one, metric)]
        frame = stage.store.raw((), *ALWAYS)
        assert frame.values.view("i8").tolist()[0] == 0x7FF0000000000002
        assert stage.store.last(()).values.tolist() == [1.0]
        assert stage.store.events(*ALWAYS) == [Event(NOW, "e")]
        stage.pass_time(2 * HOUR)


def test_series_of_before_are_found_by_new_objects_after_a_restart(stage):
    series = [Series.of("m", n=str(n)) for n in range(100)]
    put(stage.store, [(one, NOW, 1.0) for one in series])
    stage.again()
    put(stage.store, [(Series.of("m", n=str(n)), NOW + 1, 2.0) for n in range(120)])
    assert stage.store.stats().series == 120
    assert {len(rows) for rows in everything(stage.store).values()} == {1, 2}


def test_a_clock_that_jumps_back_does_no_harm(stage):
    put(stage.store, [(CPU, NOW, 1.0)], [Mark("a", 1, 1)])
    stage.clock.jump(-5 * 365 * 86_400)
    stage.store.maintain(stage.clock.now())
    put(stage.store, [(CPU, stage.clock.now(), 2.0)], [Mark("a", 1, 2)])
    stage.store.maintain(stage.clock.now())
    stage.again()
    assert len(everything(stage.store)[CPU]) == 2
    assert put(stage.store, [(CPU, NOW, 9.0)], [Mark("a", 1, 2)]) is Outcome.DUPLICATE
    assert stage.store.last(()).timestamps.tolist() == [NOW]


@settings(retention=float(DAY / SECONDS))
def test_a_clock_that_jumps_ahead_deletes_nothing_for_a_day(stage, caplog):
    put(stage.store, [(CPU, NOW, 1.0)], [Mark("a", 1, 1)])
    stage.pass_time(2 * HOUR)
    stage.clock.jump(10 * 365 * 86_400)
    stage.pass_time(HOUR)
    stage.pass_time(22 * HOUR)
    assert everything(stage.store)[CPU] == [(NOW, 1.0)]
    assert caplog.text.count("the clock was set 3650.0 days ahead") == 1
    stage.clock.jump(-10 * 365 * 86_400)
    stage.store.maintain(stage.clock.now())
    assert everything(stage.store)[CPU] == [(NOW, 1.0)]
    stage.clock.jump(10 * 365 * 86_400)
    stage.pass_time(HOUR)
    stage.pass_time(25 * HOUR)
    assert everything(stage.store) == {}


def test_little_space_on_the_disk_refuses_writes_and_says_so(stage, monkeypatch):
    put(stage.store, [(CPU, NOW, 1.0)])
    monkeypatch.setattr(stage.store._folder, "free", lambda: 1000)
    with pytest.raises(Full, match="less than 64 MB are left") as refused:
        put(stage.store, [(CPU, NOW + 1, 1.0)])
    assert refused.value.retry_after
    assert len(everything(stage.store)[CPU]) == 1
    stage.pass_time(2 * HOUR)
    assert stage.details["files"] == 1, "upkeep goes on"
    monkeypatch.undo()
    put(stage.store, [(CPU, NOW + 1, 1.0)])
    assert stage.count("errors", reason="full") == 1


def test_self_metrics(stage):
    write = Write(Batch.of([Sample(CPU, NOW, 1.0), Sample(LOAD, NOW, 1.0)]), [Mark("a", 1, 1)])
    stage.store.append([write, write])
    stage.store.append([write])
    assert stage.count("samples") == stage.count("hot.samples") == 2
    assert stage.count("duplicates") == 2
    assert stage.count("commits") == 1
    assert stage.count("series") == 2
    stage.pass_time(2 * HOUR)
    assert (stage.count("files"), stage.count("hot.samples")) == (1, 0)
    assert stage.count("bytes") == stage.store.stats().bytes > 0
    stage.store.close()
    assert stage.count("series") == 2, "self-metrics are read after the end, too"


def test_a_closed_store_says_so(stage):
    stage.store.close()
    for call in (
        lambda: stage.store.raw((), *ALWAYS),
        lambda: put(stage.store, [(CPU, NOW, 1.0)]),
        lambda: stage.store.delete((), *ALWAYS),
    ):
        with pytest.raises(Retryable, match="closed"):
            call()
    stage.store.maintain(NOW)


def test_close_waits_for_those_who_read(stage):
    put(stage.store, [(CPU, NOW, 1.0)])
    with stage.store._views.look() as view:
        closing = threading.Thread(target=stage.store.close)
        closing.start()
        closing.join(0.05)
        assert closing.is_alive()
        assert len(view.heads) == 1
    closing.join(30)
    assert not closing.is_alive()


def test_a_replaced_file_stays_until_nobody_looks_at_it(stage):
    put(stage.store, [(CPU, NOW, 1.0), (CPU, NOW + 1, 1.0)])
    stage.pass_time(2 * HOUR)
    (path,) = (stage.folder / "blocks").iterdir()
    with stage.store._views.look() as view:
        assert stage.store.delete((), NOW, NOW) == 1
        run = stage.store._reader.run(view, view.state.index.select(()), *ALWAYS)
        assert run.timestamps.tolist() == [NOW, NOW + 1]
        assert path.exists()
    assert not path.exists()
    assert everything(stage.store) == {CPU: [(NOW + 1, 1.0)]}


def test_a_failed_commit_leaves_no_trace(stage, monkeypatch):
    put(stage.store, [(CPU, NOW, 1.0)])
    before = stage.store.stats()

    def fail(*_):
        raise OverflowError("too large")

    monkeypatch.setattr("gnomon.server.store.duckdb.append.event_row", fail)
    with pytest.raises(Exception, match="too large"):
        put(stage.store, [(LOAD, NOW, 1.0)], [Mark("a", 1, 1)], [Event(NOW, "e")])
    monkeypatch.undo()
    assert stage.store.stats().series == before.series
    assert put(stage.store, [(LOAD, NOW, 1.0)], [Mark("a", 1, 1)]) is Outcome.STORED
    stage.again()
    assert set(everything(stage.store)) == {CPU, LOAD}


def test_a_bucket_that_cannot_be_closed_stays_open_and_is_closed_later(stage, monkeypatch):
    put(stage.store, [(CPU, NOW, 1.0)])

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gnomon.server.store.duckdb.blocks.sync", fail)
    with pytest.raises(Full, match="no space"):
        stage.pass_time(2 * HOUR)
    monkeypatch.undo()
    put(stage.store, [(CPU, NOW, 2.0)])
    assert everything(stage.store) == {CPU: [(NOW, 2.0)]}
    stage.pass_time(2 * HOUR)
    assert (stage.details["files"], stage.details["hot_samples"]) == (1, 0)
    assert everything(stage.store) == {CPU: [(NOW, 2.0)]}
    stage.again()
    assert everything(stage.store) == {CPU: [(NOW, 2.0)]}


def test_the_folder_can_be_read_without_us(stage):
    """As docs/specs/store-layout.md says."""
    import duckdb

    put(stage.store, [(LOAD, NOW, 1.5), (CPU, NOW, 9.0), (LOAD, NOW + 1, STALE)])
    stage.pass_time(2 * HOUR)
    stage.store.close()
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{stage.folder}/gnomon.duckdb' AS g (READ_ONLY)")
        rows = con.execute(
            f"SELECT epoch_ms(ts)::VARCHAR, value FROM '{stage.folder}/blocks/*.parquet' WHERE ref IN"
            " (SELECT ref FROM g.link JOIN g.pair ON code = pair WHERE value = 'system.load.1')"
            " ORDER BY ts"
        ).fetchall()
    assert rows[0] == ("2023-11-14 22:13:20", 1.5)
    assert rows[1][1] != rows[1][1]
