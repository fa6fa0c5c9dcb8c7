"""Recognises services in what was read of a host. Pure: reads nothing itself.

A process is known by its name, or by its arguments if it is an interpreter; its sockets are its
service's. Where this user may not see whose a socket is, the user who made it, the arguments of the
processes of that user and at last the port tell.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gnomon.agent.discovery.known import (
    INTERPRETERS,
    ON_BEHALF,
    SERVICES,
    Known,
    by_port,
    by_program,
    socket_port,
)
from gnomon.agent.discovery.model import Host, Listener, Process, Service

ALONE = frozenset(("JVM", "Docker", "kubelet"))
"""Services that are worth a line even if nobody can connect to them."""
MOST = 256
"""Most services of one host."""


class Found(NamedTuple):
    """A service with what the reader of its version needs."""

    service: Service
    known: Known
    process: Process | None


def match(host: Host) -> list[Found]:
    """The services of a host, sorted by name and port."""
    main = _main_processes(host.processes)
    of_process: dict[int, list[Listener]] = defaultdict(list)
    unowned: list[Listener] = []
    for listener in host.listeners:
        owner = host.owners.get(listener.inode)
        if owner is None or _is_on_behalf(host.processes.get(owner)):
            unowned.append(listener)
        elif owner in main:
            of_process[main[owner][0]].append(listener)
    mains = dict(main.values())
    rest = _assign(unowned, mains, host.processes, of_process)
    found = [
        _service(known, host.processes[pid], of_process[pid])
        for pid, known in mains.items()
        if of_process[pid] or known.name in ALONE
    ]
    found += _guesses(rest)
    found.sort(key=lambda item: (item.service.name, item.service.port, item.service.pid))
    return found[:MOST]


def recognise(process: Process, programs: Mapping[str, Known]) -> Known | None:
    """What a process is, by its name or its arguments."""
    if process.name.startswith(INTERPRETERS):
        arguments = " ".join(process.command[1:])
        for known in SERVICES:
            if known.words and known.words in arguments:
                return known
    for name in (process.name, _program(process)):
        if name in programs:
            return programs[name]
    # php-fpm8.2, mysqld-8.0, postgres16: the version stands behind.
    return programs.get(process.name.rstrip("0123456789.").rstrip("-_"))


def _main_processes(processes: Mapping[int, Process]) -> dict[int, tuple[int, Known]]:
    """For each process of a service: its topmost process of the same service, and which it is."""
    programs = by_program()
    of = {pid: known for pid, p in processes.items() if (known := recognise(p, programs))}
    main: dict[int, tuple[int, Known]] = {}
    for pid, known in of.items():
        top, steps = pid, 0
        while of.get(processes[top].parent) is known and steps < len(of):
            top, steps = processes[top].parent, steps + 1
        main[pid] = (top, known)
    return main


def _assign(
    unowned: Sequence[Listener],
    mains: Mapping[int, Known],
    processes: Mapping[int, Process],
    of_process: dict[int, list[Listener]],
) -> list[Listener]:
    """Gives listeners whose owner is not seen to processes; returns those that nobody takes.

    A unix socket does not tell who made it; one that is named for a port is of the same process as
    the TCP socket of that port.
    """
    named = dict(place for one in unowned if (place := _named_port(one.path)))
    owner_of: dict[int, int | None] = {}
    rest: list[Listener] = []
    for listener in sorted(unowned, key=lambda one: one.protocol == "unix"):
        port, _ = _named_port(listener.path) or (listener.port, None)
        if listener.protocol == "unix" and port in owner_of:
            owner = owner_of[port]
        else:
            candidates = [
                pid
                for pid, known in mains.items()
                if _may_own(listener, processes[pid], known) and named.get(port, known) is known
            ]
            owner = _likely(listener, candidates, mains, processes)
        if listener.protocol == "tcp":
            owner_of[port] = owner
        if owner is None:
            rest.append(listener)
        else:
            of_process[owner].append(listener)
    return rest


def _may_own(listener: Listener, process: Process, known: Known) -> bool:
    if listener.protocol == "unix":
        return socket_port(known, listener.path) is not None
    return listener.uid >= 0 and listener.uid == process.uid


def _likely(
    listener: Listener,
    candidates: Sequence[int],
    mains: Mapping[int, Known],
    processes: Mapping[int, Process],
) -> int | None:
    """The process whose arguments name the socket, else the one known for it, else the only one."""
    wanted = listener.path if listener.protocol == "unix" else str(listener.port)
    named = [pid for pid in candidates if _mentions(processes[pid], wanted)]
    known_for = [pid for pid in candidates if listener.port in _ports(mains[pid], listener)]
    only = candidates if listener.uid != 0 else ()  # root runs too much for that
    for likely in (named, known_for, only):
        if len(likely) == 1:
            return likely[0]
    return None


def _ports(known: Known, listener: Listener) -> tuple[int, ...]:
    return known.udp if listener.protocol == "udp" else known.ports


def _mentions(process: Process, wanted: str) -> bool:
    pattern = rf"(?<!\d){re.escape(wanted)}(?!\d)"
    return any(re.search(pattern, argument) for argument in process.command[:64])


def _service(known: Known, process: Process, listeners: Sequence[Listener]) -> Found:
    tcp = sorted({one.port for one in listeners if one.protocol == "tcp"})
    udp = sorted({one.port for one in listeners if one.protocol == "udp"})
    paths = [(one.path, socket_port(known, one.path)) for one in listeners if one.path]
    paths.sort(key=lambda pair: (pair[1] is None, pair[0]))
    ports = tcp or udp
    named_ports = [port for _, port in paths if port]
    port = next(
        (port for port in (*known.ports, *known.udp) if port in ports),
        next(iter((*ports, *named_ports)), 0),
    )
    service = Service(
        name=known.name,
        port=port,
        ports=tuple(ports),
        address=_address(listeners, port),
        pid=process.pid,
        process=_process_name(known, process),
        socket=next((path for path, named in paths if named in (None, 0, port)), ""),
        check=known.check,
    )
    return Found(service, known, process)


def _guesses(listeners: Sequence[Listener]) -> list[Found]:
    """Services told by the port alone, or by a unix socket that has the port in its name."""
    table = by_port()
    for listener in listeners:
        if place := _named_port(listener.path):
            table.setdefault(("tcp", place[0]), place[1])
    seen: dict[tuple[str, int], Found] = {}
    for listener in listeners:
        port, known = _named_port(listener.path) or (listener.port, None)
        known = known or table.get((listener.protocol, port))
        if known is None:
            continue
        before = seen.get((known.name, port))
        service = Service(
            name=known.name,
            port=port,
            ports=(port,),
            address=listener.address or (before.service.address if before else ""),
            socket=listener.path or (before.service.socket if before else ""),
            check=known.check,
        )
        seen[known.name, port] = Found(service, known, None)
    return list(seen.values())


def _named_port(path: str) -> tuple[int, Known] | None:
    """The port in the name of a unix socket (`.s.PGSQL.5432`), and whose it is."""
    places = [(port, known) for known in SERVICES if path and (port := socket_port(known, path))]
    best = [(port, known) for port, known in places if port in known.ports] or places
    return best[0] if best else None


def _address(listeners: Iterable[Listener], port: int) -> str:
    """Where that port is bound; if at several places, the one that reaches furthest."""
    addresses = sorted({one.address for one in listeners if one.port == port and one.address})
    for wide in ("0.0.0.0", "::"):  # noqa: S104  # compared, not bound
        if wide in addresses:
            return wide
    return addresses[0] if addresses else ""


def _process_name(known: Known, process: Process) -> str:
    """For a JVM with its main class, or its archive."""
    if known.name != "JVM":
        return process.name
    words = iter(process.command[1:])
    for word in words:
        if word == "-jar":
            return f"{process.name} {next(words, '').rsplit('/', 1)[-1]}".strip()
        if word in ("-cp", "-classpath", "--class-path", "-p", "--module-path"):
            next(words, None)
        elif not word.startswith("-"):
            return f"{process.name} {word}"
    return process.name


def _program(process: Process) -> str:
    """The name of its executable: `nginx: master process /usr/sbin/nginx` has none of use."""
    first = process.command[0].split(" ", 1)[0] if process.command else ""
    return first.rsplit("/", 1)[-1].rstrip(":")


def _is_on_behalf(process: Process | None) -> bool:
    return process is not None and process.name in ON_BEHALF
