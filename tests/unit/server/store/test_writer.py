"""The group writer: who is answered when, and what fails with whom."""

import threading
from concurrent.futures import Future, wait

import pytest

from gnomon.core.clock import SystemClock
from gnomon.core.errors import Full, Permanent
from gnomon.core.model import Batch, Mark, Sample, Series
from gnomon.core.telemetry import Telemetry
from gnomon.server.store.interface import Outcome, Write
from gnomon.server.store.memory import MemoryStore
from gnomon.server.store.settings import WriterSettings
from gnomon.server.store.writer import GroupWriter


def write(number: int, samples: int = 1, mark: Mark | None = None) -> Write:
    series = Series.of("m", n=str(number))
    batch = Batch.of(Sample(series, 1000 + i, float(i)) for i in range(samples))
    return Write(batch, (mark,) if mark else ())


class Gate(MemoryStore):
    """Holds appends until it is opened; notes the size of each group."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = threading.Event()
        self.entered = threading.Event()
        self.groups: list[int] = []
        self.error: Exception | None = None
        self.poison: Write | None = None

    def append(self, writes):
        self.entered.set()
        assert self.opened.wait(30)
        self.groups.append(len(writes))
        if self.error is not None:
            raise self.error
        if self.poison in writes:
            raise Permanent("it cannot be stored")
        return super().append(writes)


def writer_of(store, telemetry: Telemetry | None = None, **settings) -> GroupWriter:
    telemetry = telemetry or Telemetry()
    return GroupWriter(store, telemetry, SystemClock(), WriterSettings(**settings))


def counts(telemetry: Telemetry, name: str) -> dict[str, float]:
    return {
        s.series.label("outcome"): s.value for s in telemetry.samples(0) if s.series.name == name
    }


def blocked(store: Gate, writer: GroupWriter) -> Future[Outcome]:
    """The writer's thread is inside `append` with this one write."""
    first = writer.submit(write(0))
    assert store.entered.wait(30)
    return first


def test_what_came_meanwhile_is_one_transaction():
    store = Gate()
    writer = writer_of(store)
    futures = [blocked(store, writer)]
    futures += [writer.submit(write(n)) for n in range(1, 101)]
    assert not any(future.done() for future in futures)
    store.opened.set()
    assert {future.result(30) for future in futures} == {Outcome.STORED}
    assert store.groups == [1, 100]
    writer.close()


def test_a_group_is_bounded_but_one_large_write_is_not_cut():
    store = Gate()
    writer = writer_of(store, group_samples=10)
    futures = [blocked(store, writer)]
    futures += [
        writer.submit(write(n, samples)) for n, samples in ((1, 4), (2, 4), (3, 4), (4, 50))
    ]
    store.opened.set()
    wait(futures, 30)
    assert store.groups == [1, 2, 1, 1]
    writer.close()


def test_a_full_queue_refuses_and_takes_again():
    store, telemetry = Gate(), Telemetry()
    writer = writer_of(store, telemetry, queue_samples=10)
    blocked(store, writer)
    kept = writer.submit(write(1, 8))
    with pytest.raises(Full, match="8 samples wait") as refused:
        writer.submit(write(2, 3))
    assert refused.value.retry_after == 2
    store.opened.set()
    assert kept.result(30) is Outcome.STORED
    assert writer.submit(write(3, 500)).result(30) is Outcome.STORED
    assert counts(telemetry, "gnomon.store.queue.refused") == {"": 1}
    writer.close()


def test_a_poisoned_write_fails_alone():
    store, telemetry = Gate(), Telemetry()
    writer = writer_of(store, telemetry)
    futures = [blocked(store, writer)]
    store.poison = write(2)
    futures += [writer.submit(w) for w in (write(1), store.poison, write(3))]
    store.opened.set()
    wait(futures, 30)
    assert [type(future.exception()) for future in futures] == [type(None)] * 2 + [
        Permanent,
        type(None),
    ]
    assert store.stats().series == 3
    writer.close()
    assert counts(telemetry, "gnomon.store.writes") == {"stored": 3, "failed": 1}


def test_a_full_disk_fails_the_group_and_the_next_one_is_tried():
    store, telemetry = Gate(), Telemetry()
    writer = writer_of(store, telemetry)
    store.error = Full("no space left", retry_after=30)
    store.opened.set()
    with pytest.raises(Full, match="no space left"):
        writer.submit(write(1)).result(30)
    store.error = None
    assert writer.submit(write(1)).result(30) is Outcome.STORED
    writer.close()
    assert counts(telemetry, "gnomon.store.writes") == {"stored": 1, "full": 1}


def test_a_bug_in_the_store_is_told_to_the_caller_and_the_thread_goes_on():
    store = Gate()
    writer = writer_of(store)
    store.error = ZeroDivisionError("bug")
    store.opened.set()
    with pytest.raises(ZeroDivisionError):
        writer.submit(write(1)).result(30)
    store.error = None
    assert writer.submit(write(1)).result(30) is Outcome.STORED
    writer.close()


def test_a_caller_that_went_away_before_its_turn_is_not_stored():
    store = Gate()
    writer = writer_of(store)
    blocked(store, writer)
    gone = writer.submit(write(1))
    assert gone.cancel()
    store.opened.set()
    assert writer.submit(write(2)).result(30) is Outcome.STORED
    writer.close()
    assert [series.label("n") for series in store.series(())] == ["0", "2"]


def test_close_stores_what_waits_and_refuses_what_comes_later():
    store = Gate()
    writer = writer_of(store)
    futures = [blocked(store, writer), *(writer.submit(write(n)) for n in range(1, 6))]
    closing = threading.Thread(target=writer.close)
    closing.start()
    store.opened.set()
    closing.join(30)
    assert [future.result(0) for future in futures] == [Outcome.STORED] * 6
    writer.close()
    with pytest.raises(Full, match="closing"):
        writer.submit(write(9))


def test_duplicates_within_one_group_are_told_apart():
    store = Gate()
    writer = writer_of(store)
    blocked(store, writer)
    mark = Mark("a", 7, 1)
    futures = [writer.submit(write(1, mark=mark)), writer.submit(write(1, mark=mark))]
    store.opened.set()
    assert [future.result(30) for future in futures] == [Outcome.STORED, Outcome.DUPLICATE]
    writer.close()
