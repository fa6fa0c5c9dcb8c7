"""Reads listeners and processes through psutil, where there is no `/proc` (macOS, Windows)."""

from __future__ import annotations

import socket
from typing import Any

import psutil

from gnomon.agent.discovery.model import Host, Listener, Process


def read() -> Host:
    """What this user may see; without rights to see all sockets, those of its own processes."""
    processes: dict[int, Process] = {}
    found: list[tuple[Any, int]] = []
    everything = _all_connections()
    for process in psutil.process_iter(["pid", "ppid", "name", "cmdline", "create_time"]):
        info: dict[str, Any] = process.info  # type: ignore[attr-defined]  # set by process_iter
        processes[info["pid"]] = Process(
            info["pid"],
            info["ppid"] or 0,
            (info["name"] or "").removesuffix(".exe"),
            tuple(info["cmdline"] or ()),
            started=info["create_time"] or 0.0,
        )
        if everything is None:
            found += [(one, process.pid) for one in _connections_of(process)]
    if everything is not None:
        found = [(one, one.pid or 0) for one in everything]
    listeners: list[Listener] = []
    owners: dict[int, int] = {}
    for number, (connection, pid) in enumerate(found, 1):
        listener = _listener(connection, number)
        if listener is not None:
            listeners.append(listener)
            if pid:
                owners[number] = pid
    return Host(listeners, owners, processes)


def _all_connections() -> list[Any] | None:
    try:
        return list(psutil.net_connections("inet"))
    except (psutil.Error, OSError):
        return None


def _connections_of(process: psutil.Process) -> list[Any]:
    try:
        return list(process.net_connections("inet"))
    except (psutil.Error, OSError):
        return []


def _listener(connection: Any, number: int) -> Listener | None:
    tcp = connection.type == socket.SOCK_STREAM
    if not connection.laddr or (
        connection.status != psutil.CONN_LISTEN if tcp else connection.raddr
    ):
        return None
    address = connection.laddr
    return Listener("tcp" if tcp else "udp", number, address.ip, address.port)
