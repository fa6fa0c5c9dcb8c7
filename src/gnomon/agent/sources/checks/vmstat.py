"""Work of the virtual memory: paging to and from disk, page faults, reclaim, and OOM kills."""

from __future__ import annotations

from gnomon.agent.sources import procfs
from gnomon.core import settings
from gnomon.core.component import Context, Output
from gnomon.core.errors import NoData
from gnomon.core.model import Kind, Metric


def _rate(name: str, unit: str, help_: str) -> Metric:
    return Metric(f"system.vm.{name}", Kind.RATE, f"{unit}/second", help_)


RATES = {
    b"pgpgin": _rate("paged_in", "kibibyte", "Read from disks."),
    b"pgpgout": _rate("paged_out", "kibibyte", "Written to disks."),
    b"pgfault": _rate("page_faults", "fault", "Page faults, major ones included."),
    b"pgmajfault": _rate("major_page_faults", "fault", "Page faults that had to wait for a disk."),
    b"pgsteal_kswapd": _rate(
        "reclaimed_in_background", "page", "Pages taken back by the kernel's own thread."
    ),
    b"pgsteal_direct": _rate(
        "reclaimed_directly", "page", "Pages taken back while a program had to wait for memory."
    ),
    b"allocstall": _rate("allocation_stalls", "event", "Programs that had to wait for memory."),
}
OOM_KILLS = Metric(
    "system.vm.oom_kills", Kind.COUNT, "process", "Processes killed because memory ran out."
)
METRICS = (*RATES.values(), OOM_KILLS)


class Settings(settings.Settings, frozen=True, kw_only=True):
    """There is nothing to set."""


class Vmstat:
    """Reads `/proc/vmstat`; Linux only."""

    Settings = Settings
    DEFAULT = True
    PLATFORMS = ("linux",)

    def __init__(self, settings_: Settings, context: Context) -> None:
        del settings_
        self._path = context.proc("vmstat")

    def collect(self, out: Output) -> None:
        """Puts rates since the run before; nothing in the first run."""
        totals = parse(procfs.read(self._path))
        for name, metric in RATES.items():
            if name in totals:
                out.rate(metric, totals[name])
        if b"oom_kill" in totals:
            out.delta(OOM_KILLS, totals[b"oom_kill"])

    def close(self) -> None:
        """Holds nothing open."""


component = Vmstat


def parse(data: bytes) -> dict[bytes, int]:
    """From the text of /proc/vmstat. Kernels count some things per zone: such parts are added."""
    totals = procfs.table(data)
    if not totals:
        raise NoData("/proc/vmstat holds no numbers")
    for name in (b"allocstall", b"pgsteal_kswapd", b"pgsteal_direct"):
        parts = [value for key, value in totals.items() if key.startswith(name + b"_")]
        if name not in totals and parts:
            totals[name] = sum(parts)
    return totals
