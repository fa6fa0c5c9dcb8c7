"""How many processes there are, in which states, and which programs take most CPU and memory.

The top lists are by program: all processes of one name are one entry. Over time many names pass
through a list, so no more than `max_names` ever have series at once; what comes beyond them is
folded into the name `(other)`, and a name that was in no list for a day makes room. A number at
the end of a name is cut off (`job-4711` counts as `job`); kernel threads count by what stands
before `/`, `:` or `.` in their names (`kworker`).

To watch certain programs closely, use the check `process`.
"""

from __future__ import annotations

import heapq
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gnomon.agent.sources import procfs, proctable
from gnomon.agent.sources.proctable import Process
from gnomon.core import settings
from gnomon.core.component import Context, Output
from gnomon.core.model import Metric

TOTAL = Metric("system.processes.total", unit="process", help="Processes.")
THREADS = Metric("system.processes.total_threads", unit="thread", help="Threads of all processes.")
STATES = Metric("system.processes.states", unit="process", help="Processes by `state`.")
TOP_CPU = Metric(
    "system.processes.top.cpu.pct",
    unit="percent",
    help="Processor time of the busiest programs; 100 is one core. Label `process_name`.",
)
TOP_MEMORY = Metric(
    "system.processes.top.mem.rss",
    unit="byte",
    help="Resident memory of the largest programs. Label `process_name`.",
)
METRICS = (TOTAL, THREADS, STATES, TOP_CPU, TOP_MEMORY)

STATE_NAMES = {
    "R": "runnable",
    "S": "sleeping",
    "D": "uninterruptible",
    "I": "idle",
    "T": "stopped",
    "t": "stopped",
    "Z": "zombie",
    "W": "paging",
    "X": "dead",
    "x": "dead",
}
ALWAYS = ("runnable", "sleeping", "uninterruptible", "stopped", "zombie")
"""States that have a series even when nobody is in them."""

OTHER = "(other)"
FORGET_AFTER = 86_400.0


class Settings(settings.Settings, frozen=True, kw_only=True):
    """Everything has a default."""

    top: int = 5
    """Length of each top list; 0 for none."""
    max_names: int = 100
    """Most program names that may have series at once."""


class Snapshot(NamedTuple):
    """What one look at the process table found."""

    states: Counter[str]
    """State letter → processes."""
    threads: int
    cpu: dict[tuple[int, int], tuple[str, float]]
    """(pid, start) → program name, processor seconds since it started."""
    memory: Mapping[str, int]
    """Program name → resident bytes."""


class Processes:
    """Reads `/proc/<pid>/stat` of each process; psutil elsewhere."""

    Settings = Settings
    DEFAULT = True

    def __init__(self, settings_: Settings, context: Context) -> None:
        self._top = settings_.top
        self._names = Names(settings_.max_names)
        self._proc = context.proc()
        self._clock = context.clock
        self._before: dict[tuple[int, int], tuple[str, float]] | None = None
        self._at = 0.0

    def collect(self, out: Output) -> None:
        """Puts counts, and the top lists (by CPU from the second run on)."""
        now = self._clock.monotonic()
        seconds, self._at = now - self._at, now
        found = self._read() if procfs.LINUX else read_psutil()
        out.put(TOTAL, found.states.total())
        out.put(THREADS, found.threads)
        by_name: Counter[str] = Counter(dict.fromkeys(ALWAYS, 0))
        for letter, processes in found.states.items():
            by_name[STATE_NAMES.get(letter, "other")] += processes
        for name, processes in by_name.items():
            out.put(STATES, processes, state=name)
        self._put_top(out, TOP_MEMORY, found.memory)
        before, self._before = self._before, found.cpu
        if before is not None and seconds > 0:
            spent = cpu_by_name(before, found.cpu)
            self._put_top(out, TOP_CPU, {n: 100 * s / seconds for n, s in spent.items()})

    def _read(self) -> Snapshot:
        return snapshot(proctable.scan(self._proc), self.page_size(), os.sysconf("SC_CLK_TCK"))

    def _put_top(self, out: Output, metric: Metric, by_name: Mapping[str, float]) -> None:
        largest = heapq.nlargest(self._top, by_name.items(), key=lambda entry: (entry[1], entry[0]))
        shown: dict[str, float] = defaultdict(float)
        for name, value in largest:
            if value > 0:
                shown[self._names.fold(name, self._at)] += value
        for name, value in shown.items():
            out.put(metric, value, process_name=name)

    def page_size(self) -> int:
        """Bytes of a memory page."""
        return os.sysconf("SC_PAGE_SIZE")

    def close(self) -> None:
        """Holds nothing open."""


component = Processes


class Names:
    """Which program names have series: at most `most` at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: dict[str, float] = {}

    def fold(self, name: str, now: float) -> str:
        """The name, or `OTHER` if there are too many already."""
        if name not in self._seen and len(self._seen) >= self._most:
            self._seen = {n: at for n, at in self._seen.items() if now - at < FORGET_AFTER}
            if len(self._seen) >= self._most:
                return OTHER
        self._seen[name] = now
        return name


_NUMBERED = re.compile(r"(?<=.)[-_:/#]\d+$")


def program(process: Process) -> str:
    """The name under which a process counts."""
    if process.kernel:
        return re.split(r"[/:.]", process.name, maxsplit=1)[0] or process.name
    return _NUMBERED.sub("", process.name) or "(nameless)"


def snapshot(processes: Iterable[Process], page: int, ticks: int) -> Snapshot:
    """Sums up processes; `page` bytes a page, `ticks` clock ticks a second."""
    states: Counter[str] = Counter()
    threads = 0
    cpu: dict[tuple[int, int], tuple[str, float]] = {}
    memory: dict[str, int] = defaultdict(int)
    for process in processes:
        name = program(process)
        states[process.state] += 1
        threads += process.threads
        cpu[process.key] = (name, process.cpu / ticks)
        memory[name] += process.resident * page
    return Snapshot(states, threads, cpu, memory)


def cpu_by_name(
    before: Mapping[tuple[int, int], tuple[str, float]],
    now: Mapping[tuple[int, int], tuple[str, float]],
) -> dict[str, float]:
    """Program name → processor seconds since the look before.

    All of a process that was not there before is new. What a process spent between the last look
    and its end is not known.
    """
    spent: dict[str, float] = defaultdict(float)
    for key, (name, seconds) in now.items():
        spent[name] += max(0.0, seconds - before.get(key, ("", 0.0))[1])
    return spent


def read_psutil() -> Snapshot:
    """The same from psutil; what this user may not see counts as nothing."""
    import psutil  # noqa: PLC0415  # only where there is no /proc

    letters = {
        psutil.STATUS_RUNNING: "R",
        psutil.STATUS_SLEEPING: "S",
        psutil.STATUS_DISK_SLEEP: "D",
        psutil.STATUS_IDLE: "I",
        psutil.STATUS_STOPPED: "T",
        psutil.STATUS_ZOMBIE: "Z",
    }
    wanted = ["status", "name", "cpu_times", "memory_info", "num_threads", "create_time"]
    states: Counter[str] = Counter()
    threads = 0
    cpu: dict[tuple[int, int], tuple[str, float]] = {}
    memory: dict[str, int] = defaultdict(int)
    for process in psutil.process_iter(wanted):
        info = process.info
        name = info["name"] or str(process.pid)
        states[letters.get(info["status"], "S")] += 1
        threads += info["num_threads"] or 0
        if info["cpu_times"]:
            key = (process.pid, round((info["create_time"] or 0) * 1000))
            cpu[key] = (name, info["cpu_times"].user + info["cpu_times"].system)
        if info["memory_info"]:
            memory[name] += info["memory_info"].rss
    return Snapshot(states, threads, cpu, memory)
