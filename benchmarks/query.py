"""PromQL: one series for an hour, a hundred for six, ten thousand for one.

Three ways: the engine alone on arrays in memory, over the embedded store, and through the HTTP
application (the answer as bytes, uncompressed). Milliseconds, median of several runs, warm; the
processor time of the engine alone stands beside it, which other work on the machine does not blur.
"""

from __future__ import annotations

import logging
import statistics
import tempfile
import time
from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gnomon.core.clock import SystemClock
from gnomon.core.model import Batch, Kind, Metric, Series, labels_of
from gnomon.core.telemetry import Telemetry
from gnomon.server.fleet.inventory import Inventory
from gnomon.server.query.promql.engine import Engine
from gnomon.server.query.select import Selected, Selector
from gnomon.server.store.duckdb import DuckStore
from gnomon.server.store.interface import Write
from gnomon.server.store.settings import StoreSettings, WriterSettings
from gnomon.server.store.writer import GroupWriter
from gnomon.server.web.api import prometheus
from gnomon.server.web.context import Server
from gnomon.testing.asgi import Client

PACE = 10_000
HOUR = 3_600_000
RUNS = 5
NAME = "http_requests_total"
END = 1_700_006_400_000

QUESTIONS: list[tuple[str, int, int, int, str]] = [
    ("1 series, 1 h", 1, 1, 15_000, f"rate({NAME}[5m])"),
    ("100 series, 6 h", 100, 6, 60_000, f"rate({NAME}[5m])"),
    ("100 series, 6 h, max", 100, 6, 60_000, f"max_over_time({NAME}[5m])"),
    ("100 series, 6 h, sum by", 100, 6, 60_000, f"sum by (rack) (rate({NAME}[5m]))"),
    ("10 k series, 1 h, sum", 10_000, 1, 60_000, f"sum({NAME})"),
    ("10 k series, 1 h, sum by", 10_000, 1, 60_000, f"sum by (rack) (rate({NAME}[5m]))"),
    ("10 k series, 1 h, 15 s", 10_000, 1, 15_000, f"sum by (rack) (rate({NAME}[5m]))"),
    ("10 k series, 1 h, topk", 10_000, 1, 60_000, f"topk(5, rate({NAME}[5m]))"),
    ("10 k series, ratio", 10_000, 1, 60_000, f"sum({NAME} / ({NAME} + 1))"),
]


class Arrays:
    """A fleet's counters, in memory."""

    def __init__(self, series: int, hours: int) -> None:
        rng = np.random.default_rng(1)
        points = hours * HOUR // PACE + 60
        metric = Metric(NAME, Kind.COUNTER)
        self.series = [
            Series(metric, labels_of({"host": f"web{i}", "rack": f"r{i % 20}", "job": "api"}))
            for i in range(series)
        ]
        # Each host measures at its own moment of the interval.
        times = END - PACE * np.arange(points)[::-1]
        self.timestamps = (times - rng.integers(0, PACE, series)[:, None]).reshape(-1)
        grown = np.cumsum(rng.integers(0, 100, (series, points)), axis=1)
        self.values = grown.astype(np.float64).reshape(-1)
        self.offsets = points * np.arange(series + 1, dtype=np.int64)
        self.names = [NAME] * series
        self.labels = [one.labels for one in self.series]

    def raw(self, matchers: object, start: int, end: int) -> Selected:
        """As a selector's."""
        del matchers, start, end
        return Selected(self.names, self.labels, self.offsets, self.timestamps, self.values)

    def store_into(self, store: DuckStore) -> None:
        """Appends it all, some minutes at a time."""
        count = len(self.series)
        points = len(self.values) // count
        by_time = np.arange(len(self.values)).reshape(count, points).T
        for piece in np.array_split(by_time, max(1, points // 60)):
            rows = piece.reshape(-1)
            index = array("I", (rows // points).astype(np.uint32).tobytes())
            stamps = array("q", self.timestamps[rows].astype(np.int64).tobytes())
            values = array("d", self.values[rows].tobytes())
            store.append([Write(Batch(self.series, index, stamps, values))])


def median(ask: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds: on the wall, of the processor."""
    ask()
    walls, cpus = [], []
    for _ in range(RUNS):
        wall, cpu = time.perf_counter(), time.process_time()
        ask()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return statistics.median(walls) * 1000, statistics.median(cpus) * 1000


def main() -> None:
    print(f"{'':28} {'engine':>8} {'(cpu)':>8} {'store':>9} {'HTTP':>9}  ms")
    held: tuple[int, int] = (0, 0)
    arrays = Arrays(1, 1)
    with tempfile.TemporaryDirectory() as folder:
        log, clock, telemetry = logging.getLogger("benchmark"), SystemClock(), Telemetry()
        for number, (title, series, hours, step, query) in enumerate(QUESTIONS):
            if held != (series, hours):
                arrays, held = Arrays(series, hours), (series, hours)
            store = DuckStore(Path(folder) / str(number), StoreSettings(), clock, telemetry)
            arrays.store_into(store)
            writer = GroupWriter(store, telemetry, clock, WriterSettings())
            server = Server(store, writer, Inventory(), clock, telemetry, log, clock.now())
            start = END - hours * HOUR

            def ask(engine: Engine, query=query, start=start, step=step) -> object:
                return engine.range(query, start, END, step)

            alone, stored = Engine(arrays), Engine(Selector(store))
            from starlette.applications import Starlette

            with Client(Starlette(routes=prometheus.routes(server))) as client:
                params = {"query": query, "start": start / 1000, "end": END / 1000}
                params["step"] = step / 1000
                wall, cpu = median(lambda alone=alone, ask=ask: ask(alone))
                on_disk, _ = median(lambda stored=stored, ask=ask: ask(stored))
                over_http, _ = median(
                    lambda client=client, params=params: client.get("/api/v1/query_range", params)
                )
            print(f"{title:28} {wall:8.1f} {cpu:8.1f} {on_disk:9.1f} {over_http:9.1f}", flush=True)
            writer.close()
            store.close()


if __name__ == "__main__":
    main()
