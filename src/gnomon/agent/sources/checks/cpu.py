"""How the processors spend their time: in total and per core, in percent, by mode.

The modes of one line add up to 100. As in `mpstat`, time spent running a guest is `guest` and not
also `user`. `system.cpu.user` and `system.cpu.system` have the meaning of Datadog Agent 5:
user includes nice, system includes hardware and software interrupts; `nice`, `irq` and `softirq`
stand beside them on their own. A core's modes (`system.core.*`) are the kernel's, not joined.

Percentages need two runs: the first gives only the number of cores.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from gnomon.agent.sources import procfs
from gnomon.core import settings
from gnomon.core.component import Context, Output
from gnomon.core.errors import NoData
from gnomon.core.model import Kind, Metric

MODES = (
    "user",
    "nice",
    "system",
    "idle",
    "iowait",
    "irq",
    "softirq",
    "steal",
    "guest",
    "guest_nice",
)
"""Columns of /proc/stat, oldest first: an old kernel has only the first four."""

_MODE_HELP = {
    "user": "running programs",
    "nice": "running programs of low priority",
    "system": "in the kernel",
    "idle": "doing nothing",
    "iowait": "doing nothing while a disk was waited for",
    "irq": "serving hardware interrupts",
    "softirq": "serving software interrupts",
    "steal": "wanted, but given to others by the hypervisor",
    "guest": "running virtual machines",
    "guest_nice": "running virtual machines of low priority",
}


def _percent(name: str, of: str) -> Metric:
    return Metric(name, unit="percent", help=f"Processor time {of}.")


CORE = {mode: _percent(f"system.core.{mode}", _MODE_HELP[mode]) for mode in MODES}
TOTAL = {
    "user": _percent("system.cpu.user", "running programs, nice included"),
    "system": _percent("system.cpu.system", "in the kernel, interrupts included"),
    "interrupt": _percent("system.cpu.interrupt", "serving interrupts, hardware and software"),
    "stolen": _percent("system.cpu.stolen", _MODE_HELP["steal"]),
} | {
    mode: _percent(f"system.cpu.{mode}", _MODE_HELP[mode])
    for mode in ("idle", "iowait", "guest", "nice", "irq", "softirq", "guest_nice")
}
CORES = Metric("system.cpu.num_cores", unit="core", help="Logical processors online.")
CORE_COUNT = Metric("system.core.count", unit="core", help="The same, as system_core has it.")
SWITCHES = Metric(
    "system.cpu.context_switches", Kind.RATE, "event/second", "Context switches per second."
)
COUNTS = {
    b"ctxt": Metric("system.linux.context_switches", Kind.COUNT, "event", "Context switches."),
    b"intr": Metric("system.linux.interrupts", Kind.COUNT, "event", "Interrupts served."),
    b"processes": Metric("system.linux.processes_created", Kind.COUNT, "process", "Forks."),
}
NOW = {
    b"procs_running": Metric(
        "system.linux.procs_running", unit="thread", help="Threads running or ready to run."
    ),
    b"procs_blocked": Metric(
        "system.linux.procs_blocked", unit="thread", help="Threads waiting for a disk."
    ),
}
METRICS = (
    *TOTAL.values(),
    *CORE.values(),
    CORES,
    CORE_COUNT,
    SWITCHES,
    *COUNTS.values(),
    *NOW.values(),
)

Times = Mapping[str, float]
"""Mode → time spent in it since boot (in ticks or seconds: only shares are used)."""


class Stat(NamedTuple):
    """What one reading says."""

    total: Times
    cores: Mapping[str, Times]
    counters: Mapping[bytes, int]


class Settings(settings.Settings, frozen=True, kw_only=True):
    """Everything has a default."""

    per_core: bool = True
    """Whether each core has its own series (`system.core.*`)."""
    max_cores: int = 128
    """A host with more cores than this gives the totals only."""


class Cpu:
    """Reads `/proc/stat`; psutil elsewhere."""

    Settings = Settings
    DEFAULT = True

    def __init__(self, settings_: Settings, context: Context) -> None:
        self._settings = settings_
        self._stat = context.proc("stat")
        self._before: Stat | None = None

    def collect(self, out: Output) -> None:
        """Puts shares of the time since the run before."""
        now = parse(procfs.read(self._stat)) if procfs.LINUX else read_psutil()
        before, self._before = self._before, now
        out.put(CORES, len(now.cores))
        out.put(CORE_COUNT, len(now.cores))
        for name, metric in NOW.items():
            if name in now.counters:
                out.put(metric, now.counters[name])
        for name, metric in COUNTS.items():
            if name in now.counters:
                out.delta(metric, now.counters[name])
        if b"ctxt" in now.counters:
            out.rate(SWITCHES, now.counters[b"ctxt"])
        if before is None:
            return
        for mode, value in joined(shares(before.total, now.total)).items():
            out.put(TOTAL[mode], value)
        if self._settings.per_core and len(now.cores) <= self._settings.max_cores:
            self._put_cores(out, before, now)

    def _put_cores(self, out: Output, before: Stat, now: Stat) -> None:
        for core, times in now.cores.items():
            if core not in before.cores:
                continue  # plugged in just now
            for mode, value in shares(before.cores[core], times).items():
                # Most cores never run a guest nor lose time to a hypervisor: no series for that.
                if times[mode] or not mode.startswith(("guest", "steal")):
                    out.put(CORE[mode], value, core=core)

    def close(self) -> None:
        """Holds nothing open."""


component = Cpu


def parse(data: bytes) -> Stat:
    """From the text of /proc/stat. Raises `NoData` if it has no line `cpu`."""
    lines: dict[bytes, list[bytes]] = {}
    for line in data.splitlines():
        # The line of interrupts has a column for each one: only the sum in front is wanted.
        words = line.split(maxsplit=2 if line.startswith((b"intr", b"softirq")) else -1)
        if words:
            lines[words[0]] = words[1:]
    total = _times(lines.get(b"cpu", []))
    if not total.keys() >= {"user", "nice", "system", "idle"}:
        raise NoData("/proc/stat has no line 'cpu' with at least four numbers")
    cores = {
        procfs.text(name[3:]): _times(columns)
        for name, columns in lines.items()
        if name.startswith(b"cpu") and name[3:].isdigit()
    }
    counters = {
        name: int(lines[name][0])
        for name in (*COUNTS, *NOW)
        if lines.get(name) and lines[name][0].isdigit()
    }
    return Stat(total, cores, counters)


def _times(columns: list[bytes]) -> Times:
    pairs = zip(MODES, columns, strict=False)
    return _without_guests({mode: int(column) for mode, column in pairs if column.isdigit()})


def _without_guests(times: Mapping[str, float]) -> Times:
    """The kernel counts a guest's time in `user` and `nice` too; here it counts once."""
    own = dict(times)
    for mode, guest in (("user", "guest"), ("nice", "guest_nice")):
        if mode in own:
            own[mode] -= own.get(guest, 0)
    return own


def shares(before: Times, now: Times) -> dict[str, float]:
    """Percent of the time between two readings that went to each mode; empty if none went by.

    A counter that went back (the kernel corrects idle, iowait and steal at times) counts as still.
    """
    spent = {mode: max(0.0, now[mode] - before.get(mode, 0)) for mode in now}
    total = sum(spent.values())
    return {mode: 100.0 * value / total for mode, value in spent.items()} if total else {}


def joined(parts: Mapping[str, float]) -> dict[str, float]:
    """Shares by the modes Datadog Agent 5 knows, and beside them the kernel's own."""
    if not parts:
        return {}
    whole = dict(parts)
    interrupts = parts.get("irq", 0) + parts.get("softirq", 0)
    whole["user"] = parts["user"] + parts.get("nice", 0)
    whole["system"] = parts["system"] + interrupts
    whole["interrupt"] = interrupts
    if "steal" in whole:
        whole["stolen"] = whole.pop("steal")
    return whole


def read_psutil() -> Stat:
    """The same from psutil, with the modes it knows on this system."""
    import psutil  # noqa: PLC0415  # only where there is no /proc

    def times(of: Any) -> Times:
        known = {"interrupt": "irq", "dpc": "softirq"}  # as Windows calls them
        found = {known.get(mode, mode): value for mode, value in of._asdict().items()}
        return _without_guests({mode: found.get(mode, 0.0) for mode in MODES if mode in found})

    cores = {str(core): times(of) for core, of in enumerate(psutil.cpu_times(percpu=True))}
    counters = {b"ctxt": psutil.cpu_stats().ctx_switches}
    return Stat(times(psutil.cpu_times()), cores, counters)
