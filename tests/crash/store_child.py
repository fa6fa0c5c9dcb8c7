"""Appends to a store until it is killed; writes down what was acknowledged.

`store_child.py FOLDER LEDGER FIRST`: write n holds WIDTH samples of value n; once it is durable, n
is written to the ledger. Time runs a bucket a few writes, so that buckets are closed and merged all
the while.
"""

import os
import sys
import threading
from pathlib import Path

from gnomon.core.model import Batch, Event, Mark, Sample, Series
from gnomon.core.telemetry import Telemetry
from gnomon.server.store.duckdb import DuckStore
from gnomon.server.store.interface import Write
from gnomon.server.store.settings import StoreSettings
from gnomon.server.store.writer import GroupWriter
from gnomon.testing.clock import FakeClock

START = 1_700_000_000_000
WIDTH = 40
STEP = 100
"""Milliseconds between two writes, in their samples' time."""
EPOCH = 7


def opened(folder: Path, first: int) -> tuple[DuckStore, FakeClock]:
    clock = FakeClock(START + first * STEP)
    settings = StoreSettings(
        bucket=5.0, grace=0.2, retention=0.0, late_rows=500, log=200_000, threads=1, reserve=0
    )
    return DuckStore(folder, settings, clock, Telemetry()), clock


def write(number: int) -> Write:
    """A twentieth is of another time; each tenth brings a new series, each fifth an event."""
    away = -7_000_000 if number % 20 == 0 else 0
    series = [Series.of("m", n=str(n)) for n in range(WIDTH - 1)]
    series.append(Series.of("m", n="new", of=str(number // 10)))
    events = [Event(START + number, f"event {number}")] if number % 5 == 0 else []
    time = START + number * STEP + away
    batch = Batch.of((Sample(one, time, float(number)) for one in series), events)
    return Write(batch, [Mark("agent", EPOCH, number)])


def main() -> None:
    folder, ledger, first = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    store, clock = opened(folder, first)
    writer = GroupWriter(store, Telemetry(), clock)

    def maintain() -> None:
        while True:
            store.maintain(clock.now())

    threading.Thread(target=maintain, daemon=True).start()
    handle = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    number = first
    while True:
        group = [(n, writer.submit(write(n))) for n in range(number, number + 1 + number % 4)]
        for n, future in group:
            future.result(60)
            os.write(handle, f"{n}\n".encode())
        number += len(group)
        clock.advance(len(group) * STEP / 1000)


if __name__ == "__main__":
    main()
