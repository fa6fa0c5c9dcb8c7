"""A disk buffer and a model of it live through the same random life, crashes and faults included."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gnomon.buffer.disk import DiskBuffer
from gnomon.buffer.settings import BufferSettings
from gnomon.core.errors import Full, Retryable
from gnomon.core.telemetry import Telemetry
from gnomon.testing.clock import FakeClock
from gnomon.testing.contract.buffers import MANY, marks_of, numbered, numbers_of
from gnomon.testing.faults import FaultyFiles, Stopped

FOLDER = Path("/buffer")
percent = st.integers(0, 100)


class BufferLife(RuleBasedStateMachine):
    """`waiting`: mark → (number, samples), in the order in which they were put."""

    def __init__(self):
        super().__init__()
        self.files = FaultyFiles()
        self.clock = FakeClock()
        self.put_ever = {}
        self.waiting = {}
        self.safe = set()
        """Of the waiting ones, those that survive a power cut."""
        self.may_return = set()
        """Settled while the disk refused to note it."""
        self.number = 0
        self.keep = None

    @initialize(order=st.sampled_from(["oldest", "freshest"]), kb=st.sampled_from([12, 64, 4096]))
    def begin(self, order, kb):
        self.settings = BufferSettings(order=order, max_bytes=kb << 10, sync="never")
        self.open()

    def open(self):
        self.lost = {}
        """What the model knows to be dropped since the buffer was opened, by reason."""
        self.telemetry = Telemetry()
        self.buffer = DiskBuffer(
            FOLDER, self.settings, self.clock, self.telemetry, "a1", "s1", files=self.files
        )

    # What a program does

    @rule(size=st.integers(1, 90))
    def put(self, size):
        self.number += 1
        batch = numbered(self.number, size)
        try:
            mark = self.buffer.put(batch)
        except Full:
            return
        except Stopped:
            self.crashed(putting=(self.number, size))
            return
        assert mark not in self.put_ever, "a mark was given twice"
        self.waiting[mark] = self.put_ever[mark] = (self.number, size)
        self.forget_overflow()

    @rule(max_samples=st.integers(1, 400), share=percent, refused=st.booleans())
    def send(self, max_samples, share, refused):
        entries = self.buffer.read(max_samples, 0)
        marks = marks_of(entries)
        assert bool(entries) == bool(self.waiting)
        assert len(entries) == 1 or sum(len(entry.batch) for entry in entries) <= max_samples
        assert marks_of(self.buffer.read(max_samples, 0)) == marks, "a repeated read differs"
        assert [mark for mark in self.waiting if mark in set(marks)] == marks, "out of order"
        assert [self.waiting[mark][0] for mark in marks] == numbers_of(entries)
        marks = marks[: -(-len(marks) * share // 100)]
        errors = self.errors()
        try:
            if refused:
                self.buffer.drop(marks, "refused")
            else:
                self.buffer.ack(marks)
        except Stopped:
            self.crashed(settling=marks)
            return
        if refused:
            self.count("refused", sum(self.waiting[mark][1] for mark in marks))
        if self.errors() > errors:
            self.may_return |= set(marks)
        for mark in marks:
            del self.waiting[mark]

    @rule()
    def sync(self):
        try:
            self.buffer.sync()
        except Retryable:
            return
        except Stopped:
            self.crashed()
            return
        self.safe = set(self.waiting)

    @rule()
    def reopen(self):
        try:
            self.buffer.close()
            self.open()
        except Stopped:
            self.crashed()
            return
        self.compare(set(self.waiting), set(self.waiting) | self.may_return)

    # What happens to it

    @rule(operation=st.sampled_from(["write", "create", "truncate", "sync"]), n=st.integers(1, 3))
    def the_disk_fails(self, operation, n):
        self.files.fail(operation, errno.EIO, n)

    @rule(room=st.integers(0, 3000))
    def the_disk_fills(self, room):
        names = self.files.names(FOLDER)
        self.files.capacity = room + sum(self.files.size(FOLDER / name) for name in names)

    @rule()
    def the_disk_is_mended(self):
        self.files.capacity = None
        for operation in ("write", "create", "truncate", "sync"):
            self.files.fail(operation, errno.EIO, 0)

    @rule(seconds=st.integers(-3600, 3600))
    def somebody_sets_the_clock(self, seconds):
        self.clock.jump(seconds)

    @rule(after=st.integers(1, 8), torn=percent, keep=st.none() | percent)
    def the_plug_will_be_pulled(self, after, torn, keep):
        """In one of the next operations; `keep` is of the unsynced, None if only we die."""
        self.files.cut_at = self.files.operations + after
        self.files.torn = lambda size: size * torn // 100
        self.keep = keep

    @rule(keep=st.none() | percent)
    def the_plug_is_pulled_now(self, keep):
        self.keep = keep
        self.crashed()

    # What must be true then

    def crashed(self, putting=None, settling=()):
        """Opens the buffer again; what was under way may have happened or not."""
        keep, self.keep = self.keep, None
        if keep is None:
            self.files.kill()
        else:
            self.files.power_cut(lambda size: size * keep // 100)
        self.open()
        certain = set(self.waiting) if keep is None else self.safe & set(self.waiting)
        possible = set(self.waiting) | self.may_return if keep is None else set(self.put_ever)
        self.compare(certain - set(settling), possible, putting)
        if keep is None:
            assert "corrupt" not in self.lost
        else:
            self.safe = set(self.waiting)  # it was read from what survived

    def compare(self, certain, possible, putting=None):
        """The reopened buffer holds all that is certain, and nothing that is not possible."""
        entries = self.buffer.read(MANY, 0)
        found = {}
        for entry in entries:
            content = (int(entry.batch.values[0]), len(entry.batch))
            assert self.put_ever.get(entry.mark, putting) == content, "a mark of another batch"
            found[entry.mark] = self.put_ever[entry.mark] = content
        assert numbers_of(entries) == sorted(set(numbers_of(entries))), "out of order or twice"
        came = {mark for mark, content in found.items() if content != putting}
        assert came <= possible, "a settled batch came again"
        missing = certain - set(found)
        if missing:
            # Only the bound may have taken them, and then the oldest.
            assert putting or self.buffer.stats().dropped.get("overflow"), "a batch was lost"
            kept = [number for number, _ in found.values()]
            assert all(self.put_ever[mark][0] < min(kept, default=MANY) for mark in missing)
        self.waiting = found
        self.safe &= set(found)
        self.lost = dict(self.buffer.stats().dropped)

    def forget_overflow(self):
        """Takes the oldest out of the model, as many samples as the buffer says it dropped."""
        dropped = self.buffer.stats().dropped.get("overflow", 0)
        lost = dropped - self.lost.get("overflow", 0)
        self.count("overflow", lost)
        while lost > 0:
            lost -= self.waiting.pop(next(iter(self.waiting)))[1]
        assert lost == 0, "a part of a batch was dropped"

    def count(self, reason, samples):
        if samples:
            self.lost[reason] = self.lost.get(reason, 0) + samples

    def errors(self):
        return sum(
            sample.value
            for sample in self.telemetry.samples(0)
            if sample.series.name == "gnomon.buffer.errors"
        )

    @invariant()
    def stats_are_true(self):
        if not hasattr(self, "buffer"):
            return
        stats = self.buffer.stats()
        assert stats.batches == len(self.waiting)
        assert stats.samples == sum(size for _, size in self.waiting.values())
        assert stats.bytes <= self.settings.max_bytes
        assert stats.dropped == self.lost


BufferLife.TestCase.settings = settings(
    max_examples=int(os.environ.get("GNOMON_CRASH_EXAMPLES", "60")),
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestBufferLife = pytest.mark.slow(BufferLife.TestCase)
