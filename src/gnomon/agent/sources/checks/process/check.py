"""The check itself: settings → matching processes → sums."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from gnomon.agent.sources import procfs
from gnomon.agent.sources.checks.process.reading import Procfs, Psutil, Reading, Source
from gnomon.core import settings
from gnomon.core.component import Context, Output
from gnomon.core.errors import SettingsError
from gnomon.core.model import Kind, Metric, Status


def _gauge(name: str, unit: str, help_: str) -> Metric:
    return Metric(f"system.processes.{name}", unit=unit, help=help_)


def _faults(name: str, help_: str) -> Metric:
    return Metric(f"system.processes.mem.page_faults.{name}", Kind.RATE, "fault/second", help_)


NUMBER = _gauge("number", "process", "Processes found.")
CPU = _gauge("cpu.pct", "percent", "Processor time; 100 is one core.")
CPU_NORMALIZED = _gauge("cpu.normalized_pct", "percent", "Processor time; 100 is all cores.")
MEMORY_PCT = _gauge("mem.pct", "percent", "Resident memory, of all physical memory.")
SUMS = {
    "threads": _gauge("threads", "thread", "Threads."),
    "rss": _gauge("mem.rss", "byte", "Resident memory."),
    "vms": _gauge("mem.vms", "byte", "Virtual memory."),
    "real": _gauge("mem.real", "byte", "Resident memory that is not shared."),
    "open_files": _gauge("open_file_descriptors", "file", "Open files."),
    "reads": _gauge("ioread_count", "read", "Reads since the processes started."),
    "writes": _gauge("iowrite_count", "write", "Writes since the processes started."),
    "bytes_read": _gauge("ioread_bytes", "byte", "Read from disk since the processes started."),
    "bytes_written": _gauge("iowrite_bytes", "byte", "Written to disk since they started."),
    "switches": _gauge(
        "voluntary_ctx_switches", "event", "Context switches they wanted, since they started."
    ),
    "forced_switches": _gauge(
        "involuntary_ctx_switches", "event", "Context switches forced on them, since they started."
    ),
}
FAULTS = {
    "minor_faults": _faults("minor_faults", "Page faults served from memory."),
    "child_minor_faults": _faults("children_minor_faults", "The same of children that ended."),
    "major_faults": _faults("major_faults", "Page faults served from disk."),
    "child_major_faults": _faults("children_major_faults", "The same of children that ended."),
}
RUN_TIME_MEAN = _gauge("run_time.avg", "second", "How long they have been running: the mean.")
RUN_TIME_MOST = _gauge("run_time.max", "second", "How long the oldest has been running.")
RUN_TIME_LEAST = _gauge("run_time.min", "second", "How long the youngest has been running.")
METRICS = (
    *(NUMBER, CPU, CPU_NORMALIZED, MEMORY_PCT),
    *SUMS.values(),
    *FAULTS.values(),
    *(RUN_TIME_MEAN, RUN_TIME_MOST, RUN_TIME_LEAST),
)
UP = "process.up"
SERVICE_CHECKS = {
    UP: "Critical or warning while more or fewer processes run than `thresholds` allows."
}


class Thresholds(settings.Settings, frozen=True, kw_only=True):
    """How many processes are right: least and most."""

    critical: tuple[float, float] | None = None
    """Fewer or more processes than these two numbers are critical."""
    warning: tuple[float, float] | None = None
    """Fewer or more processes than these two numbers are a warning."""


class Settings(settings.Settings, frozen=True, kw_only=True):
    """The keys of Datadog Agent 5's `process.yaml`."""

    name: str
    """Names the group of processes: the label `process_name`."""
    search_string: str | tuple[str, ...] = ()
    """Processes that fit one of these; `All` fits every one."""
    exact_match: bool = True
    """True: the string is the name of the process. False: it is a part of its command line."""
    pid: int | None = None
    """Instead of a search string: the number of one process."""
    pid_file: str = ""
    """Instead of a search string: a file that holds the number of one process."""
    user: str = ""
    """Only processes of this user."""
    collect_children: bool = False
    """Whether children, and theirs, count too."""
    thresholds: Thresholds | None = None
    """How many processes are right; without it, at least one."""
    ignore_denied_access: bool = True
    """Whether it is right that this user may not see the open files of the processes; else the
    service check `process.up` warns of it."""
    pid_cache_duration: settings.Duration = settings.Duration(120)
    """How long it is remembered whether a process fits. New processes are looked at in each run."""


class ProcessCheck:
    """Reads `/proc/<pid>` of the processes that fit; psutil elsewhere."""

    Settings = Settings

    def __init__(self, settings_: Settings, context: Context) -> None:
        self._settings = settings_
        self._context = context
        given = (bool(settings_.search_string), settings_.pid is not None, settings_.pid_file != "")
        if sum(given) != 1:
            raise SettingsError(
                f"process {settings_.name!r}: give one of search_string, pid and pid_file"
            )
        strings = settings_.search_string
        self._strings = (strings,) if isinstance(strings, str) else strings
        self._source: Source | None = None
        self._fits: dict[str, bool] = {}
        self._settled: set[str] = set()
        self._forget_at = 0.0
        self._cpu: dict[tuple[str, float], float] = {}
        self._at: float | None = None

    def collect(self, out: Output) -> None:
        """Puts the sums over all processes found."""
        source = self._source = self._source or self._open()
        readings = {pid: found for pid in self._find(source) if (found := source.read(pid))}
        labels = {"process_name": self._settings.name}
        out.put(NUMBER, len(readings), labels)
        self._put_status(out, readings)
        self._put_cpu(out, source, readings, labels)
        for metrics, put in ((SUMS, out.put), (FAULTS, out.rate)):
            for field, metric in metrics.items():
                values = [getattr(reading, field) for reading in readings.values()]
                known = [value for value in values if value is not None]
                if known:
                    put(metric, sum(known), labels)
        if readings:
            memory = source.memory()
            if memory:
                total = sum(reading.rss for reading in readings.values())
                out.put(MEMORY_PCT, 100 * total / memory, labels)
            put_run_times(out, readings.values(), source.now(), labels)

    def _open(self) -> Source:
        if procfs.LINUX:
            return Procfs(self._context.proc(), self.page_size()).source()
        return Psutil(lambda: self._context.clock.now() / 1000).source()

    def page_size(self) -> int:
        """Bytes of a memory page."""
        return os.sysconf("SC_PAGE_SIZE")

    def _find(self, source: Source) -> list[str]:
        """Numbers of the processes that count."""
        if self._settings.pid is not None:
            pids = [str(self._settings.pid)]
        elif self._settings.pid_file:
            pids = self._pid_from(self._settings.pid_file)
        else:
            pids = self._search(source)
        if self._settings.collect_children:
            pids = descendants(pids, source.parents())
        if self._settings.user:
            pids = [pid for pid in pids if source.owner(pid) == self._settings.user]
        return pids

    def _pid_from(self, file: str) -> list[str]:
        path = self._context.root / Path(file).relative_to(Path(file).anchor)
        number = procfs.number(procfs.read_if_there(path))
        return [] if number is None else [str(number)]

    def _search(self, source: Source) -> list[str]:
        """Looks at the names of new processes only: most stay what they are.

        It looks at each in two runs: in the first it may just have been forked and still have the
        name of its parent, or no command line yet.
        """
        now = self._context.clock.monotonic()
        if now >= self._forget_at:
            self._fits, self._settled = {}, set()
            self._forget_at = now + self._settings.pid_cache_duration
        known, settled = self._fits, self._settled
        self._fits = {
            pid: known[pid] if pid in settled else self._fit(*source.names(pid))
            for pid in source.pids()
        }
        self._settled = known.keys() & self._fits.keys()
        return [pid for pid, fits in self._fits.items() if fits]

    def _fit(self, name: str, command: str) -> bool:
        if "All" in self._strings:
            return True
        if self._settings.exact_match:
            return name in self._strings
        return any(string in command for string in self._strings)

    def _put_cpu(
        self, out: Output, source: Source, readings: dict[str, Reading], labels: dict[str, str]
    ) -> None:
        now = self._context.clock.monotonic()
        cpu = {(pid, reading.started): reading.cpu for pid, reading in readings.items()}
        before, self._cpu = self._cpu, cpu
        at, self._at = self._at, now
        if at is None or now <= at or not cpu:
            return
        began = source.now() - (now - at)
        spent = 0.0
        for key, seconds in cpu.items():
            # One that started since the run before spent all its time since then; of one that is
            # older and only now fits, it is not known.
            already = before.get(key, 0.0 if key[1] >= began else seconds)
            spent += max(0.0, seconds - already)
        out.put(CPU, 100 * spent / (now - at), labels)
        cores = procfs.core_count(self._context)
        if cores:
            out.put(CPU_NORMALIZED, 100 * spent / (now - at) / cores, labels)

    def _put_status(self, out: Output, readings: dict[str, Reading]) -> None:
        status, message = judge(len(readings), self._settings)
        if status is Status.OK and not self._settings.ignore_denied_access:
            denied = sum(reading.open_files is None for reading in readings.values())
            if denied:
                status = Status.WARNING
                message = f"{self._settings.name}: may not see the open files of {denied} processes"
        labels = {"process_name": self._settings.name, "process": self._settings.name}
        out.status(UP, status, message, labels)

    def close(self) -> None:
        """Holds nothing open."""


def judge(number: int, of: Settings) -> tuple[Status, str]:
    """Whether as many processes run as should. Critical wins over warning."""
    thresholds = of.thresholds or Thresholds(critical=(1, float("inf")))
    for status, bounds in (
        (Status.CRITICAL, thresholds.critical),
        (Status.WARNING, thresholds.warning),
    ):
        if bounds and not bounds[0] <= number <= bounds[1]:
            return status, f"{of.name}: {number} processes found, expected {_range(bounds)}"
    return Status.OK, ""


def _range(bounds: tuple[float, float]) -> str:
    least, most = bounds
    return f"at least {least:g}" if most == float("inf") else f"{least:g} to {most:g}"


def put_run_times(
    out: Output, readings: Iterable[Reading], now: float, labels: dict[str, str]
) -> None:
    """Puts how long the processes have been running."""
    times = [max(0.0, now - reading.started) for reading in readings]
    out.put(RUN_TIME_MEAN, sum(times) / len(times), labels)
    out.put(RUN_TIME_MOST, max(times), labels)
    out.put(RUN_TIME_LEAST, min(times), labels)


def descendants(pids: Iterable[str], parents: dict[str, str]) -> list[str]:
    """The processes and their children, and theirs."""
    children: dict[str, list[str]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    found: dict[str, None] = {}
    waiting = list(pids)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found[pid] = None
            waiting += children.get(pid, ())
    return list(found)
