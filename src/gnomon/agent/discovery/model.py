"""What discovery speaks of: listeners and processes as read, services as recognised, offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec


class Listener(NamedTuple):
    """A socket that waits for clients."""

    protocol: Literal["tcp", "udp", "unix"]
    inode: int
    """Identifies the socket; who has it open is its owner."""
    address: str = ""
    """As bound: `0.0.0.0`, `::`, `127.0.0.1` ...; "" for a unix socket."""
    port: int = 0
    """0 for a unix socket."""
    path: str = ""
    """Of a unix socket."""
    uid: int = -1
    """User that made it; -1 where that is not told."""


class Process(NamedTuple):
    """A process that may be a service."""

    pid: int
    parent: int
    name: str
    """As the kernel knows it, cut to 15 bytes on Linux."""
    command: tuple[str, ...] = ()
    """Its arguments, the program first; empty when not looked at."""
    uid: int = -1
    started: float = 0.0
    """Tells it from an earlier process of the same pid; the unit does not matter."""


class Host(NamedTuple):
    """What was read."""

    listeners: Sequence[Listener] = ()
    owners: Mapping[int, int] = {}
    """Inode → pid, as far as this user may see it."""
    processes: Mapping[int, Process] = {}


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """Something that runs on this host and has a name."""

    name: str
    """For a person: `PostgreSQL`."""
    version: str = ""
    """As far as it was cheap to know: `15`, `10.11.19`; else ""."""
    port: int = 0
    """The port it is known for; 0 for none."""
    ports: tuple[int, ...] = ()
    """All of them."""
    address: str = ""
    """As bound: `0.0.0.0`, `127.0.0.1` ..."""
    pid: int = 0
    """Of its main process; 0 when this user may not see it, and the port alone was recognised."""
    process: str = ""
    """Name of that process; for a JVM also its main class."""
    socket: str = ""
    """Path of its unix socket."""
    check: str = ""
    """The check that measures it; "" where there is none."""

    @property
    def title(self) -> str:
        """`PostgreSQL 15 on 5432`."""
        name = f"{self.name} {self.version}" if self.version else self.name
        place = str(self.port) if self.port else self.socket
        return f"{name} on {place}" if place else name


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A service and what can be done about it."""

    service: Service
    check: str = ""
    """The check that would measure it; "" where there is none."""
    settings: dict[str, Any] | None = None
    """With these the check works as it is; None when a person has to do something first."""
    message: str
    """One line: `PostgreSQL 15 on 5432: needs a login, run this SQL`."""
    hint: str = ""
    """What to run, ready to be copied."""
