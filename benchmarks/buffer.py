"""The disk buffer: puts, deliveries and draining a backlog, bytes on disk, and a day of one host."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks._host import INTERVAL, entries
from gnomon.buffer.disk import DiskBuffer
from gnomon.buffer.interface import Buffer
from gnomon.buffer.memory import MemoryBuffer
from gnomon.buffer.settings import BufferSettings
from gnomon.core.clock import SystemClock
from gnomon.core.model import Batch
from gnomon.core.telemetry import Telemetry

PUTS = 2000
A_DAY = 86_400 // INTERVAL
MOST = 20_000


def disk(folder: Path, sync: str) -> DiskBuffer:
    settings = BufferSettings(sync=sync)  # type: ignore[arg-type]
    return DiskBuffer(folder, settings, SystemClock(), Telemetry(), "a1", "s1")


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the wall, and of CPU: the latter says more on a machine that others use too."""
    start, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - cpu


def drain(buffer: Buffer) -> None:
    while read := buffer.read(MOST, 0):
        buffer.ack([entry.mark for entry in read])


def deliver(buffer: Buffer, batches: list[Batch]) -> None:
    for batch in batches:
        buffer.put(batch)
        buffer.ack([entry.mark for entry in buffer.read(MOST, 0)])


def measure(name: str, buffer: Buffer, batches: list[Batch]) -> dict[str, object]:
    samples = sum(map(len, batches))
    put, put_cpu = timed(lambda: [buffer.put(batch) for batch in batches])
    size = buffer.stats().bytes
    drained, drained_cpu = timed(lambda: drain(buffer))
    delivered, _ = timed(lambda: deliver(buffer, batches))
    buffer.close()
    return {
        "buffer": name,
        "puts/s": round(len(batches) / put),
        "µs CPU/put": round(put_cpu / len(batches) * 1e6),
        "put, read and ack/s": round(len(batches) / delivered),
        "samples/s drained": round(samples / drained),
        "ns CPU/sample drained": round(drained_cpu / samples * 1e9),
        "bytes/sample": round(size / samples, 2),
    }


def run() -> list[dict[str, object]]:
    """A row for each kind of buffer; batches of about 300 samples."""
    batches = [entry.batch for entry in entries(60)] * (PUTS // 60)
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        for sync in ("never", "interval", "always"):
            some = batches if sync != "always" else batches[:200]
            rows.append(measure(f"disk, sync {sync}", disk(Path(folder, sync), sync), some))
    memory = MemoryBuffer(BufferSettings(), SystemClock(), Telemetry(), "a1", "s1")
    rows.append(measure("memory", memory, batches))
    return rows


def a_day() -> dict[str, object]:
    """Nobody listens for 24 hours, then the agent is started again and all is sent."""
    batches = [entry.batch for entry in entries(600)]
    samples = 0
    with tempfile.TemporaryDirectory() as folder:
        buffer = disk(Path(folder, "day"), "never")
        for number in range(A_DAY):
            batch = batches[number % len(batches)]
            buffer.put(batch)
            samples += len(batch)
        size = buffer.stats().bytes
        buffer.close()
        opened: list[DiskBuffer] = []
        opening, _ = timed(lambda: opened.append(disk(Path(folder, "day"), "never")))
        draining, _ = timed(lambda: drain(opened[0]))
        opened[0].close()
    return {
        "samples": samples,
        "MB on disk": round(size / 1e6, 1),
        "bytes/sample": round(size / samples, 2),
        "s to open": round(opening, 2),
        "s to drain": round(draining, 1),
    }


def table(rows: list[dict[str, object]]) -> None:
    print("| " + " | ".join(rows[0]) + " |")
    print("|---" * len(rows[0]) + "|")
    for row in rows:
        print("| " + " | ".join(map(str, row.values())) + " |")
    print()


def main() -> None:
    table(run())
    print("A day without a server, 300 series at 10 s:\n")
    table([a_day()])


if __name__ == "__main__":
    main()
