"""The embedded store against the reference, over random histories.

Buckets are a few seconds long and memory holds a few dozen samples, so that within one history
buckets are closed early and late, blocks are merged, series are forgotten and the store is started
again in every state between.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gnomon.core.model import Batch, Event, Mark, Sample, Series
from gnomon.core.telemetry import Telemetry
from gnomon.server.store.duckdb import DuckStore, hot, merging
from gnomon.server.store.interface import GridFunction, Matcher, MatchOp, Write
from gnomon.server.store.memory import MemoryStore
from gnomon.server.store.settings import StoreSettings
from gnomon.testing.clock import FakeClock
from gnomon.testing.contract.stores import ALWAYS, NOW, content, everything

SECOND = 1000
BUCKET = 5 * SECOND
SERIES = [
    Series.of(name, **labels)
    for name in ("cpu", "load", "disk")
    for labels in ({}, {"host": "a"}, {"host": "b"}, {"host": "b", "core": "1"})
]
MATCHERS = [
    [],
    [Matcher("__name__", MatchOp.EQUAL, "cpu")],
    [Matcher("host", MatchOp.EQUAL, "b")],
    [Matcher("host", MatchOp.NOT_EQUAL, "b"), Matcher("__name__", MatchOp.REGEX, "cpu|disk")],
    [Matcher("core", MatchOp.EQUAL, ""), Matcher("host", MatchOp.REGEX, ".+")],
]
LONG = int(os.environ.get("GNOMON_TEST_EXAMPLES", "0"))

matchers = st.sampled_from(MATCHERS)
# Mostly around the present, sometimes days away, where samples are late.
offsets = st.one_of(
    st.integers(-20, 20), st.integers(-20, 20), st.integers(-500, 500), st.integers(-90_000, 90_000)
)
samples = st.tuples(st.sampled_from(SERIES), offsets, st.integers(0, 99))


class StoreMachine(RuleBasedStateMachine):
    retention = 0.0

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp(prefix="gnomon-store-"))
        self.clock = FakeClock(NOW)
        self.model = MemoryStore(self.clock, BUCKET)
        self.store = self.open()
        self.sequence = 0

    def open(self) -> DuckStore:
        return DuckStore(
            self.folder,
            StoreSettings(
                bucket=BUCKET / 1000,
                grace=1.0,
                retention=self.retention,
                hot_rows=60,
                late_rows=15,
                series_cache=6,
                threads=1,
                log=20_000,
            ),
            self.clock,
            Telemetry(),
        )

    def batch(self, rows, titles=()) -> Batch:
        now = self.clock.now()
        return Batch.of(
            (Sample(series, now + offset * SECOND, float(value)) for series, offset, value in rows),
            [Event(now, title) for title in titles],
        )

    def append(self, writes):
        assert list(self.store.append(writes)) == list(self.model.append(writes))

    @rule(rows=st.lists(samples, min_size=1, max_size=25))
    def append_one(self, rows):
        self.append([Write(self.batch(rows))])

    @rule(
        groups=st.lists(
            st.tuples(
                st.lists(samples, max_size=6),
                st.lists(st.integers(0, 6), max_size=3),
                st.sampled_from(["", "", "k1", "k2"]),
                st.lists(st.sampled_from(["deploy", "restart"]), max_size=1),
            ),
            min_size=1,
            max_size=4,
        )
    )
    def append_group(self, groups):
        """Some with marks that were stored before, or twice within the group."""
        self.sequence += 3
        self.append(
            [
                Write(
                    self.batch(rows, titles), [Mark("a", 1, self.sequence - m) for m in back], key
                )
                for rows, back, key, titles in groups
            ]
        )

    @rule(rows=st.lists(st.sampled_from(SERIES), min_size=1, max_size=12, unique=True))
    def tick(self, rows):
        """As an agent does it: the same series each second."""
        for _ in range(4):
            self.clock.advance(1)
            self.append([Write(self.batch([(series, 0, 5) for series in rows]))])

    @rule(seconds=st.sampled_from([1, 3, 7, 60, 3600, 86_400]))
    def wait_and_maintain(self, seconds):
        self.clock.advance(seconds)
        self.store.maintain(self.clock.now())

    @rule(seconds=st.sampled_from([-86_400, -30, 30, 86_400]))
    def the_clock_is_set(self, seconds):
        self.clock.jump(seconds)
        self.store.maintain(self.clock.now())

    @rule(chosen=matchers, start=offsets, length=st.integers(0, 100_000))
    def delete(self, chosen, start, length):
        begin = self.clock.now() + start * SECOND
        expected = self.model.delete(chosen, begin, begin + length * SECOND)
        assert self.store.delete(chosen, begin, begin + length * SECOND) == expected

    @rule()
    def start_again(self):
        self.store.close()
        self.store = self.open()
        assert self.store.saved is None

    @rule(
        chosen=matchers,
        start=offsets,
        length=st.integers(0, 300),
        step=st.integers(1, 9),
        function=st.sampled_from(GridFunction),
    )
    def read_a_part(self, chosen, start, length, step, function):
        begin = self.clock.now() + start * SECOND
        end = begin + length * SECOND
        expected = content(self.model.raw(chosen, begin, end))
        assert content(self.store.raw(chosen, begin, end)) == expected
        assert expected.keys() <= set(self.store.series(chosen, begin, end))
        grids = [
            store.grid(chosen, begin, end, step * SECOND, function)
            for store in (self.store, self.model)
        ]
        ours, theirs = (
            {s: row.tobytes() for s, row in zip(grid.series, grid.values, strict=True)}
            for grid in grids
        )
        assert ours == theirs

    @invariant()
    def answers_are_equal(self):
        if not hasattr(self, "store"):
            return
        assert everything(self.store) == everything(self.model)
        for chosen in MATCHERS:
            assert set(self.store.series(chosen)) == set(self.model.series(chosen))
        assert self.store.label_values("host") == self.model.label_values("host")
        assert self.store.events(*ALWAYS) == self.model.events(*ALWAYS)
        last = [
            dict(zip(found.series, zip(found.timestamps, found.values, strict=True), strict=True))
            for found in (self.store.last(()), self.model.last(()))
        ]
        assert last[0] == last[1]

    @invariant()
    def nothing_is_left_lying_about(self):
        if hasattr(self, "store"):
            blocks = list((self.folder / "blocks").iterdir())
            assert len(blocks) == self.store.stats().details["files"]

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.folder)


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(hot, "OPEN_BUCKETS", 2)
    monkeypatch.setattr(merging, "SPANS", 4)


TestStoreModel = pytest.mark.slow(pytest.mark.timeout(0 if LONG else 600)(StoreMachine.TestCase))
TestStoreModel.settings = settings(
    max_examples=LONG or 25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
