"""What every `Buffer` does; see `gnomon.buffer.interface`.

::

    class TestMyBuffer(BufferContract):
        def make(self, folder, clock, telemetry, **settings): ...
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gnomon.buffer.interface import Buffer
from gnomon.core.clock import Clock
from gnomon.core.component import Entry
from gnomon.core.errors import Full
from gnomon.core.model import Batch, Event, Mark, Sample, Series
from gnomon.core.telemetry import Telemetry
from gnomon.testing.clock import FakeClock

MANY = 1_000_000


def numbered(number: int, size: int = 3) -> Batch:
    """A batch of `size` samples that can be told from others."""
    return Batch.of(
        Sample(Series.of("test.metric", i=str(i + 1)), 1_700_000_000_000 + number, float(number))
        for i in range(size)
    )


def marks_of(entries: Sequence[Entry]) -> list[Mark]:
    """Their marks."""
    return [entry.mark for entry in entries]


def numbers_of(entries: Sequence[Entry]) -> list[float]:
    """Which of the `numbered` batches these are."""
    return [entry.batch.values[0] for entry in entries]


class BufferContract:
    """Tests of one implementation; `opened` is a fresh buffer with default settings."""

    def make(self, folder: Path, clock: Clock, telemetry: Telemetry, **settings: Any) -> Buffer:
        """A buffer of agent `agent-1` for the sink `sink-1`."""
        raise NotImplementedError

    @pytest.fixture
    def clock(self) -> FakeClock:
        """Handed to each buffer of a test."""
        return FakeClock()

    @pytest.fixture
    def telemetry(self) -> Telemetry:
        """Handed to each buffer of a test."""
        return Telemetry()

    def test_gives_what_was_put_in_order_until_it_is_settled(
        self, tmp_path: Path, clock: FakeClock, telemetry: Telemetry
    ) -> None:
        """The same batches with the same marks, however often they are read."""
        buffer = self.make(tmp_path, clock, telemetry)
        batches = [numbered(number) for number in range(5)]
        marks = [buffer.put(batch) for batch in batches]
        for _ in range(2):
            entries = buffer.read(MANY, 0)
            assert marks_of(entries) == marks
            assert [entry.batch for entry in entries] == batches
        buffer.ack(marks[:2])
        assert marks_of(buffer.read(MANY, 0)) == marks[2:]
        buffer.ack(marks[3:4])
        assert marks_of(buffer.read(MANY, 0)) == [marks[2], marks[4]]
        buffer.ack(marks)
        assert not buffer.read(MANY, 0)
        buffer.close()

    def test_marks_are_numbered_from_one(
        self, tmp_path: Path, clock: FakeClock, telemetry: Telemetry
    ) -> None:
        """By agent and epoch."""
        buffer = self.make(tmp_path, clock, telemetry)
        marks = [buffer.put(numbered(number)) for number in range(3)]
        assert [mark.sequence for mark in marks] == [1, 2, 3]
        assert {mark.agent for mark in marks} == {"agent-1"}
        assert len({mark.epoch for mark in marks}) == 1
        assert 0 < marks[0].epoch < 1 << 63
        buffer.close()

    def test_epochs_differ(self, tmp_path: Path, clock: FakeClock, telemetry: Telemetry) -> None:
        """A buffer that is opened again begins a new epoch."""
        epochs: set[int] = set()
        for _ in range(5):
            buffer = self.make(tmp_path, clock, telemetry)
            epochs.add(buffer.put(numbered(1)).epoch)
            buffer.close()
        assert len(epochs) == 5

    def test_a_read_is_bounded_by_samples(
        self, tmp_path: Path, clock: FakeClock, telemetry: Telemetry
    ) -> None:
        """But gives at least one batch."""
        buffer = self.make(tmp_path, clock, telemetry)
        for number in range(4):
            buffer.put(numbered(number, 10))
        assert numbers_of(buffer.read(25, 0)) == [0, 1]
        assert numbers_of(buffer.read(1, 0)) == [0]
        assert numbers_of(buffer.read(MANY, 0)) == [0, 1]
        buffer.close()

    def test_what_was_given_comes_again_before_what_is_new(
        self, tmp_path: Path, clock: FakeClock, telemetry: Telemetry
    ) -> None:
        """So that a sink can send the very same bytes again."""
        buffer = self.make(tmp_path, clock, telemetry)
        given = [buffer.put(numbered(number)) for number in range(2)]
        assert marks_of(buffer.read(MANY, 0)) == given
        new = buffer.put(numbered(2))
        assert marks_of(buffer.read(MANY, 0)) == given
        buffer.ack(given[:1])
        assert marks_of(buffer.read(MANY, 0)) == given[1:]
        buffer.drop(given[1:], "refused")
        assert marks_of(buffer.read(MANY, 0)) == [new]
        buffer.close()

    def test_settling_twice_or_the_unknown_changes_nothing(
        self, tmp_path: Path, clock: FakeClock, telemetry: Telemetry
    ) -> None:
        """Marks may have been dropped meanwhile."""
        buffer = self.make(tmp_path, clock, telemetry)
        mark = buffer.put(numbered(1))
        kept = buffer.put(numbered(2))
        buffer.ack([mark, mark])
        buffer.ack([mark])
        buffer.drop([mark, Mark("agent-1", 5, 1), Mark("other", kept.epoch, kept.sequence)], "x")
        stats = buffer.stats()
        assert (stats.batches, stats.samples, dict(stats.dropped)) == (1, 3, {})
        assert marks_of(buffer.read(MANY, 0)) == [kept]
        buffer.close()

    def test_what_is_refused_is_counted(
        self, tmp_path: Path, clock: FakeClock, telemetry: Telemetry
    ) -> None:
        """In samples, by reason; as a self-metric, too."""
        buffer = self.make(tmp_path, clock, telemetry)
        marks = [buffer.put(numbered(number)) for number in range(4)]
        buffer.drop(marks[:1], "refused")
        buffer.drop(marks[2:], "malformed")
        assert dict(buffer.stats().dropped) == {"refused": 3, "malformed": 6}
        assert numbers_of(buffer.read(MANY, 0)) == [1]
        counted = {
            sample.series.label("reason"): sample.value
            for sample in telemetry.samples(0)
            if sample.series.name == "gnomon.buffer.dropped"
            and sample.series.label("sink") == "sink-1"
        }
        assert counted == {"refused": 3, "malformed": 6}
        buffer.close()

    def test_stats_are_true(self, tmp_path: Path, clock: FakeClock, telemetry: Telemetry) -> None:
        """At any time."""
        buffer = self.make(tmp_path, clock, telemetry)
        empty = buffer.stats()
        assert (empty.batches, empty.samples, empty.oldest) == (0, 0, None)
        clock.advance(5)
        first, at = buffer.put(numbered(1)), clock.now()
        clock.advance(5)
        buffer.put(numbered(2, 7))
        full = buffer.stats()
        assert (full.batches, full.samples, full.oldest) == (2, 10, at)
        assert full.bytes > empty.bytes
        buffer.ack([first])
        rest = buffer.stats()
        assert (rest.batches, rest.samples, rest.oldest) == (1, 7, clock.now())
        buffer.close()

    def test_the_oldest_make_room(
        self, tmp_path: Path, clock: FakeClock, telemetry: Telemetry
    ) -> None:
        """Beyond `max_bytes`; all others stay, and the sum of all samples is accounted for."""
        buffer = self.make(tmp_path, clock, telemetry, max_bytes=64 << 10)
        count = 800
        for number in range(count):
            buffer.put(numbered(number, 40))
            assert buffer.stats().bytes <= 64 << 10
        stats = buffer.stats()
        assert 10 < stats.batches < count
        assert stats.samples + stats.dropped["overflow"] == 40 * count
        assert numbers_of(buffer.read(MANY, 0)) == list(range(count - stats.batches, count))
        buffer.close()

    def test_a_batch_larger_than_the_bound_is_counted(
        self, tmp_path: Path, clock: FakeClock, telemetry: Telemetry
    ) -> None:
        """It is the oldest itself."""
        buffer = self.make(tmp_path, clock, telemetry, max_bytes=4096)
        samples = [Sample(Series.of(f"m{i}"), i, 1 / (i + 3)) for i in range(2000)]
        buffer.put(Batch.of(samples))
        assert dict(buffer.stats().dropped) == {"overflow": 2000}
        buffer.put(numbered(7))
        assert numbers_of(buffer.read(MANY, 0)) == [7]
        buffer.close()

    def test_the_old_expire(self, tmp_path: Path, clock: FakeClock, telemetry: Telemetry) -> None:
        """Beyond `max_age`, to the batch."""
        buffer = self.make(tmp_path, clock, telemetry, max_age=60)
        for number in range(5):
            buffer.put(numbered(number))
            clock.advance(20)
        assert numbers_of(buffer.read(MANY, 0)) == [2, 3, 4]
        assert dict(buffer.stats().dropped) == {"age": 6}
        buffer.close()

    @pytest.mark.parametrize("seconds", [-1e9, -3600, 3600, 1e9])
    def test_a_jump_of_the_wall_clock_expires_nothing(
        self, tmp_path: Path, clock: FakeClock, telemetry: Telemetry, seconds: float
    ) -> None:
        """Nor does it change the order, nor keep anything for ever."""
        buffer = self.make(tmp_path, clock, telemetry, max_age=60)
        for number in range(3):
            buffer.put(numbered(number))
            clock.jump(seconds)
        assert numbers_of(buffer.read(MANY, 0)) == [0, 1, 2]
        clock.advance(61)
        assert not buffer.read(MANY, 0)
        assert dict(buffer.stats().dropped) == {"age": 9}
        buffer.close()

    def test_the_freshest_first(
        self, tmp_path: Path, clock: FakeClock, telemetry: Telemetry
    ) -> None:
        """If so set; but what was given comes again before what is fresher."""
        buffer = self.make(tmp_path, clock, telemetry, order="freshest")
        for number in range(6):
            buffer.put(numbered(number))
        given = buffer.read(6, 0)
        assert numbers_of(given) == [4, 5]
        buffer.put(numbered(6))
        assert marks_of(buffer.read(6, 0)) == marks_of(given)
        buffer.ack(marks_of(given))
        given = buffer.read(6, 0)
        assert numbers_of(given) == [3, 6]
        buffer.ack(marks_of(given))
        assert numbers_of(buffer.read(MANY, 0)) == [0, 1, 2]
        buffer.close()

    def test_events_travel(self, tmp_path: Path, clock: FakeClock, telemetry: Telemetry) -> None:
        """Also without samples."""
        buffer = self.make(tmp_path, clock, telemetry)
        event = Event(1_700_000_000_000, "deploy", "v2", "info", "ci", (("host", "web1"),))
        batch = Batch.of([], [event])
        mark = buffer.put(batch)
        (entry,) = buffer.read(MANY, 0)
        assert entry == Entry(mark, batch)
        buffer.ack([mark])
        assert not buffer.read(MANY, 0)
        buffer.close()

    def test_an_empty_read_returns(
        self, tmp_path: Path, clock: FakeClock, telemetry: Telemetry
    ) -> None:
        """When the time is up."""
        buffer = self.make(tmp_path, clock, telemetry)
        assert not buffer.read(MANY, 0.01)
        buffer.close()

    @pytest.mark.parametrize("waker", ["put", "close"])
    def test_a_waiting_read_is_woken(
        self, tmp_path: Path, clock: FakeClock, telemetry: Telemetry, waker: str
    ) -> None:
        """By a put or by closing, long before its time is up."""
        buffer = self.make(tmp_path, clock, telemetry)
        results: list[Sequence[Entry]] = []
        thread = threading.Thread(target=lambda: results.append(buffer.read(MANY, 60)))
        thread.start()
        if waker == "put":
            buffer.put(numbered(1))
        else:
            buffer.close()
        thread.join(30)
        assert [len(entries) for entries in results] == [1 if waker == "put" else 0]
        buffer.close()

    def test_closed_is_closed(self, tmp_path: Path, clock: FakeClock, telemetry: Telemetry) -> None:
        """Twice, too; it takes nothing and gives nothing."""
        buffer = self.make(tmp_path, clock, telemetry)
        buffer.put(numbered(1))
        buffer.close()
        buffer.close()
        assert not buffer.read(MANY, 0)
        with pytest.raises(Full, match="closed"):
            buffer.put(numbered(2))
        assert buffer.stats().batches == 1

    def test_many_put_while_one_reads(
        self, tmp_path: Path, clock: FakeClock, telemetry: Telemetry
    ) -> None:
        """Every batch is given once it was put, and gone once it was settled."""
        buffer = self.make(tmp_path, clock, telemetry)
        threads, each = 4, 50
        put: list[list[Mark]] = [[] for _ in range(threads)]

        def work(own: list[Mark], start: int) -> None:
            own += [buffer.put(numbered(start + i)) for i in range(each)]

        workers = [
            threading.Thread(target=work, args=(own, at * each)) for at, own in enumerate(put)
        ]
        for worker in workers:
            worker.start()
        seen: dict[Mark, float] = {}
        while len(seen) < threads * each:
            entries = buffer.read(10, 10)
            assert entries, f"{len(seen)} of {threads * each} came"
            assert not seen.keys() & set(marks_of(entries))
            seen.update(zip(marks_of(entries), numbers_of(entries), strict=True))
            buffer.ack(marks_of(entries))
        for worker in workers:
            worker.join()
        for at, own in enumerate(put):
            assert [seen[mark] for mark in own] == list(range(at * each, (at + 1) * each))
        assert buffer.stats().batches == 0
        buffer.close()


class DurableBufferContract(BufferContract):
    """What a buffer on disk promises beyond that."""

    def test_a_reopened_buffer_has_what_was_not_settled(
        self, tmp_path: Path, clock: FakeClock, telemetry: Telemetry
    ) -> None:
        """With the marks it had, in front of what is put later."""
        batches = [numbered(number) for number in range(9)]
        marks: list[Mark] = []
        for opened in range(3):
            buffer = self.make(tmp_path, clock, telemetry)
            marks += [buffer.put(batch) for batch in batches[3 * opened : 3 * opened + 3]]
            buffer.close()
        assert len({mark.epoch for mark in marks}) == 3
        buffer = self.make(tmp_path, clock, telemetry)
        entries = buffer.read(MANY, 0)
        assert marks_of(entries) == marks
        assert [entry.batch for entry in entries] == batches
        buffer.ack([marks[0], marks[4], *marks[6:]])
        buffer.drop([marks[1]], "refused")
        buffer.close()
        buffer = self.make(tmp_path, clock, telemetry)
        assert marks_of(buffer.read(MANY, 0)) == [marks[2], marks[3], marks[5]]
        assert buffer.stats().dropped == {}
        buffer.close()

    def test_age_goes_on_while_it_is_closed(
        self, tmp_path: Path, clock: FakeClock, telemetry: Telemetry
    ) -> None:
        """And a wall clock that was set back meanwhile makes nothing older."""
        buffer = self.make(tmp_path, clock, telemetry, max_age=60)
        buffer.put(numbered(1))
        clock.advance(50)
        buffer.put(numbered(2))
        buffer.close()
        clock.advance(20)
        buffer = self.make(tmp_path, clock, telemetry, max_age=60)
        assert numbers_of(buffer.read(MANY, 0)) == [2]
        assert dict(buffer.stats().dropped) == {"age": 3}
        buffer.close()
        clock.jump(-86400)
        buffer = self.make(tmp_path, clock, telemetry, max_age=60)
        assert numbers_of(buffer.read(MANY, 0)) == [2]
        assert buffer.stats().oldest == clock.now()
        clock.advance(61)
        assert not buffer.read(MANY, 0)
        buffer.close()
