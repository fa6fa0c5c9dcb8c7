"""CPU, memory and tasks of control groups (version 2): containers, services, users.

In a container the group of the container itself is shown, with its limits. On a host name the
groups to show: `system.slice/*.service` has the services of systemd.
"""

from __future__ import annotations

from pathlib import Path

from gnomon.agent.sources import procfs
from gnomon.core import settings
from gnomon.core.component import Context, Output
from gnomon.core.errors import LimitExceeded, NoData
from gnomon.core.model import Kind, Metric


def _gauge(name: str, unit: str, help_: str) -> Metric:
    return Metric(f"system.cgroup.{name}", unit=unit, help=f"{help_} Label `cgroup`.")


CPU = _gauge("cpu.pct", "percent", "Processor time; 100 is one core.")
CPU_LIMIT = _gauge("cpu.limit", "percent", "The most it may use; 100 is one core.")
THROTTLED = _gauge("cpu.throttled.pct", "percent", "Time in which it had to wait for its share.")
MEMORY = _gauge("mem.used", "byte", "Memory, page cache included.")
MEMORY_LIMIT = _gauge("mem.limit", "byte", "The most it may use.")
MEMORY_IN_USE = _gauge("mem.in_use", "fraction", "Used divided by limit.")
ANONYMOUS = _gauge("mem.anonymous", "byte", "Memory that is no file's content.")
SWAP = _gauge("mem.swap", "byte", "Swap in use.")
TASKS = _gauge("tasks", "thread", "Processes and threads.")
OOM_KILLS = Metric(
    "system.cgroup.mem.oom_kills",
    Kind.COUNT,
    "process",
    "Processes killed because memory ran out. Label `cgroup`.",
)
METRICS = (
    *(CPU, CPU_LIMIT, THROTTLED, MEMORY, MEMORY_LIMIT, MEMORY_IN_USE),
    *(ANONYMOUS, SWAP, TASKS, OOM_KILLS),
)

EXAMPLE = """
init_config:

instances:
  - paths: [system.slice/*.service, machine.slice/*]
"""


class Settings(settings.Settings, frozen=True, kw_only=True):
    """Everything has a default."""

    paths: tuple[str, ...] = (".",)
    """Groups below /sys/fs/cgroup, with `*` and `?`; `.` is the one at the top."""
    max_groups: int = 100
    """More groups than this are an error: name fewer, or raise it."""


class Cgroup:
    """Reads `/sys/fs/cgroup`; Linux only."""

    Settings = Settings
    DEFAULT = True
    PLATFORMS = ("linux",)

    def __init__(self, settings_: Settings, context: Context) -> None:
        self._settings = settings_
        self._top = context.sys("fs", "cgroup")

    def collect(self, out: Output) -> None:
        """Puts what each group tells; `NoData` where no group has limits of its own."""
        if not (self._top / "cgroup.controllers").exists():
            raise NoData("control groups of version 2 are not mounted here")
        groups = self._groups()
        for group in groups[: self._settings.max_groups]:
            name = "/" + group.relative_to(self._top).as_posix().removeprefix(".")
            put_cpu(out, group, name)
            put_memory(out, group, name)
            tasks = procfs.number(procfs.read_if_there(group / "pids.current"))
            if tasks is not None:
                out.put(TASKS, tasks, cgroup=name)
        if not groups:
            raise NoData(
                f"no control group with limits is called {', '.join(self._settings.paths)}; "
                "on a host name some in paths, such as system.slice/*.service"
            )
        most = self._settings.max_groups
        if len(groups) > most:
            raise LimitExceeded(
                f"{len(groups)} control groups, more than max_groups: {most}; raise it or name fewer"
            )

    def _groups(self) -> list[Path]:
        """The top of a whole host is no group: it has no limits, and `cpu` has its numbers."""
        found: dict[Path, None] = {}
        for path in self._settings.paths:
            matches = (
                [self._top] if path in (".", "/") else sorted(self._top.glob(path.lstrip("/")))
            )
            found |= dict.fromkeys(group for group in matches if (group / "memory.max").exists())
        return list(found)

    def close(self) -> None:
        """Holds nothing open."""


component = Cgroup


def put_cpu(out: Output, group: Path, name: str) -> None:
    """Puts use, limit and throttling; times of the kernel are microseconds."""
    stat = procfs.table(procfs.read_if_there(group / "cpu.stat"))
    for key, metric in ((b"usage_usec", CPU), (b"throttled_usec", THROTTLED)):
        if key in stat:
            out.rate(metric, stat[key] / 10_000, cgroup=name)
    quota = procfs.read_if_there(group / "cpu.max").split()
    if len(quota) == 2 and quota[0].isdigit() and quota[1].isdigit():
        out.put(CPU_LIMIT, 100 * int(quota[0]) / int(quota[1]), cgroup=name)


def put_memory(out: Output, group: Path, name: str) -> None:
    """Puts use and limit; a group without a limit has the word `max` there."""
    used = procfs.number(procfs.read_if_there(group / "memory.current"))
    limit = procfs.number(procfs.read_if_there(group / "memory.max"))
    swap = procfs.number(procfs.read_if_there(group / "memory.swap.current"))
    stat = procfs.table(procfs.read_if_there(group / "memory.stat"))
    events = procfs.table(procfs.read_if_there(group / "memory.events"))
    for value, metric in ((used, MEMORY), (limit, MEMORY_LIMIT), (swap, SWAP)):
        if value is not None:
            out.put(metric, value, cgroup=name)
    if used is not None and limit:
        out.put(MEMORY_IN_USE, used / limit, cgroup=name)
    if b"anon" in stat:
        out.put(ANONYMOUS, stat[b"anon"], cgroup=name)
    if b"oom_kill" in events:
        out.delta(OOM_KILLS, events[b"oom_kill"], cgroup=name)
