"""How busy block devices are: requests, bytes, waiting times and utilisation, as `iostat -x`.

The names are those of Datadog Agent 5, which has them from iostat. Whole disks count; partitions
when `partitions` is set. Loop and RAM devices and such as never did anything are left out.
Everything is a mean over the time since the run before, so the first run gives nothing.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from gnomon.agent.sources import procfs
from gnomon.agent.sources.patterns import pattern
from gnomon.core import settings
from gnomon.core.component import Context, Output
from gnomon.core.errors import NoData
from gnomon.core.model import Kind, Metric

SECTOR = 512
"""Bytes of a sector in /proc/diskstats, whatever the device's own are."""


def _rate(name: str, unit: str, help_: str) -> Metric:
    return Metric(f"system.io.{name}", Kind.RATE, f"{unit}/second", help_)


def _gauge(name: str, unit: str, help_: str) -> Metric:
    return Metric(f"system.io.{name}", Kind.GAUGE, unit, help_)


READS = _rate("r_s", "request", "Reads completed.")
WRITES = _rate("w_s", "request", "Writes completed.")
READ_KB = _rate("rkb_s", "kibibyte", "Read from the device.")
WRITTEN_KB = _rate("wkb_s", "kibibyte", "Written to the device.")
READS_MERGED = _rate("rrqm_s", "request", "Reads merged with another before they were issued.")
WRITES_MERGED = _rate("wrqm_s", "request", "Writes merged with another before they were issued.")
REQUEST_SIZE = _gauge("avg_rq_sz", "sector", "Mean size of a request, in sectors of 512 bytes.")
QUEUE_SIZE = _gauge("avg_q_sz", "request", "Mean number of requests waiting or being served.")
AWAIT = _gauge("await", "millisecond", "Mean time of a request, waiting included.")
READ_AWAIT = _gauge("r_await", "millisecond", "Mean time of a read, waiting included.")
WRITE_AWAIT = _gauge("w_await", "millisecond", "Mean time of a write, waiting included.")
SERVICE_TIME = _gauge("svctm", "millisecond", "Busy time divided by requests; iostat gave it up.")
UTIL = _gauge("util", "percent", "Share of the time in which a request was under way.")
READ_TIME = Metric(
    "system.disk.read_time_pct",
    Kind.GAUGE,
    "percent",
    "Time spent reading, by all requests together: may exceed 100.",
)
WRITE_TIME = Metric(
    "system.disk.write_time_pct",
    Kind.GAUGE,
    "percent",
    "Time spent writing, by all requests together: may exceed 100.",
)
METRICS = (
    *(READS, WRITES, READ_KB, WRITTEN_KB, READS_MERGED, WRITES_MERGED),
    *(REQUEST_SIZE, QUEUE_SIZE, AWAIT, READ_AWAIT, WRITE_AWAIT, SERVICE_TIME, UTIL),
    *(READ_TIME, WRITE_TIME),
)


class Counters(NamedTuple):
    """Totals of one device since boot, in the order of /proc/diskstats; times in ms."""

    reads: int
    reads_merged: int
    sectors_read: int
    read_ms: int
    writes: int
    writes_merged: int
    sectors_written: int
    write_ms: int
    under_way: int
    """Not a total: how many requests are being served now."""
    busy_ms: int
    weighted_ms: int
    """Grows by the number of requests under way each millisecond."""


class Settings(settings.Settings, frozen=True, kw_only=True):
    """Everything has a default."""

    partitions: bool = False
    """Whether partitions have series of their own, beside their disks."""
    excluded_device_re: str = r"(loop|ram|fd|sr)\d+$"
    """Regular expression; devices that begin like this are left out."""


class Io:
    """Reads `/proc/diskstats`; psutil elsewhere."""

    Settings = Settings
    DEFAULT = True

    def __init__(self, settings_: Settings, context: Context) -> None:
        self._partitions = settings_.partitions
        self._excluded = pattern("excluded_device_re", settings_.excluded_device_re)
        self._clock = context.clock
        self._diskstats = context.proc("diskstats")
        self._block = context.sys("block")
        self._before: dict[str, Counters] = {}
        self._at = 0.0

    def collect(self, out: Output) -> None:
        """Puts means over the time since the run before."""
        found = parse(procfs.read(self._diskstats)) if procfs.LINUX else read_psutil()
        now = self._clock.monotonic()
        seconds, self._at = now - self._at, now
        before, self._before = self._before, found
        if not found:
            raise NoData("there are no block devices here")
        if seconds <= 0:
            return
        for device in self._chosen(found):
            if device in before:
                for metric, value in means(before[device], found[device], seconds).items():
                    out.put(metric, value, device=device)

    def _chosen(self, found: dict[str, Counters]) -> list[str]:
        disks = None if self._partitions or not procfs.LINUX else self._whole_disks()
        return [
            device
            for device, counters in found.items()
            if any(counters)
            and not (self._excluded and self._excluded.match(device))
            and (device in disks if disks is not None else self._partitions or whole(device))
        ]

    def _whole_disks(self) -> set[str] | None:
        """Names of whole disks; None where the kernel does not list them."""
        try:
            # A slash in a device's name (cciss/c0d0) is an exclamation mark in that of a folder.
            return {name.replace("!", "/") for name in os.listdir(self._block)}  # noqa: PTH208  # plain names
        except OSError:
            return None

    def close(self) -> None:
        """Holds nothing open."""


component = Io

_PARTITION = re.compile(r"(x?[svh]d[a-z]+\d+|.+\dp\d+)$")


def whole(device: str) -> bool:
    """Whether it looks like a whole disk by its name (`sda`, `nvme0n1`; not `sda1`, `nvme0n1p2`)."""
    return _PARTITION.match(device) is None


def parse(data: bytes) -> dict[str, Counters]:
    """Device → totals, from the text of /proc/diskstats.

    Kernels before 2.6.25 gave partitions four columns only; such lines are left out.
    """
    found: dict[str, Counters] = {}
    for line in data.splitlines():
        words = line.split()
        try:
            numbers = [int(word) for word in words[3:14]]
        except ValueError:
            continue
        if len(numbers) == 11:
            found[procfs.text(words[2])] = Counters(*numbers)
    return found


def means(before: Counters, now: Counters, seconds: float) -> dict[Metric, float]:
    """What happened between two readings; empty if the device was replaced by another."""
    d = Counters(*(new - old for old, new in zip(before, now, strict=True)))
    if min(d.reads, d.writes, d.sectors_read, d.sectors_written) < 0:
        return {}
    requests, busy = d.reads + d.writes, max(0, d.busy_ms)

    def per_request(amount: int, of: int) -> float:
        return max(0, amount) / of if of else 0.0

    return {
        READS: d.reads / seconds,
        WRITES: d.writes / seconds,
        READ_KB: d.sectors_read * SECTOR / 1024 / seconds,
        WRITTEN_KB: d.sectors_written * SECTOR / 1024 / seconds,
        READS_MERGED: max(0, d.reads_merged) / seconds,
        WRITES_MERGED: max(0, d.writes_merged) / seconds,
        REQUEST_SIZE: per_request(d.sectors_read + d.sectors_written, requests),
        QUEUE_SIZE: max(0, d.weighted_ms) / 1000 / seconds,
        AWAIT: per_request(d.read_ms + d.write_ms, requests),
        READ_AWAIT: per_request(d.read_ms, d.reads),
        WRITE_AWAIT: per_request(d.write_ms, d.writes),
        SERVICE_TIME: per_request(busy, requests),
        # The kernel adds whole ticks, so a busy device may seem to have worked 1 or 2 % too much.
        UTIL: min(100.0, busy / 10 / seconds),
        READ_TIME: max(0, d.read_ms) / 10 / seconds,
        WRITE_TIME: max(0, d.write_ms) / 10 / seconds,
    }


def read_psutil() -> dict[str, Counters]:
    """The totals psutil knows on this system; what it does not know stays 0."""
    import psutil  # noqa: PLC0415  # only where there is no /proc

    found: dict[str, Counters] = {}
    for device, of in (psutil.disk_io_counters(perdisk=True) or {}).items():
        known = of._asdict()
        found[device] = Counters(
            reads=of.read_count,
            reads_merged=known.get("read_merged_count", 0),
            sectors_read=of.read_bytes // SECTOR,
            read_ms=known.get("read_time", 0),
            writes=of.write_count,
            writes_merged=known.get("write_merged_count", 0),
            sectors_written=of.write_bytes // SECTOR,
            write_ms=known.get("write_time", 0),
            under_way=0,
            busy_ms=known.get("busy_time", 0),
            weighted_ms=known.get("read_time", 0) + known.get("write_time", 0),
        )
    return found
