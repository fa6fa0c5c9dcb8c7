"""Swap space, and how much goes in and out of it.

Sizes are megabytes (2^20 bytes) and `pct_free` is a fraction, as in Datadog Agent 5. A host without
swap gives zeros and no `pct_free`.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from gnomon.agent.sources import procfs
from gnomon.core import settings
from gnomon.core.component import Context, Output
from gnomon.core.errors import NoData
from gnomon.core.model import Kind, Metric

TOTAL = Metric("system.swap.total", unit="mebibyte", help="Swap space.")
FREE = Metric("system.swap.free", unit="mebibyte", help="Swap space that nobody uses.")
USED = Metric("system.swap.used", unit="mebibyte", help="Swap space in use.")
PCT_FREE = Metric("system.swap.pct_free", unit="fraction", help="Free divided by total, 0 to 1.")
CACHED = Metric(
    "system.swap.cached", unit="mebibyte", help="Memory that was swapped in and is still in swap."
)
IN = Metric("system.swap.swapped_in", Kind.RATE, "byte/second", "Read from swap per second.")
OUT = Metric("system.swap.swapped_out", Kind.RATE, "byte/second", "Written to swap per second.")
METRICS = (TOTAL, FREE, USED, PCT_FREE, CACHED, IN, OUT)


class Swap(NamedTuple):
    """One reading, in bytes; None where the system does not tell."""

    total: int
    free: int
    cached: int | None
    swapped_in: int | None
    swapped_out: int | None


class Settings(settings.Settings, frozen=True, kw_only=True):
    """There is nothing to set."""


class SwapCheck:
    """Reads `/proc/meminfo` and `/proc/vmstat`; psutil elsewhere."""

    Settings = Settings
    DEFAULT = True

    def __init__(self, settings_: Settings, context: Context) -> None:
        del settings_
        self._meminfo = context.proc("meminfo")
        self._vmstat = context.proc("vmstat")

    def collect(self, out: Output) -> None:
        """Puts sizes and rates."""
        swap = self._read() if procfs.LINUX else read_psutil()
        out.put(TOTAL, swap.total / 2**20)
        out.put(FREE, swap.free / 2**20)
        out.put(USED, (swap.total - swap.free) / 2**20)
        if swap.total:
            out.put(PCT_FREE, swap.free / swap.total)
        if swap.cached is not None:
            out.put(CACHED, swap.cached / 2**20)
        if swap.swapped_in is not None:
            out.rate(IN, swap.swapped_in)
        if swap.swapped_out is not None:
            out.rate(OUT, swap.swapped_out)

    def _read(self) -> Swap:
        return parse(
            procfs.read(self._meminfo), procfs.read_if_there(self._vmstat), self.page_size()
        )

    def page_size(self) -> int:
        """Bytes of a memory page."""
        return os.sysconf("SC_PAGE_SIZE")

    def close(self) -> None:
        """Holds nothing open."""


component = SwapCheck


def parse(meminfo: bytes, vmstat: bytes, page: int) -> Swap:
    """From the texts of /proc/meminfo (KiB) and /proc/vmstat (pages of `page` bytes)."""
    kib, pages = procfs.table(meminfo), procfs.table(vmstat)
    if b"SwapTotal" not in kib or b"SwapFree" not in kib:
        raise NoData("/proc/meminfo does not speak of swap")

    def scaled(found: int | None, by: int) -> int | None:
        return None if found is None else found * by

    return Swap(
        total=kib[b"SwapTotal"] * 1024,
        free=kib[b"SwapFree"] * 1024,
        cached=scaled(kib.get(b"SwapCached"), 1024),
        swapped_in=scaled(pages.get(b"pswpin"), page),
        swapped_out=scaled(pages.get(b"pswpout"), page),
    )


def read_psutil() -> Swap:
    """The same from psutil."""
    import psutil  # noqa: PLC0415  # only where there is no /proc

    known = psutil.swap_memory()
    return Swap(known.total, known.total - known.used, None, known.sin, known.sout)
