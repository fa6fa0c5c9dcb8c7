"""What every store must pass: see `gnomon.server.store.interface`.

A test class inherits `StoreContract` and has a pytest fixture `store` that gives an empty store::

    class TestMyStore(StoreContract):
        @pytest.fixture
        def store(self, tmp_path): ...
"""

# ruff: noqa: D102  # the name of a test says what it tests

from __future__ import annotations

import math
import struct
import threading
from array import array
from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from gnomon.core.errors import Permanent
from gnomon.core.model import Batch, Event, Kind, Mark, Metric, Sample, Series, labels_of
from gnomon.server.store.interface import (
    Frame,
    GridFunction,
    Matcher,
    MatchOp,
    Outcome,
    Store,
    Write,
)

NOW = 1_700_000_000_000
HOUR = 3_600_000
ALWAYS = (-(1 << 55), 1 << 55)
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""Prometheus' mark of a series that ended; one of many NaNs."""

CPU = Series.of("system.cpu.user", host="web1", core="0")
CPU2 = Series.of("system.cpu.user", host="web2", core="0")
LOAD = Series.of("system.load.1", host="web1")
PATH = Series.of("servers.web1.cpu.total.idle")


def where(label: str, op: str, value: str) -> Matcher:
    """A matcher, written as in PromQL."""
    return Matcher(label, MatchOp(op), value)


def named(name: str) -> list[Matcher]:
    """All series of a metric."""
    return [where("__name__", "=", name)]


def put(
    store: Store,
    samples: Iterable[tuple[Series, int, float]],
    marks: Sequence[Mark] = (),
    events: Sequence[Event] = (),
    key: str = "",
) -> Outcome:
    """Appends one write."""
    batch = Batch.of((Sample(*sample) for sample in samples), events)
    (outcome,) = store.append([Write(batch, marks, key)])
    return outcome


def content(frame: Frame) -> dict[Series, list[tuple[int, float]]]:
    """A frame as plain data."""
    rows = list(zip(frame.timestamps.tolist(), frame.values.tolist(), strict=True))
    bounds = frame.offsets.tolist()
    return {
        series: rows[start:end]
        for series, start, end in zip(frame.series, bounds[:-1], bounds[1:], strict=True)
    }


def everything(store: Store) -> dict[Series, list[tuple[int, float]]]:
    """All samples of a store."""
    return content(store.raw((), *ALWAYS))


class StoreContract:
    """The suite."""

    # What is written is read.

    def test_samples_come_back_by_series_in_time_order(self, store: Store) -> None:
        put(store, [(CPU, NOW + 20, 3.0), (LOAD, NOW, 7.0), (CPU, NOW, 1.0), (CPU, NOW + 10, 2.0)])
        put(store, [(CPU, NOW + 5, 1.5)])
        assert everything(store) == {
            CPU: [(NOW, 1.0), (NOW + 5, 1.5), (NOW + 10, 2.0), (NOW + 20, 3.0)],
            LOAD: [(NOW, 7.0)],
        }

    def test_a_range_is_closed_on_both_ends(self, store: Store) -> None:
        put(store, [(CPU, NOW + offset, float(offset)) for offset in range(10)])
        frame = store.raw(named("system.cpu.user"), NOW + 3, NOW + 6)
        assert frame.values.tolist() == [3.0, 4.0, 5.0, 6.0]
        assert not store.raw(named("system.cpu.user"), NOW + 10, NOW + 99).series
        assert not store.raw(named("system.cpu.user"), NOW + 6, NOW + 3).series

    def test_what_a_reader_does_with_its_arrays_changes_nothing(self, store: Store) -> None:
        put(store, [(CPU, NOW + n, 1.0) for n in range(5)])
        frame = store.raw((), *ALWAYS)
        for column in (frame.offsets, frame.timestamps, frame.values):
            with pytest.raises(ValueError, match="read-only"):
                column[0] = 7

    def test_an_empty_store_answers(self, store: Store) -> None:
        assert everything(store) == {}
        assert store.raw((), *ALWAYS).offsets.tolist() == [0]
        assert store.grid((), NOW, NOW + 100, 10).values.shape == (0, 11)
        assert list(store.series(())) == []
        assert list(store.last(()).series) == []
        assert list(store.label_names()) == []
        assert list(store.label_values("host")) == []
        assert list(store.metrics()) == []
        assert list(store.events(*ALWAYS)) == []
        assert store.delete((), *ALWAYS) == 0
        stats = store.stats()
        assert (stats.series, stats.samples, stats.oldest, stats.newest) == (0, 0, None, None)

    def test_every_double_comes_back_bit_by_bit(self, store: Store) -> None:
        values = [0.0, -0.0, 1e-320, -1e308, math.inf, -math.inf, math.nan, STALE, 0.1 + 0.2]
        put(store, [(CPU, NOW + place, value) for place, value in enumerate(values)])
        found = store.raw((), *ALWAYS).values
        assert found.view(np.int64).tolist() == np.array(values).view(np.int64).tolist()
        assert store.last(()).values.tolist() == [0.1 + 0.2]

    def test_the_one_appended_last_is_answered(self, store: Store) -> None:
        put(store, [(CPU, NOW, 1.0), (CPU, NOW, 2.0), (CPU, NOW + 1, 9.0)])
        put(store, [(LOAD, NOW, 1.0), (CPU, NOW, 3.0), (LOAD, NOW, 2.0)])
        batches = [Batch.of([Sample(CPU, NOW, value)]) for value in (4.0, 5.0)]
        store.append([Write(batch) for batch in batches])
        assert everything(store) == {CPU: [(NOW, 5.0), (NOW + 1, 9.0)], LOAD: [(NOW, 2.0)]}
        assert store.last(named("system.cpu.user")).values.tolist() == [9.0]
        assert store.last(named("system.load.1")).values.tolist() == [2.0]

    def test_any_time_can_be_stored(self, store: Store) -> None:
        times = [
            0,
            1,
            -HOUR,
            86_400_000,
            NOW - 20 * HOUR,
            NOW,
            NOW + 1000 * HOUR,
            4_102_444_800_000,
        ]
        put(store, [(CPU, time, float(place)) for place, time in enumerate(times)])
        expected = sorted((time, float(place)) for place, time in enumerate(times))
        assert everything(store) == {CPU: expected}
        assert content(store.raw((), -HOUR, 1)) == {CPU: expected[:3]}

    def test_history_may_come_in_any_order(self, store: Store) -> None:
        for day in (300, 2, 150, 2, 299):
            put(store, [(CPU, NOW - day * 24 * HOUR + i * HOUR, float(day)) for i in range(30)])
            put(store, [(LOAD, NOW + day, 1.0)])
        found = everything(store)
        assert len(found[CPU]) == 30 + 30 + 30 + 30 - 6
        assert found[CPU] == sorted(found[CPU])
        assert dict(found[CPU])[NOW - 299 * 24 * HOUR] == 299.0

    def test_text_of_all_kinds_can_be_stored(self, store: Store) -> None:
        texts = ["", "a'b\"c\\d", "a\nb\0c", "100%", "日本語", "😀", " ", "x" * 4000, "NULL", "1"]
        series = [
            Series(Metric(f"m {text}"), labels_of({"l": text, f"k{text}": "v"})) for text in texts
        ]
        put(store, [(one, NOW, float(place)) for place, one in enumerate(series)])
        assert set(everything(store)) == set(series)
        assert store.label_values("l") == sorted(text for text in texts if text)
        for one in series:
            assert list(store.series(named(one.name))) == [one]

    def test_a_malformed_batch_is_refused_whole(self, store: Store) -> None:
        uneven = Batch([CPU], array("I", [0, 0]), array("q", [NOW]), array("d", [1.0, 2.0]))
        beyond = Batch([CPU], array("I", [1]), array("q", [NOW]), array("d", [1.0]))
        good = Batch.of([Sample(LOAD, NOW, 1.0)])
        for bad in (uneven, beyond):
            with pytest.raises(Permanent, match="malformed batch"):
                store.append([Write(good), Write(bad)])
        assert everything(store) == {}
        assert put(store, [(LOAD, NOW, 1.0)]) is Outcome.STORED

    # Nothing is stored twice.

    def test_a_mark_is_stored_once(self, store: Store) -> None:
        mark = Mark("agent-1", 1 << 62, 1)
        assert put(store, [(CPU, NOW, 1.0)], [mark]) is Outcome.STORED
        assert put(store, [(CPU, NOW, 2.0), (LOAD, NOW, 1.0)], [mark]) is Outcome.DUPLICATE
        assert everything(store) == {CPU: [(NOW, 1.0)]}
        for other in (Mark("agent-1", 1 << 62, 2), Mark("agent-1", 5, 1), Mark("agent-2", 5, 1)):
            assert put(store, [(CPU, NOW, 1.0)], [other]) is Outcome.STORED

    def test_a_key_is_stored_once(self, store: Store) -> None:
        event = Event(NOW, "deploy")
        assert put(store, [(CPU, NOW, 1.0)], events=[event], key="k-1") is Outcome.STORED
        assert put(store, [(CPU, NOW, 2.0)], events=[event], key="k-1") is Outcome.DUPLICATE
        assert put(store, [(CPU, NOW + 1, 2.0)], key="k-2") is Outcome.STORED
        assert everything(store) == {CPU: [(NOW, 1.0), (NOW + 1, 2.0)]}
        assert list(store.events(*ALWAYS)) == [event]

    def test_duplicates_are_found_within_one_append(self, store: Store) -> None:
        def write(number: int, value: float) -> Write:
            return Write(Batch.of([Sample(CPU, NOW + number, value)]), [Mark("a", 1, number)])

        writes = [write(1, 1.0), write(2, 2.0), write(1, 3.0), write(3, 4.0), write(2, 5.0)]
        stored, duplicate = Outcome.STORED, Outcome.DUPLICATE
        expected = [stored, stored, duplicate, stored, duplicate]
        assert list(store.append(writes)) == expected
        assert list(store.append(writes)) == [duplicate] * 5
        assert everything(store) == {CPU: [(NOW + 1, 1.0), (NOW + 2, 2.0), (NOW + 3, 4.0)]}

    def test_batches_that_were_grouped_anew_are_stored_once(self, store: Store) -> None:
        marks = [Mark("a", 9, number) for number in range(4)]
        events = [Event(NOW + number, f"event {number}") for number in range(4)]
        samples = [(CPU, NOW + number, float(number)) for number in range(4)]
        put(store, samples[:2], marks[:2], events[:2])
        assert put(store, samples, marks, events) is Outcome.STORED
        assert put(store, samples[1:], marks[1:], events[1:]) is Outcome.DUPLICATE
        assert everything(store) == {CPU: [(time, value) for _, time, value in samples]}
        assert list(store.events(*ALWAYS)) == events[::-1]

    # Series are found.

    def test_matchers(self, store: Store) -> None:
        put(store, [(series, NOW, 1.0) for series in (CPU, CPU2, LOAD, PATH)])
        all_of_them = {CPU, CPU2, LOAD, PATH}
        cases: list[tuple[list[Matcher], set[Series]]] = [
            ([], all_of_them),
            ([where("__name__", "=", "system.cpu.user")], {CPU, CPU2}),
            ([where("__name__", "!=", "system.cpu.user")], {LOAD, PATH}),
            ([where("__name__", "=~", "system.*")], {CPU, CPU2, LOAD}),
            ([where("__name__", "=~", "system")], set()),
            ([where("__name__", "!~", ".*cpu.*")], {LOAD}),
            ([where("host", "=", "web1")], {CPU, LOAD}),
            ([where("host", "=", "")], {PATH}),
            ([where("host", "!=", "")], {CPU, CPU2, LOAD}),
            ([where("host", "!=", "web1")], {CPU2, PATH}),
            ([where("host", "=~", "web1|web2")], {CPU, CPU2, LOAD}),
            ([where("host", "=~", "web1|")], {CPU, LOAD, PATH}),
            ([where("host", "=~", "web[12]")], {CPU, CPU2, LOAD}),
            ([where("host", "=~", ".*")], all_of_them),
            ([where("host", "=~", ".+")], {CPU, CPU2, LOAD}),
            ([where("host", "!~", "web1|web3")], {CPU2, PATH}),
            ([where("host", "!~", "web.")], {PATH}),
            ([where("host", "!~", ".*")], set()),
            ([where("nobody", "=", "x")], set()),
            ([where("nobody", "!=", "x")], all_of_them),
            ([where("nobody", "=", "")], all_of_them),
            ([where("nobody", "=~", ".+")], set()),
            ([where("host", "=", "web1"), where("core", "=", "0")], {CPU}),
            ([where("host", "=", "web1"), where("core", "=", "")], {LOAD}),
            ([where("host", "=~", "web.*"), where("host", "!=", "web2")], {CPU, LOAD}),
        ]
        for matchers, expected in cases:
            found = list(store.series(matchers))
            assert len(found) == len(set(found))
            assert set(found) == expected, matchers
            assert set(store.raw(matchers, *ALWAYS).series) == expected, matchers

    def test_a_malformed_regular_expression_is_said_to_be_one(self, store: Store) -> None:
        put(store, [(CPU, NOW, 1.0)])
        with pytest.raises(Permanent, match="regular expression"):
            store.series([where("host", "=~", "web[")])

    def test_series_of_a_time_range_are_all_there(self, store: Store) -> None:
        put(store, [(CPU, NOW, 1.0), (LOAD, NOW + 30 * HOUR, 1.0)])
        assert set(store.series((), NOW, NOW)) == {CPU}
        assert set(store.series((), NOW + 29 * HOUR)) == {LOAD}
        assert set(store.series((), None, NOW + HOUR)) == {CPU}
        assert set(store.series((), NOW, NOW + 30 * HOUR)) == {CPU, LOAD}
        assert list(store.label_names((), NOW + 29 * HOUR)) == ["__name__", "host"]
        assert list(store.label_values("core", (), NOW + 29 * HOUR)) == []

    def test_label_names_and_values(self, store: Store) -> None:
        put(store, [(series, NOW, 1.0) for series in (CPU2, PATH, LOAD, CPU)])
        assert list(store.label_names()) == ["__name__", "core", "host"]
        assert list(store.label_names(named("system.load.1"))) == ["__name__", "host"]
        assert list(store.label_names(named("nothing"))) == []
        assert list(store.label_values("host")) == ["web1", "web2"]
        assert list(store.label_values("host", named("system.load.1"))) == ["web1"]
        assert list(store.label_values("__name__")) == sorted({CPU.name, LOAD.name, PATH.name})
        assert list(store.label_values("nobody")) == []

    def test_series_without_samples_are_not_stored(self, store: Store) -> None:
        batch = Batch([CPU, LOAD], array("I", [1]), array("q", [NOW]), array("d", [1.0]))
        store.append([Write(batch)])
        assert everything(store) == {LOAD: [(NOW, 1.0)]}
        assert list(store.series(())) == [LOAD]

    def test_what_is_known_of_metrics_grows(self, store: Store) -> None:
        def told(name: str, kind: Kind, unit: str = "", help_: str = "") -> None:
            put(store, [(Series(Metric(name, kind, unit, help_)), NOW, 1.0)])

        told("b", Kind.UNKNOWN)
        told("a", Kind.COUNTER, "byte", "Bytes sent.")
        assert list(store.metrics()) == [
            Metric("a", Kind.COUNTER, "byte", "Bytes sent."),
            Metric("b", Kind.UNKNOWN),
        ]
        told("a", Kind.UNKNOWN)
        told("b", Kind.GAUGE, help_="Something.")
        told("b", Kind.RATE, "second")
        assert list(store.metrics()) == [
            Metric("a", Kind.COUNTER, "byte", "Bytes sent."),
            Metric("b", Kind.RATE, "second", "Something."),
        ]
        assert {series.metric for series in store.series(())} == set(store.metrics())

    # Grids and last values.

    def test_a_grid_of_each_function(self, store: Store) -> None:
        put(store, [(CPU, NOW + at, float(at)) for at in (1, 5, 10, 11, 12, 35)])
        put(store, [(LOAD, NOW - 1, 1.0), (LOAD, NOW + 41, 1.0)])
        nan = math.nan
        expected = {
            GridFunction.LAST: [nan, 10.0, 12.0, nan, 35.0],
            GridFunction.MEAN: [nan, 16 / 3, 11.5, nan, 35.0],
            GridFunction.MIN: [nan, 1.0, 11.0, nan, 35.0],
            GridFunction.MAX: [nan, 10.0, 12.0, nan, 35.0],
            GridFunction.SUM: [nan, 16.0, 23.0, nan, 35.0],
            GridFunction.COUNT: [nan, 3.0, 2.0, nan, 1.0],
        }
        for function, row in expected.items():
            grid = store.grid(named("system.cpu.user"), NOW, NOW + 40, 10, function)
            assert (list(grid.series), grid.start, grid.step) == ([CPU], NOW, 10)
            np.testing.assert_allclose(grid.values, [row], err_msg=function)
        whole = store.grid((), NOW, NOW + 40, 10)
        assert set(whole.series) == {CPU, LOAD}, "a sample within the first column counts"
        assert not store.grid(named("system.load.1"), NOW + 10, NOW + 40, 10).series

    def test_last_values(self, store: Store) -> None:
        put(store, [(CPU, NOW + 10, 1.0), (LOAD, NOW, 2.0), (CPU, NOW, 9.0)])
        put(store, [(CPU2, NOW - HOUR, 3.0), (CPU, NOW - 10, 8.0)])
        last = store.last(())
        found = dict(zip(last.series, last.timestamps.tolist(), strict=True))
        assert found == {CPU: NOW + 10, LOAD: NOW, CPU2: NOW - HOUR}
        assert dict(zip(last.series, last.values.tolist(), strict=True))[CPU] == 1.0
        assert set(store.last((), NOW).series) == {CPU, LOAD}
        assert set(store.last(named("system.cpu.user"), NOW).series) == {CPU}

    # Events.

    def test_events_come_newest_first(self, store: Store) -> None:
        events = [
            Event(
                NOW + 1, "deploy", "v1", "info", "ci", labels_of({"host": "web1", "env": "prod"})
            ),
            Event(NOW + 3, "restart", labels=labels_of({"host": "web2"})),
            Event(NOW + 2, "it's 'quoted' 😀", "two\nlines", "warning"),
            Event(NOW + 3, "restart again"),
        ]
        put(store, (), events=events[:2])
        put(store, [(CPU, NOW, 1.0)], events=events[2:])
        newest_first = [events[3], events[1], events[2], events[0]]
        assert list(store.events(*ALWAYS)) == newest_first
        assert list(store.events(NOW + 2, NOW + 3)) == newest_first[:3]
        assert list(store.events(*ALWAYS, limit=2)) == newest_first[:2]
        assert list(store.events(*ALWAYS, labels={"host": "web1"})) == [events[0]]
        assert list(store.events(*ALWAYS, labels={"host": "web1", "env": "test"})) == []
        assert store.stats().events == 4

    # Deleting.

    def test_deleted_samples_are_gone_and_the_rest_stays(self, store: Store) -> None:
        put(store, [(s, NOW + i * 10, float(i)) for s in (CPU, CPU2, LOAD) for i in range(6)])
        assert store.delete(named("system.cpu.user"), NOW + 10, NOW + 30) == 6
        left = [(NOW, 0.0), (NOW + 40, 4.0), (NOW + 50, 5.0)]
        assert everything(store)[CPU] == everything(store)[CPU2] == left
        assert len(everything(store)[LOAD]) == 6
        assert store.delete(named("system.cpu.user"), NOW + 10, NOW + 30) == 0
        assert store.delete([where("host", "=", "web2")], NOW + 50, NOW + 50) == 1
        last = store.last([where("host", "=", "web2")])
        assert (last.timestamps.tolist(), last.values.tolist()) == ([NOW + 40], [4.0])

    def test_a_series_without_samples_left_is_gone(self, store: Store) -> None:
        put(store, [(CPU, NOW, 1.0), (LOAD, NOW, 2.0), (CPU, NOW + 5 * HOUR, 3.0)])
        assert store.delete([where("core", "=", "0")], *ALWAYS) == 2
        assert list(store.series(())) == [LOAD]
        assert list(store.label_names()) == ["__name__", "host"]
        assert list(store.last(()).series) == [LOAD]
        assert store.stats().series == 1
        put(store, [(CPU, NOW, 4.0)])
        assert everything(store) == {CPU: [(NOW, 4.0)], LOAD: [(NOW, 2.0)]}

    def test_deleted_samples_may_be_written_again(self, store: Store) -> None:
        put(store, [(CPU, NOW, 1.0), (CPU, NOW + 1, 2.0)])
        store.delete((), NOW, NOW)
        put(store, [(CPU, NOW, 5.0)])
        assert everything(store) == {CPU: [(NOW, 5.0), (NOW + 1, 2.0)]}

    # Around.

    def test_stats_tell_what_is_there(self, store: Store) -> None:
        put(store, [(CPU, NOW, 1.0), (LOAD, NOW - 5, 2.0), (CPU, NOW + 7, 3.0)])
        stats = store.stats()
        assert (stats.series, stats.samples) == (2, 3)
        assert (stats.oldest, stats.newest) == (NOW - 5, NOW + 7)

    def test_upkeep_changes_no_answer(self, store: Store) -> None:
        for hour in range(4):
            put(store, [(s, NOW + hour * HOUR + i, 1.0 * i) for s in (CPU, LOAD) for i in range(9)])
        before, last = everything(store), store.last(()).timestamps.tolist()
        for now in (NOW, NOW + HOUR, NOW - 1000 * HOUR, NOW + 3 * HOUR, NOW + 60 * HOUR):
            store.maintain(now)
            assert everything(store) == before
        assert store.last(()).timestamps.tolist() == last

    def test_readers_see_whole_appends_only(self, store: Store) -> None:
        rounds, width = 30, 40
        series = [Series.of("m", n=str(n)) for n in range(width)]
        wrong: list[str] = []
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                frame = store.raw(named("m"), *ALWAYS)
                counts = set(np.diff(frame.offsets).tolist())
                if len(counts) > 1 or (counts and len(frame.series) != width):
                    wrong.append(f"{len(frame.series)} series with {counts} samples")
                last = store.last(named("m"))
                if len(set(last.timestamps.tolist())) > 1:
                    wrong.append("last values of different appends")

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        try:
            for number in range(rounds):
                time = NOW + number * HOUR // 4
                put(store, [(one, time, float(number)) for one in series])
                if number % 3 == 2:
                    store.maintain(time)
        finally:
            done.set()
            for reader in readers:
                reader.join()
        assert not wrong, wrong[:3]
        assert {len(rows) for rows in everything(store).values()} == {rounds}

    def test_close_may_be_called_twice(self, store: Store) -> None:
        put(store, [(CPU, NOW, 1.0)])
        store.close()
        store.close()
