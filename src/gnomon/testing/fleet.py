"""Hosts that do not exist: what their agents would have sent, for tests and pictures of the page.

The values follow from the host's name and the time alone, so that a picture taken twice is the
same and a graph has a shape that can be told from a straight line.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from gnomon.codecs import json_lines
from gnomon.core.model import Kind, Metric, Series, labels_of

INTERVAL = 10_000
"""Milliseconds between two samples of a series."""


class Part(NamedTuple):
    """A metric with the level its values move around, and how far."""

    metric: Metric
    level: float
    swing: float = 0.3
    labels: Sequence[Mapping[str, str]] = ({},)


def _part(
    name: str,
    unit: str,
    level: float,
    swing: float = 0.3,
    labels: Sequence[Mapping[str, str]] = ({},),
) -> Part:
    return Part(Metric(name, Kind.GAUGE, unit, f"Made up: {name}."), level, swing, labels)


DISKS = (
    {"device": "/dev/sda1", "mount": "/"},
    {"device": "/dev/sdb1", "mount": "/var/lib/postgresql"},
)
CARDS = ({"device": "eth0"}, {"device": "lo"})
DATABASES = ({"db": "shop"}, {"db": "postgres"})

PARTS = (
    _part("system.cpu.user", "percent", 26, 0.4),
    _part("system.cpu.system", "percent", 7, 0.4),
    _part("system.cpu.iowait", "percent", 3, 0.8),
    _part("system.cpu.stolen", "percent", 0.1),
    _part("system.load.1", "", 1.3, 0.19),
    _part("system.load.5", "", 1.2, 0.19),
    _part("system.load.15", "", 1.1, 0.1),
    _part("system.load.norm.5", "", 0.3, 0.19),
    _part("system.mem.total", "mebibyte", 15900, 0),
    _part("system.mem.used", "mebibyte", 13200, 0.04),
    _part("system.mem.buffered", "mebibyte", 620, 0.05),
    _part("system.mem.cached", "mebibyte", 5600, 0.05),
    _part("system.mem.free", "mebibyte", 2700, 0.1),
    _part("system.mem.pct_usable", "fraction", 0.53, 0.06),
    _part("system.swap.total", "mebibyte", 2048, 0),
    _part("system.swap.used", "mebibyte", 180, 0.05),
    _part("system.swap.pct_free", "fraction", 0.91, 0.01),
    _part("system.disk.in_use", "fraction", 0.48, 0.1, DISKS),
    _part("system.fs.inodes.in_use", "fraction", 0.12, 0.02, DISKS),
    _part("system.io.rkb_s", "kibibyte/second", 900, 0.8, ({"device": "sda"}, {"device": "sdb"})),
    _part("system.io.wkb_s", "kibibyte/second", 3100, 0.7, ({"device": "sda"}, {"device": "sdb"})),
    _part("system.io.util", "percent", 18, 0.7, ({"device": "sda"}, {"device": "sdb"})),
    _part("system.io.await", "millisecond", 3.2, 0.6, ({"device": "sda"}, {"device": "sdb"})),
    _part("system.net.bytes_rcvd", "byte/second", 2.4e6, 0.6, CARDS),
    _part("system.net.bytes_sent", "byte/second", 6.8e6, 0.6, CARDS),
    _part("system.net.tcp4.established", "connection", 140),
    _part("system.net.tcp4.time_wait", "connection", 52, 0.6),
    _part("system.net.tcp4.listening", "connection", 17, 0),
    _part("system.processes.total", "process", 212, 0.05),
    _part("system.processes.total_threads", "thread", 540, 0.05),
    _part("system.uptime", "second", 1.1e6, 0),
    _part("postgresql.connections", "connection", 34, 0.4, DATABASES),
    _part("postgresql.commits", "transaction/second", 310, 0.5, DATABASES),
    _part("postgresql.database_size", "byte", 5.2e9, 0.01, DATABASES),
)
CHECKS = ("postgres.can_connect", "ntp.in_sync")


def value(part: Part, series: Series, at: int) -> float:
    """The value of a series at a time (ms)."""
    phase = zlib.crc32(repr(series).encode()) % 1000 / 159
    seconds = at / 1000
    wave = 0.5 * math.sin(seconds / 700 + phase) + 0.2 * math.sin(seconds / 61 + 3 * phase)
    wave += 0.3 * (_chance(phase, at) * 2 - 1)
    if part.swing < LIVELY:  # a size or a share that hardly moves is the same on all hosts
        return round(part.level * (1 + part.swing * wave), 4)
    level = part.level * (0.5 + 0.9 * _chance(series.label("host")))
    burst = 1.6 if _chance(phase, at // 240_000) > 0.85 else 1.0
    return round(level * burst * (1 + part.swing * wave), 4)


LIVELY = 0.2
"""From this swing on a metric differs from host to host, and has bursts."""


def _chance(*what: object) -> float:
    """A number from 0 to 1 that follows from its arguments."""
    return zlib.crc32(repr(what).encode()) % 1000 / 1000


def _idle(host: str, at: int) -> float:
    """What the other modes of the processors leave over."""
    busy = [part for part in PARTS if part.metric.name.startswith("system.cpu.")]
    used = (value(part, Series(part.metric, labels_of({"host": host})), at) for part in busy)
    return round(max(0.0, 100 - sum(used)), 4)


def lines(host: str, start: int, end: int, overrides: Mapping[str, float] | None = None) -> bytes:
    """What one host sends in a time, as a body for `POST /api/v1/import`.

    `overrides` fixes the values of metrics and service checks by name.
    """
    fixed = dict(overrides or {})
    times = list(range(start - start % INTERVAL, end + 1, INTERVAL))
    body = bytearray()
    for part in PARTS:
        for labels in part.labels:
            series = Series(part.metric, labels_of({"host": host, **labels}))
            values = [fixed.get(part.metric.name, value(part, series, at)) for at in times]
            body += json_lines.encode(series, times, values, about=True)
    idle = Series(Metric("system.cpu.idle", Kind.GAUGE, "percent"), labels_of({"host": host}))
    body += json_lines.encode(idle, times, [_idle(host, at) for at in times], about=True)
    for check in CHECKS:
        series = Series.of("service_check", host=host, check=check)
        body += json_lines.encode(series, times, [fixed.get(check, 0.0)] * len(times))
    return bytes(body)


def status(host: str, now: int, **parts: Any) -> bytes:
    """What the host's agent says of itself, as it posts it; `parts` replace parts of it."""
    checks = [
        {
            "name": name,
            "instance": "",
            "interval": 10.0,
            "last_run": now - 4000,
            "duration": 0.004,
            "status": "ok",
            "samples": 12,
            "runs": 720,
            "errors": 0,
        }
        for name in ("cpu", "disk", "io", "load", "memory", "network", "processes", "swap")
    ]
    sink = {
        "name": "gnomon",
        "state": "idle",
        "queue": {"batches": 1, "samples": 120, "bytes": 900, "oldest": now - 2000},
        "sent": 91_800,
        "dropped": {},
        "errors": 0,
        "next_try": None,
    }
    document: dict[str, Any] = {
        "version": "0.1.0",
        "hostname": host,
        "started": now - 7_200_000,
        "checks": checks,
        "sinks": [sink],
        "listeners": [],
        "services": [],
        "drops": {},
    }
    return msgspec.json.encode(document | parts)
