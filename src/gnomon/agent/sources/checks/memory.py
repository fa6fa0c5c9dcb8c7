"""Physical memory.

The numbers are those of Datadog Agent 5: megabytes (2^20 bytes, here with their fraction), `used`
is `total - free` with caches in it, `usable` is what programs can still get without swapping
(`MemAvailable`; on kernels before 3.14 free + buffered + cached), and `pct_usable` is a fraction
between 0 and 1 in spite of its name.
"""

from __future__ import annotations

from collections.abc import Mapping

from gnomon.agent.sources import procfs
from gnomon.core import settings
from gnomon.core.component import Context, Output
from gnomon.core.errors import NoData
from gnomon.core.model import Metric


def _size(name: str, help_: str) -> Metric:
    return Metric(f"system.mem.{name}", unit="mebibyte", help=help_)


FIELDS = {
    b"MemTotal": _size("total", "Physical memory."),
    b"MemFree": _size("free", "Memory that nobody uses."),
    b"Cached": _size("cached", "Page cache: content of files."),
    b"Buffers": _size("buffered", "Cache of block devices."),
    b"Shmem": _size("shared", "Shared memory and tmpfs."),
    b"Slab": _size("slab", "The kernel's own structures."),
    b"SReclaimable": _size("slab_reclaimable", "The part of slab the kernel can give back."),
    b"PageTables": _size("page_tables", "Page tables."),
    b"Committed_AS": _size("committed_as", "Memory promised to programs."),
    b"CommitLimit": _size("commit_limit", "How much can be promised under strict overcommit."),
    b"AnonPages": _size("anonymous", "Memory of programs that is no file's content."),
    b"Mapped": _size("mapped", "Files mapped into programs."),
    b"Active": _size("active", "Used lately."),
    b"Inactive": _size("inactive", "Not used lately, first to be given back."),
    b"Dirty": _size("dirty", "Waiting to be written to disk."),
    b"Writeback": _size("writeback", "Being written to disk now."),
    b"KernelStack": _size("kernel_stack", "Stacks of the kernel's side of all threads."),
}
"""Fields of /proc/meminfo (in KiB) that are put as they are."""

USED = _size("used", "Total less free: caches included.")
USABLE = _size("usable", "What programs can still get without swapping.")
PCT_USABLE = Metric(
    "system.mem.pct_usable", unit="fraction", help="Usable divided by total, between 0 and 1."
)
HUGE_PAGES = {
    b"HugePages_Total": Metric("system.mem.huge_pages.total", unit="page", help="Huge pages."),
    b"HugePages_Free": Metric(
        "system.mem.huge_pages.free", unit="page", help="Huge pages nobody uses."
    ),
    b"HugePages_Rsvd": Metric(
        "system.mem.huge_pages.reserved", unit="page", help="Huge pages promised, not yet used."
    ),
}
METRICS = (*FIELDS.values(), USED, USABLE, PCT_USABLE, *HUGE_PAGES.values())


class Settings(settings.Settings, frozen=True, kw_only=True):
    """There is nothing to set."""


class Memory:
    """Reads `/proc/meminfo`; psutil elsewhere."""

    Settings = Settings
    DEFAULT = True

    def __init__(self, settings_: Settings, context: Context) -> None:
        del settings_
        self._path = context.proc("meminfo")

    def collect(self, out: Output) -> None:
        """Puts what this kernel tells."""
        kib = procfs.table(procfs.read(self._path)) if procfs.LINUX else read_psutil()
        total, free = kib.get(b"MemTotal"), kib.get(b"MemFree")
        if not total or free is None:
            raise NoData("/proc/meminfo does not say how much memory there is")
        for field, metric in FIELDS.items():
            if field in kib:
                out.put(metric, kib[field] / 1024)
        usable = usable_of(kib)
        out.put(USED, (total - free) / 1024)
        out.put(USABLE, usable / 1024)
        out.put(PCT_USABLE, usable / total)
        if kib.get(b"HugePages_Total"):
            for field, metric in HUGE_PAGES.items():
                if field in kib:
                    out.put(metric, kib[field])

    def close(self) -> None:
        """Holds nothing open."""


component = Memory


def usable_of(kib: Mapping[bytes, int]) -> int:
    """What programs can still get without swapping, in KiB."""
    old_kernel = kib.get(b"MemFree", 0) + kib.get(b"Buffers", 0) + kib.get(b"Cached", 0)
    return kib.get(b"MemAvailable", old_kernel)


def read_psutil() -> Mapping[bytes, int]:
    """The fields psutil knows on this system, under the names of /proc/meminfo, in KiB."""
    import psutil  # noqa: PLC0415  # only where there is no /proc

    known = psutil.virtual_memory()._asdict()
    names = {
        "total": b"MemTotal",
        "free": b"MemFree",
        "available": b"MemAvailable",
        "active": b"Active",
        "inactive": b"Inactive",
        "cached": b"Cached",
        "buffers": b"Buffers",
        "shared": b"Shmem",
        "slab": b"Slab",
    }
    return {names[key]: value // 1024 for key, value in known.items() if key in names}
