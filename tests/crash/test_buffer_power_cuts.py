"""The plug is pulled in every single operation of a life of a disk buffer."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from gnomon.buffer.disk import DiskBuffer
from gnomon.buffer.settings import BufferSettings
from gnomon.core.telemetry import Telemetry
from gnomon.testing.clock import FakeClock
from gnomon.testing.contract.buffers import MANY, marks_of, numbered, numbers_of
from gnomon.testing.faults import FaultyFiles, Stopped, everything, nothing

FOLDER = Path("/buffer")


def half(size):
    return size // 2


def opened(files, telemetry=None, **settings):
    # The smallest segments there are, so that they are sealed and deleted often.
    settings = {"max_bytes": 64 << 10, "sync": "never", **settings}
    return DiskBuffer(
        FOLDER,
        BufferSettings(**settings),
        FakeClock(),
        telemetry or Telemetry(),
        "a1",
        "s1",
        files=files,
    )


class Ledger:
    """What was asked of a buffer and what it has confirmed."""

    def __init__(self):
        self.put = {}
        """Mark → number, as far as `put` returned."""
        self.putting = None
        self.settled = set()
        self.settling = set()
        self.synced = set()

    def do_put(self, buffer, number, size=40):
        self.putting = number
        self.put[buffer.put(numbered(number, size))] = number
        self.putting = None

    def do_settle(self, settle, marks):
        self.settling = set(marks)
        settle(marks)
        self.settled |= self.settling
        self.settling = set()

    def do_sync(self, buffer):
        before = set(self.put)
        buffer.sync()
        self.synced = before

    def check(self, entries, *, power_cut):
        """After a kill or a power cut, what is read from the reopened buffer."""
        marks, numbers = marks_of(entries), numbers_of(entries)
        certain = self.synced if power_cut else set(self.put)
        assert certain - self.settled - self.settling <= set(marks), "a batch was lost"
        if not power_cut:
            assert not self.settled & set(marks), "a settled batch came again"
        assert numbers == sorted(set(numbers)), "out of order or twice"
        for mark, number in zip(marks, numbers, strict=True):
            assert self.put.get(mark, self.putting) == number, "a mark of another batch"


def life(files, ledger):
    """Everything that can happen to a buffer, twice over."""
    number = 0
    for _ in range(2):
        buffer = opened(files)
        for _ in range(14):
            ledger.do_put(buffer, number)
            number += 1
        ledger.do_sync(buffer)
        entries = buffer.read(400, 0)
        ledger.do_settle(buffer.ack, marks_of(entries))
        for _ in range(20):
            ledger.do_put(buffer, number, size=number % 50 + 1)
            number += 1
        marks = marks_of(buffer.read(MANY, 0))
        ledger.do_settle(buffer.ack, marks[3:15])
        ledger.do_settle(partial(buffer.drop, reason="refused"), marks[1:2])
        ledger.do_sync(buffer)
        ledger.do_put(buffer, number)
        number += 1
        buffer.close()
        ledger.synced = set(ledger.put)


def operations():
    files, ledger = FaultyFiles(), Ledger()
    life(files, ledger)
    assert len([mark for mark in ledger.put if mark not in ledger.settled]) > 20
    return files.operations


def test_the_life_does_all_that_can_be_cut():
    kinds = set()

    class Watching(FaultyFiles):
        def _begin(self, operation, torn=None):
            kinds.add(operation)
            super()._begin(operation, torn)

    life(Watching(), Ledger())
    assert kinds == {"write", "create", "replace", "remove", "sync", "sync_folder"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("keep", "torn"),
    [
        (None, nothing),
        (None, half),
        (None, everything),
        (nothing, nothing),
        (half, half),
        (everything, half),
    ],
)
def test_the_plug_is_pulled_in_every_operation(keep, torn):
    for cut_at in range(1, operations() + 1):
        files, ledger = FaultyFiles(), Ledger()
        files.cut_at, files.torn = cut_at, torn
        with pytest.raises(Stopped):
            life(files, ledger)
        if keep is None:
            files.kill()
        else:
            files.power_cut(keep)
        buffer = opened(files)
        entries = buffer.read(MANY, 0)
        ledger.check(entries, power_cut=keep is not None)
        # It is as good as new: what is put now is read next, and all can be settled.
        marks = [buffer.put(numbered(900)), buffer.put(numbered(901))]
        assert not set(marks) & set(ledger.put)
        buffer.ack(marks_of(entries))
        assert marks_of(buffer.read(MANY, 0)) == marks
        buffer.close()
        again = opened(files)
        assert marks_of(again.read(MANY, 0)) == marks
        again.close()


def test_the_plug_is_pulled_in_every_operation_of_recovery():
    """A crash while opening after a crash loses no more than the first one."""
    files, ledger = FaultyFiles(), Ledger()
    files.cut_at, files.torn = operations() - 5, half
    with pytest.raises(Stopped):
        life(files, ledger)
    for cut_at in range(1, 50):
        files.kill()
        files.cut_at = files.operations + cut_at
        try:
            opened(files).close()
        except Stopped:
            continue
        break
    else:
        pytest.fail("opening never came to its end")
    assert cut_at > 1
    files.kill()
    ledger.check(opened(files).read(MANY, 0), power_cut=False)


def test_every_byte_of_a_write_may_be_the_last():
    """A torn write is a torn tail, wherever it was torn."""
    for length in range(200):
        files, ledger = FaultyFiles(), Ledger()
        files.torn = lambda size, length=length: min(size, length)
        buffer = opened(files)
        for number in range(2):
            ledger.do_put(buffer, number, 3)
        files.cut_at = files.operations + 1
        with pytest.raises(Stopped):
            ledger.do_put(buffer, 2, 3)
        files.kill()
        buffer = opened(files)
        entries = buffer.read(MANY, 0)
        ledger.check(entries, power_cut=False)
        assert buffer.stats().dropped == {}
        assert not [name for name in files.names(FOLDER) if name.endswith(".bad")]
        if len(entries) == 3:
            break
    assert 50 < length < 199, "the whole write was there in the end"
