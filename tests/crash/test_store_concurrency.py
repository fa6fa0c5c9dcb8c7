"""Reads go on while samples are appended, buckets closed, blocks merged and series deleted.

Every append holds one sample of each series, so any reader at any moment must find the same number
for all of them, never fewer than it found before, and a new file never beside what it replaced.
"""

import threading

import numpy as np
import pytest

from gnomon.core.clock import SystemClock
from gnomon.core.model import Batch, Sample, Series
from gnomon.core.telemetry import Telemetry
from gnomon.server.store.duckdb import DuckStore
from gnomon.server.store.interface import GridFunction, Matcher, MatchOp, Write
from gnomon.server.store.settings import StoreSettings
from gnomon.server.store.writer import GroupWriter
from gnomon.testing.clock import FakeClock
from gnomon.testing.contract.stores import ALWAYS, NOW, named

WIDTH, ROUNDS = 25, 400
STEP = 500


@pytest.mark.slow
def test_every_reader_sees_every_append_whole_and_once(tmp_path):
    clock = FakeClock(NOW)
    settings = StoreSettings(
        bucket=5.0, grace=0.0, retention=0.0, hot_rows=1500, late_rows=400, threads=1, log=100_000
    )
    store = DuckStore(tmp_path / "store", settings, clock, Telemetry())
    writer = GroupWriter(store, Telemetry(), SystemClock())
    kept = [Series.of("kept", n=str(n)) for n in range(WIDTH)]
    doomed = [Series.of("doomed", n=str(n)) for n in range(5)]
    done, wrong, reads = threading.Event(), [], [0, 0]

    def read(place: int) -> None:
        most = 0
        while not done.is_set():
            reads[place] += 1
            frame = store.raw(named("kept"), *ALWAYS)
            counts = set(np.diff(frame.offsets).tolist())
            if len(counts) > 1 or len(frame.series) not in (0, WIDTH):
                wrong.append(f"{len(frame.series)} series, {counts} samples")
            elif counts:
                (count,) = counts
                expected = np.arange(count)
                if (
                    count < most
                    or frame.values.reshape(WIDTH, -1).tolist() != [expected.tolist()] * WIDTH
                ):
                    wrong.append(f"{count} samples after {most}, or not those written")
                most = count

    def read_grids() -> None:
        while not done.is_set():
            end = clock.now()
            grid = store.grid(named("kept"), NOW, end, 5000, GridFunction.COUNT)
            if grid.values.size and not np.array_equal(
                grid.values, np.broadcast_to(grid.values[0], grid.values.shape), equal_nan=True
            ):
                wrong.append("a grid with rows that differ")

    def maintain() -> None:
        while not done.is_set():
            store.maintain(clock.now())
            store.delete([Matcher("__name__", MatchOp.EQUAL, "doomed")], *ALWAYS)

    def guarded(work, *arguments) -> None:
        try:
            work(*arguments)
        except Exception as error:
            wrong.append(repr(error))
            raise

    threads = [
        threading.Thread(target=guarded, args=arguments)
        for arguments in ((read, 0), (read, 1), (read_grids,), (maintain,))
    ]
    for thread in threads:
        thread.start()
    try:
        for number in range(ROUNDS):
            batch = Batch.of(
                [Sample(one, NOW + number * STEP, float(number)) for one in kept]
                + [Sample(one, NOW - 10**8 - number, 1.0) for one in doomed]
            )
            writer.submit(Write(batch)).result(60)
            clock.advance(STEP / 1000)
    finally:
        done.set()
        for thread in threads:
            thread.join(60)
        writer.close()
    assert not wrong, wrong[:3]
    assert min(reads) > 3
    frame = store.raw(named("kept"), *ALWAYS)
    assert np.diff(frame.offsets).tolist() == [ROUNDS] * WIDTH
    assert store.stats().details["files"] == len(list((tmp_path / "store/blocks").iterdir()))
    store.close()
