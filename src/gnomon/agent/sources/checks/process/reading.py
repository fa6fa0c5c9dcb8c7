"""What is known of one process, from /proc or from psutil."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from gnomon.agent.sources import procfs, proctable


class Reading(NamedTuple):
    """One process now. None: this system does not tell, or not this user."""

    cpu: float
    """Processor seconds since it started."""
    started: float
    """Seconds on the clock of `Source.now`; with the number it names the process."""
    threads: int | None
    rss: int
    """Bytes."""
    vms: int
    """Bytes."""
    real: int | None = None
    """Bytes not shared with others."""
    open_files: int | None = None
    reads: int | None = None
    writes: int | None = None
    bytes_read: int | None = None
    bytes_written: int | None = None
    switches: int | None = None
    """Context switches the process wanted."""
    forced_switches: int | None = None
    minor_faults: int | None = None
    child_minor_faults: int | None = None
    major_faults: int | None = None
    child_major_faults: int | None = None


class Source(NamedTuple):
    """How to look at processes on this system."""

    pids: Callable[[], list[str]]
    names: Callable[[str], tuple[str, str]]
    """Number → name and command line; both empty when it is gone or may not be seen."""
    read: Callable[[str], Reading | None]
    """Number → what is known; None when it is gone."""
    parents: Callable[[], dict[str, str]]
    """Number → number of its parent, of all processes."""
    owner: Callable[[str], str | None]
    """Number → user name."""
    now: Callable[[], float]
    """Seconds on the clock of `Reading.started`."""
    memory: Callable[[], int]
    """Bytes of physical memory."""


class Procfs:
    """Reads /proc."""

    def __init__(self, proc: Path, page: int) -> None:
        """`page`: bytes of a memory page."""
        self._proc = proc
        self._page = page
        self._ticks = os.sysconf("SC_CLK_TCK")

    def source(self) -> Source:
        """All the questions."""
        return Source(
            pids=lambda: proctable.pids(self._proc),
            names=self._names,
            read=self._read,
            parents=lambda: {str(p.pid): str(p.parent) for p in proctable.scan(self._proc)},
            owner=self._owner,
            now=lambda: float(procfs.read(self._proc / "uptime").split()[0]),
            memory=lambda: (
                procfs.table(procfs.read_if_there(self._proc / "meminfo")).get(b"MemTotal", 0)
                * 1024
            ),
        )

    def _file(self, pid: str, name: str) -> bytes:
        return procfs.read_if_there(f"{self._proc}/{pid}/{name}")

    def _names(self, pid: str) -> tuple[str, str]:
        name = procfs.text(self._file(pid, "comm").rstrip(b"\n"))
        words = procfs.text(self._file(pid, "cmdline")).rstrip("\0").split("\0")
        if len(name) >= 15:
            # The kernel keeps 15 bytes of a name; the rest is in the command, if it is the same.
            program = words[0].rpartition("/")[2]
            name = program if program.startswith(name) else name
        return name, " ".join(words)

    def _read(self, pid: str) -> Reading | None:
        stat = proctable.find(self._proc, pid)
        if stat is None:
            return None
        status = procfs.table(self._file(pid, "status"))
        io = procfs.table(self._file(pid, "io"))
        statm = self._file(pid, "statm").split()
        shared = int(statm[2]) * self._page if len(statm) > 2 and statm[2].isdigit() else None
        rss = stat.resident * self._page
        return Reading(
            cpu=stat.cpu / self._ticks,
            started=stat.started / self._ticks,
            threads=stat.threads,
            rss=rss,
            vms=stat.virtual,
            real=None if shared is None else max(0, rss - shared),
            open_files=self._open_files(pid),
            reads=io.get(b"syscr"),
            writes=io.get(b"syscw"),
            bytes_read=io.get(b"read_bytes"),
            bytes_written=io.get(b"write_bytes"),
            switches=status.get(b"voluntary_ctxt_switches"),
            forced_switches=status.get(b"nonvoluntary_ctxt_switches"),
            minor_faults=stat.minor_faults,
            child_minor_faults=stat.child_minor_faults,
            major_faults=stat.major_faults,
            child_major_faults=stat.child_major_faults,
        )

    def _open_files(self, pid: str) -> int | None:
        try:
            return len(os.listdir(f"{self._proc}/{pid}/fd"))  # noqa: PTH208  # only the number
        except OSError:
            return None

    def _owner(self, pid: str) -> str | None:
        import pwd  # noqa: PLC0415  # not on Windows

        try:
            return pwd.getpwuid(os.stat(f"{self._proc}/{pid}").st_uid).pw_name  # noqa: PTH116
        except (OSError, KeyError):
            return None


class Psutil:
    """Asks psutil, on systems without /proc."""

    def __init__(self, now: Callable[[], float]) -> None:
        """`now`: seconds since the epoch."""
        import psutil  # noqa: PLC0415  # only where there is no /proc

        self._psutil = psutil
        self._now = now

    def source(self) -> Source:
        """All the questions."""
        psutil = self._psutil
        return Source(
            pids=lambda: [str(pid) for pid in psutil.pids()],
            names=self._names,
            read=self._read,
            parents=lambda: {
                str(p.pid): str(p.info["ppid"]) for p in psutil.process_iter(["ppid"])
            },
            owner=self._owner,
            now=self._now,
            memory=lambda: psutil.virtual_memory().total,
        )

    def _owner(self, pid: str) -> str | None:
        return self._ask(lambda: self._psutil.Process(int(pid)).username())

    def _ask(self, question: Callable[[], Any]) -> Any:
        """The answer; None when the process is gone or may not be asked."""
        try:
            return question()
        except (self._psutil.Error, AttributeError, NotImplementedError):
            return None

    def _names(self, pid: str) -> tuple[str, str]:
        process = self._ask(lambda: self._psutil.Process(int(pid)))
        if process is None:
            return "", ""
        return self._ask(process.name) or "", " ".join(self._ask(process.cmdline) or ())

    def _read(self, pid: str) -> Reading | None:
        process: Any = self._ask(lambda: self._psutil.Process(int(pid)))
        times = process and self._ask(process.cpu_times)
        memory = process and self._ask(process.memory_info)
        if not times or not memory:
            return None
        io = self._ask(lambda: process.io_counters())  # noqa: PLW0108  # not on macOS
        switches = self._ask(process.num_ctx_switches)
        return Reading(
            cpu=times.user + times.system,
            started=self._ask(process.create_time) or 0.0,
            threads=self._ask(process.num_threads),
            rss=memory.rss,
            vms=memory.vms,
            open_files=self._ask(lambda: process.num_fds()),  # noqa: PLW0108  # not on Windows
            reads=getattr(io, "read_count", None),
            writes=getattr(io, "write_count", None),
            bytes_read=getattr(io, "read_bytes", None),
            bytes_written=getattr(io, "write_bytes", None),
            switches=getattr(switches, "voluntary", None),
            forced_switches=getattr(switches, "involuntary", None),
        )
