"""The embedded store: appends, bytes per sample, opening a million series, query latencies.

Seconds are wall clock and CPU of the process (all threads). "Real" data are readings of this host's
/proc, taken a few times a second and written as if they were ten seconds apart.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import psutil

from gnomon.core.clock import SystemClock
from gnomon.core.model import Batch, Series
from gnomon.core.telemetry import Telemetry
from gnomon.server.store.duckdb import DuckStore
from gnomon.server.store.interface import Matcher, MatchOp, Write
from gnomon.server.store.settings import StoreSettings
from gnomon.server.store.writer import GroupWriter

HOUR = 3_600_000
STEP = 10_000
MILLION = 1_000_000
START = 1_700_000_000_000 // (24 * HOUR) * 24 * HOUR


def opened(folder: Path) -> DuckStore:
    return DuckStore(folder, StoreSettings(retention=0.0), SystemClock(), Telemetry())


def batch(series: Sequence[Series], index: Any, times: Any, values: Any) -> Batch:
    columns = []
    for code, kind, column in (
        ("I", np.uint32, index),
        ("q", np.int64, times),
        ("d", float, values),
    ):
        held = array(code)
        held.frombytes(np.ascontiguousarray(column, kind).tobytes())
        columns.append(held)
    return Batch(series, *columns)


def fleet(count: int) -> list[Series]:
    """50 metrics of `count / 50` hosts."""
    return [
        Series.of(f"app.metric.{n % 50:02}", host=f"web{n // 50:05}", dc=f"dc{n // 50 % 5}")
        for n in range(count)
    ]


def synthetic(series: Sequence[Series], rows: int, size: int, start: int) -> list[Batch]:
    """Gauges with two decimals, every ten seconds, in batches as many agents would send them."""
    chance = np.random.default_rng(0)
    batches = []
    for first in range(0, rows, size):
        place = np.arange(first, first + size)
        owners = place % len(series)
        used = np.unique(owners)
        values = np.round(50 + 20 * np.sin(place / 9e4) + chance.normal(0, 5, size), 2)
        batches.append(
            batch(
                [series[n] for n in used.tolist()],
                np.searchsorted(used, owners),
                start + place // len(series) * STEP,
                values,
            )
        )
    return batches


class Timed:
    """Wall-clock and CPU seconds of a block."""

    def __enter__(self) -> Self:
        self.wall, self.cpu = -time.perf_counter(), -time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall += time.perf_counter()
        self.cpu += time.process_time()


def row(what: str, *cells: str) -> None:
    print("| " + " | ".join((what, *cells)) + " |", flush=True)


def table(*heads: str) -> None:
    print()
    row(*heads)
    row(*("---" for _ in heads))


def milliseconds(call: Callable[[], Any], times: int = 7) -> tuple[float, float, float]:
    """Median, least and CPU milliseconds of a call."""
    walls, cpus = [], []
    for _ in range(times):
        with Timed() as timed:
            call()
        walls.append(timed.wall * 1e3)
        cpus.append(timed.cpu * 1e3)
    return statistics.median(walls), min(walls), statistics.median(cpus)


def appending(folder: Path) -> None:
    table("10,000 series, one fsync each", "samples/s", "per CPU second", "p99 ms")
    for size in (5_000, 50_000):
        store = opened(folder / f"append-{size}")
        batches = synthetic(fleet(10_000), 2 * MILLION, size, START)
        store.append([Write(one) for one in synthetic(fleet(10_000), 10_000, 10_000, START - STEP)])
        took = []
        with Timed() as timed:
            for one in batches:
                begun = time.perf_counter()
                store.append([Write(one)])
                took.append(time.perf_counter() - begun)
        row(
            f"batches of {size:,}",
            f"{2 / timed.wall:.2f} M",
            f"{2 / timed.cpu:.2f} M",
            f"{sorted(took)[int(len(took) * 0.99)] * 1e3:.1f}",
        )
        store.close()


def small_posts(folder: Path) -> None:
    """1,000 posts a second of 100 samples, each answered when it is durable."""
    telemetry = Telemetry()
    store = opened(folder / "posts")
    series = fleet(100)
    posts = [
        batch(series, np.arange(100), np.full(100, START + n * 10), np.arange(100) * 0.5)
        for n in range(3_000)
    ]
    writer = GroupWriter(store, telemetry, SystemClock())
    waits: list[float] = []
    with Timed() as timed:
        for number, post in enumerate(posts):
            time.sleep(max(0.0, number / 1000 - (time.perf_counter() + timed.wall)))
            begun = time.perf_counter()
            future = writer.submit(Write(post))
            future.add_done_callback(lambda _, at=begun: waits.append(time.perf_counter() - at))
        writer.close()
    groups = sum(s.value for s in telemetry.samples(0) if s.series.name == "gnomon.store.groups")
    table("1,000 posts/s of 100 samples, 3 s", "commits/s", "CPU", "p50 ms", "p99 ms")
    waits.sort()
    row(
        "through the group writer",
        f"{groups / timed.wall:.0f}",
        f"{timed.cpu / timed.wall:.0%}",
        f"{waits[len(waits) // 2] * 1e3:.1f}",
        f"{waits[len(waits) * 99 // 100] * 1e3:.1f}",
    )
    store.close()


def querying(folder: Path) -> None:
    store = opened(folder / "query")
    series = fleet(10_000)
    whole = synthetic(series, 6 * 3_600_000, 360_000, START)
    bytes_hot = 0
    for hour in range(6):
        for one in whole[hour * 10 : hour * 10 + 10]:
            store.append([Write(one)])
        if hour == 0:
            store.maintain(START)
            bytes_hot = store.stats().bytes
        if hour < 5:
            store.maintain(START + (hour + 1) * HOUR + 300_001)
    stats = store.stats()
    closed = stats.details["file_bytes"] / (stats.samples - stats.details["hot_samples"])

    everything = [Matcher("host", MatchOp.REGEX, "web.*")]
    hundred = [Matcher("host", MatchOp.REGEX, "web0004[01]")]
    one = [
        Matcher("__name__", MatchOp.EQUAL, "app.metric.07"),
        Matcher("host", MatchOp.EQUAL, "web00042"),
    ]
    end = START + 6 * HOUR - STEP
    old = START + 3 * HOUR - STEP
    table("10,000 series x 6 h, 21.6 M samples", "median ms", "least", "CPU ms")
    for what, call in (
        ("1 series, 1 h raw, hot", lambda: store.raw(one, end - HOUR + STEP, end)),
        ("1 series, 1 h raw, closed", lambda: store.raw(one, old - HOUR + STEP, old)),
        ("1 series, 6 h raw", lambda: store.raw(one, START, end)),
        ("100 series, 6 h, 60 s grid", lambda: store.grid(hundred, START, end, 60_000)),
        ("10,000 series, 1 h raw, hot", lambda: store.raw(everything, end - HOUR + STEP, end)),
        ("10,000 series, 1 h raw, closed", lambda: store.raw(everything, old - HOUR + STEP, old)),
        ("last value of 10,000", lambda: store.last(everything)),
        ("select 10,000 of 10,000 by regex", lambda: store.series(everything)),
    ):
        row(what, *(f"{number:.1f}" for number in milliseconds(call)))
    store.close()

    table("bytes per sample", "hot", "closed")
    row("10,000 synthetic gauges", f"{bytes_hot / 3.6e6:.2f}", f"{closed:.2f}")


def readings() -> dict[str, float]:
    """What an agent reads of a host, in its own units."""
    found: dict[str, float] = {}
    for place, times in enumerate([psutil.cpu_times(), *psutil.cpu_times(percpu=True)]):
        found |= {f"cpu.{place}.{name}": value for name, value in times._asdict().items()}
    for kind, text in (("mem", "/proc/meminfo"), ("vm", "/proc/vmstat")):
        for line in Path(text).read_text().splitlines():
            name, value = line.split()[:2]
            found[f"{kind}.{name}"] = float(value)
    for prefix, counters in (
        ("io", psutil.disk_io_counters(perdisk=True)),
        ("net", psutil.net_io_counters(pernic=True)),
    ):
        for device, numbers in counters.items():
            found |= {f"{prefix}.{device}.{k}": float(v) for k, v in numbers._asdict().items()}
    found |= {f"load.{n}": value for n, value in enumerate(psutil.getloadavg())}
    return found


def host_hour(seconds: float = 30.0) -> list[Batch]:
    """360 readings as agents report them: rates of counters, gauges as they are; 300 series."""
    rates = ("cpu.", "io.", "net.", "vm.pg", "vm.num", "vm.work", "vm.thp")
    previous, batches, table_of = readings(), [], {}
    for number in range(360):
        time.sleep(seconds / 360)
        current = readings()
        names = sorted(current)[:300]
        values = [
            (current[n] - previous.get(n, 0.0)) / 10 if n.startswith(rates) else current[n]
            for n in names
        ]
        series = [table_of.setdefault(n, Series.of(n, host="this")) for n in names]
        times = np.full(len(names), START + number * STEP)
        batches.append(batch(series, np.arange(len(names)), times, values))
        previous = current
    return batches


def real_data(folder: Path) -> None:
    store = opened(folder / "real")
    batches = host_hour()
    for one in batches:
        store.append([Write(one)])
    samples = store.stats().samples
    store.maintain(START)
    hot = store.stats().bytes / samples
    store.maintain(START + 2 * HOUR)
    stats = store.stats()
    row(
        "300 series of this host, 1 h", f"{hot:.2f}", f"{stats.details['file_bytes'] / samples:.2f}"
    )
    store.close()


CHILD = """
import sys
from pathlib import Path
from benchmarks import store as bench
from gnomon.server.store.interface import Write
held = bench.opened(Path(sys.argv[1]))
series = bench.fleet(bench.MILLION)
for first in range(0, bench.MILLION, 50_000):
    part = series[first:first + 50_000]
    for tick in range(2):
        times = bench.np.full(len(part), bench.START + tick * bench.STEP)
        values = bench.np.arange(len(part)) * 0.25
        held.append([Write(bench.batch(part, bench.np.arange(len(part)), times, values))])
print("done", flush=True)
sys.stdin.read()
"""


def opening(folder: Path) -> None:
    path = folder / "million"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    )
    with Timed() as written:
        child.stdout.readline()
    child.kill()
    child.wait()
    one = [
        Matcher("__name__", MatchOp.EQUAL, "app.metric.07"),
        Matcher("host", MatchOp.EQUAL, "web00042"),
    ]
    some = [Matcher("host", MatchOp.REGEX, "web0004.*")]
    table("1 M series x 2 samples, after kill -9", "wall ms", "CPU ms")
    with Timed() as timed:
        store = opened(path)
    row("open", f"{timed.wall * 1e3:.0f}", f"{timed.cpu * 1e3:.0f}")
    for what, call in (
        ("first answer (1 series)", lambda: store.raw(one, START, START + HOUR)),
        ("second answer", lambda: store.raw(one, START, START + HOUR)),
        ("500 series by regex", lambda: store.raw(some, START, START + HOUR)),
    ):
        with Timed() as timed:
            assert len(call().series) in (1, 500)
        row(what, f"{timed.wall * 1e3:.1f}", f"{timed.cpu * 1e3:.1f}")
    row("(creating them took)", f"{written.wall * 1e3:.0f}", "")
    rss = psutil.Process().memory_info().rss
    print(
        f"\nRSS {rss >> 20} MB, highest {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MB"
    )
    store.close()


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="gnomon-bench-"))
    print(f"load average {os.getloadavg()[0]:.1f}")
    try:
        appending(folder)
        small_posts(folder)
        querying(folder)
        real_data(folder)
        opening(folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
