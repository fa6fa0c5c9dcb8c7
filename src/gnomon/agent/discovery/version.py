"""Finds out which version runs, by means that cost little and disturb nobody.

The path of the program, a file in its data folder, at last what it tells anybody who connects; the
latter only on the loopback interface, only of a service whose process is known, once per process.
"""

from __future__ import annotations

import re
import socket
from contextlib import suppress

from gnomon.agent.discovery.known import Greeting
from gnomon.agent.discovery.matching import Found
from gnomon.core.component import Context

PATIENCE = 0.25
"""Seconds to wait for a word."""
MOST_BYTES = 16 << 10


def version_of(found: Found, context: Context) -> str:
    """The version, or "" if it is not easy to know."""
    known, process = found.known, found.process
    if process is None:
        return ""
    if known.version_file:
        with suppress(OSError, UnicodeDecodeError):
            text = context.proc(str(process.pid), "cwd", known.version_file).read_text("utf-8")
            return text.strip()[:32]
    if known.path and process.command:
        match = re.search(known.path, process.command[0])
        if match:
            return match.group(1)
    if known.greeting is not None and found.service.port:
        place = loopback(found.service.address)
        if place:
            return greet(place, found.service.port, known.greeting)
    return ""


def loopback(address: str) -> str:
    """Where to reach a listener without leaving this host; "" if it listens elsewhere only."""
    if address in ("", "0.0.0.0", "::"):  # noqa: S104  # compared, not bound
        return "127.0.0.1"
    return address if address.startswith("127.") or address == "::1" else ""


def greet(address: str, port: int, greeting: Greeting) -> str:
    """Connects, says what has to be said, and reads the version from the answer."""
    data = b""
    with suppress(OSError), socket.create_connection((address, port), PATIENCE) as link:
        link.settimeout(PATIENCE)
        if greeting.ask:
            link.sendall(greeting.ask)
        while len(data) < MOST_BYTES and (part := link.recv(4096)):
            data += part
            match = re.search(greeting.answer, data)
            if match and match.end(1) < len(data):  # else more of it may follow
                return match.group(1).decode("ascii", "replace")[:32]
    return ""
