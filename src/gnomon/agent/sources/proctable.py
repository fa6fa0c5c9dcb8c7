"""The processes of the host, from /proc/<pid>/stat: one small file each, about 12 µs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gnomon.agent.sources import procfs
from gnomon.core.errors import NoData

_PF_KTHREAD = 0x00200000
"""Flag of a kernel thread (include/linux/sched.h)."""


class Process(NamedTuple):
    """One process, as its stat file has it."""

    pid: int
    name: str
    """At most 15 bytes; a program may change it."""
    state: str
    """One letter: R running, S sleeping, D waiting for a disk, Z zombie ..."""
    parent: int
    kernel: bool
    minor_faults: int
    child_minor_faults: int
    major_faults: int
    child_major_faults: int
    cpu: int
    """Clock ticks in user and kernel mode since it started."""
    threads: int
    started: int
    """Clock ticks after boot; with `pid` it names one process for ever."""
    virtual: int
    """Bytes of address space."""
    resident: int
    """Pages in memory."""

    @property
    def key(self) -> tuple[int, int]:
        """Tells it from a later process with the same number."""
        return self.pid, self.started


def parse(data: bytes) -> Process:
    """From the text of /proc/<pid>/stat. Raises `ValueError`.

    The name stands in parentheses and may hold blanks and parentheses of its own.
    """
    opened, closed = data.index(b"("), data.rindex(b")")
    column = data[closed + 2 :].split()
    if len(column) < 22:
        raise ValueError("too few columns")
    return Process(
        pid=int(data[:opened]),
        name=procfs.text(data[opened + 1 : closed]),
        state=column[0].decode("ascii", "replace"),
        parent=int(column[1]),
        kernel=bool(int(column[6]) & _PF_KTHREAD),
        minor_faults=int(column[7]),
        child_minor_faults=int(column[8]),
        major_faults=int(column[9]),
        child_major_faults=int(column[10]),
        cpu=int(column[11]) + int(column[12]),
        threads=int(column[17]),
        started=int(column[19]),
        virtual=int(column[20]),
        resident=int(column[21]),
    )


def pids(proc: Path) -> list[str]:
    """Numbers of all processes. Raises `NoData` where there is no /proc."""
    try:
        return [name for name in os.listdir(proc) if name.isdigit()]  # noqa: PTH208  # ten times faster
    except OSError:
        raise NoData(f"{proc} does not exist here") from None


def scan(proc: Path) -> Iterator[Process]:
    """All processes; those that end while they are read are left out."""
    for pid in pids(proc):
        process = find(proc, pid)
        if process:
            yield process


def find(proc: Path, pid: str) -> Process | None:
    """One process; None if it is gone."""
    try:
        file = os.open(f"{proc}/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return parse(os.read(file, 4096))
        finally:
            os.close(file)
    except (OSError, ValueError):
        return None
