"""The load average: how many threads ran, were ready to run or waited for a disk.

`system.load.norm.*` is the load divided by the number of cores: 1 means that all are busy.
"""

from __future__ import annotations

import os

from gnomon.agent.sources import procfs
from gnomon.core import settings
from gnomon.core.component import Context, Output
from gnomon.core.errors import NoData
from gnomon.core.model import Metric

MINUTES = ("1", "5", "15")
LOAD = [Metric(f"system.load.{m}", help=f"Load average over {m} min.") for m in MINUTES]
PER_CORE = [
    Metric(f"system.load.norm.{m}", help=f"Load average over {m} min divided by the cores.")
    for m in MINUTES
]
METRICS = (*LOAD, *PER_CORE)


class Settings(settings.Settings, frozen=True, kw_only=True):
    """There is nothing to set."""


class Load:
    """Reads `/proc/loadavg`; the C library elsewhere."""

    Settings = Settings
    DEFAULT = True

    def __init__(self, settings_: Settings, context: Context) -> None:
        del settings_
        self._context = context
        self._path = context.proc("loadavg")

    def collect(self, out: Output) -> None:
        """Puts the three averages, and per core where the cores are known."""
        averages = parse(procfs.read(self._path)) if procfs.LINUX else read_libc()
        cores = procfs.core_count(self._context)
        for position, value in enumerate(averages):
            out.put(LOAD[position], value)
            if cores:
                out.put(PER_CORE[position], value / cores)

    def close(self) -> None:
        """Holds nothing open."""


component = Load


def parse(data: bytes) -> tuple[float, float, float]:
    """From the text of /proc/loadavg: `0.20 0.18 0.12 1/80 11206`."""
    try:
        one, five, fifteen = (float(word) for word in data.split()[:3])
    except ValueError:
        raise NoData(f"/proc/loadavg has no three numbers: {procfs.text(data)!r}") from None
    return one, five, fifteen


def read_libc() -> tuple[float, float, float]:
    """`NoData` on Windows, which has no load average."""
    if not hasattr(os, "getloadavg"):
        raise NoData("this system has no load average")
    return os.getloadavg()
