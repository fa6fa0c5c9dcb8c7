"""Reads listeners and processes from `/proc`: cheap on a normal host, bounded on any.

Which process has a socket open is seen only of one's own processes, or by root. Everything else
anybody may read.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

from gnomon.agent.discovery.known import INTERPRETERS, ON_BEHALF, by_program
from gnomon.agent.discovery.matching import recognise
from gnomon.agent.discovery.model import Host, Listener, Process
from gnomon.core.component import Context

CHUNK = 64 << 10
MOST_BYTES = 4 << 20
"""Of one table of sockets."""
MOST_PROCESSES = 20_000
MOST_FILES = 20_000
"""Open files looked at, to see whose sockets are whose."""
MOST_FILES_EACH = 1024
MOST_COMMAND = 64 << 10
"""Bytes of a process's arguments that are looked at."""

LISTENING = {"tcp": b"0A", "udp": b"07"}
"""States in the kernel's tables; a UDP socket that is not connected waits for anybody."""
ACCEPTS = b"00010000"
"""Flag of a listening unix socket."""


def read(context: Context) -> Host:
    """What this user may see of the host."""
    network = _network(context)
    listeners = [
        *(listener for file in ("tcp", "tcp6") for listener in _inet(network / file, "tcp")),
        *(listener for file in ("udp", "udp6") for listener in _inet(network / file, "udp")),
        *_unix(network / "unix"),
    ]
    processes = _processes(context.proc())
    owners = _owners(context.proc(), {one.inode for one in listeners}, processes)
    return Host(listeners, owners, processes)


def _network(context: Context) -> Path:
    """`/proc/net` is of whoever reads it; in a container, process 1 of the host has the host's."""
    of_first = context.proc("1", "net")
    in_container = context.root != Path("/") and of_first.exists()
    return of_first if in_container else context.proc("net")


def _lines(path: Path, wanted: bytes, *, come_first: bool) -> Iterator[bytes]:
    """Lines that contain `wanted`; if those come first, it ends where there are no more."""
    rest, taken = b"", 0
    try:
        with path.open("rb", buffering=0) as file:
            while (chunk := file.read(CHUNK)) and taken < MOST_BYTES:
                taken += len(chunk)
                *lines, rest = (rest + chunk).split(b"\n")
                found = [line for line in lines if wanted in line]
                yield from found
                if come_first and not found:
                    return
    except OSError:
        return
    if wanted in rest:
        yield rest


def _inet(path: Path, protocol: Literal["tcp", "udp"]) -> Iterator[Listener]:
    """`sl local rem st tx:rx tr:when retrnsmt uid timeout inode ...`."""
    state = LISTENING[protocol]
    # The kernel lists listening TCP sockets before all connections, however many those are.
    for line in _lines(path, b" " + state + b" ", come_first=protocol == "tcp"):
        fields = line.split()
        if len(fields) < 10 or fields[3] != state:
            continue
        with suppress(ValueError):
            address, _, port = fields[1].decode().partition(":")
            yield Listener(
                protocol,
                int(fields[9]),
                _address(address),
                int(port, 16),
                uid=int(fields[7]),
            )


def _address(text: str) -> str:
    """`0100007F` → `127.0.0.1`: 32-bit words, each in the byte order of the machine."""
    words = bytes.fromhex(text)
    swapped = b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4))
    address = ipaddress.ip_address(swapped)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _unix(path: Path) -> Iterator[Listener]:
    """`Num RefCount Protocol Flags Type St Inode Path`."""
    for line in _lines(path, b" " + ACCEPTS + b" ", come_first=False):
        fields = line.split(None, 7)
        if len(fields) == 8 and fields[3] == ACCEPTS and fields[7].startswith(b"/"):
            with suppress(ValueError):
                yield Listener("unix", int(fields[6]), path=os.fsdecode(fields[7]))


def _processes(proc: Path) -> dict[int, Process]:
    """Those that may be a service, and those that listen for others."""
    programs = by_program()
    found: dict[int, Process] = {}
    for pid in _pids(proc)[:MOST_PROCESSES]:
        folder = f"{proc}/{pid}"  # plain text: with a Path, building it takes longer than reading
        process = _stat(folder, pid)
        if process is None:
            continue
        interpreter = process.name.startswith(INTERPRETERS)
        if interpreter or process.name in ON_BEHALF or recognise(process, programs):
            with suppress(OSError):
                found[pid] = process._replace(
                    command=_command(folder), uid=Path(folder).stat().st_uid
                )
    return found


def _pids(proc: Path) -> list[int]:
    with suppress(OSError):
        return sorted(int(name) for name in os.listdir(proc) if name.isdigit())  # noqa: PTH208
    return []


def _stat(folder: str, pid: int) -> Process | None:
    """`pid (name) state parent ... starttime ...`; the name may hold anything."""
    try:
        text = _content(f"{folder}/stat")
        name = text[text.index(b"(") + 1 : text.rindex(b")")]
        fields = text[text.rindex(b")") + 2 :].split()
        return Process(pid, int(fields[1]), os.fsdecode(name), started=float(fields[19]))
    except (OSError, ValueError, IndexError):
        return None  # it has ended meanwhile


def _command(folder: str) -> tuple[str, ...]:
    data = _content(f"{folder}/cmdline")
    return tuple(os.fsdecode(part) for part in data.split(b"\0") if part)


def _content(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, MOST_COMMAND)
    finally:
        os.close(file)


def _owners(proc: Path, wanted: set[int], known: Iterable[int]) -> dict[int, int]:
    """Inode → pid, known processes first; several processes may share a socket: the first has it."""
    owners: dict[int, int] = {}
    files = 0
    first = sorted(known)
    for pid in [*first, *sorted(set(_pids(proc)) - set(first))]:
        if len(owners) == len(wanted) or files >= MOST_FILES:
            break
        for inode in _sockets(f"{proc}/{pid}/fd"):
            files += 1
            if inode in wanted:
                owners.setdefault(inode, pid)
    return owners


def _sockets(folder: str) -> Iterator[int]:
    """Inodes of open sockets; 0 for any other file. Nothing where this user may not look."""
    try:
        names = os.listdir(folder)[:MOST_FILES_EACH]  # noqa: PTH208  # much quicker, names only
    except OSError:
        return
    for name in names:
        try:
            target = os.readlink(f"{folder}/{name}")  # noqa: PTH115  # thousands of them
        except OSError:
            continue
        yield int(target[8:-1]) if target.startswith("socket:[") else 0
