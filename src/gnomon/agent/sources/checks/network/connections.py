"""How many sockets are in which state.

`count` asks the kernel through sock_diag(7), a netlink socket: 20,000 connections take 25 ms of
processor time, where /proc/net/tcp takes 65 ms to read. `parse` counts the lines of that file, for
kernels and containers without sock_diag and for a host that is mounted below another root.
"""

from __future__ import annotations

import contextlib
import re
import socket
import struct
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from gnomon.agent.sources import procfs
from gnomon.core.errors import NeedsSetup
from gnomon.core.model import Metric

STATES = {
    1: "estab",
    2: "syn_sent",
    3: "syn_recv",
    4: "fin_wait_1",
    5: "fin_wait_2",
    6: "time_wait",
    7: "close",
    8: "close_wait",
    9: "last_ack",
    10: "listen",
    11: "closing",
    12: "syn_recv",  # TCP_NEW_SYN_RECV: a half-open connection that has no socket of its own yet
}
"""The kernel's numbers (include/net/tcp_states.h) and the names Datadog Agent 5 has from `ss`."""

COMBINED = {
    "estab": "established",
    "syn_sent": "opening",
    "syn_recv": "opening",
    "time_wait": "time_wait",
    "listen": "listening",
}
"""Names when states are combined; all others are `closing`."""

FAMILIES = {"tcp4": "tcp", "tcp6": "tcp6", "udp4": "udp", "udp6": "udp6"}
"""Our name → the file's name below /proc/net."""


def _sockets(family: str, state: str) -> Metric:
    help_ = f"IPv{family[-1]} TCP sockets: {state.replace('_', ' ')}."
    return Metric(f"system.net.{family}.{state}", unit="connection", help=help_)


_SHOWN = ("established", "opening", "closing", "time_wait", "listening")
TCP = {
    (family, state): _sockets(family, state)
    for family in ("tcp4", "tcp6")
    for state in dict.fromkeys((*_SHOWN, *STATES.values()))
}
UDP = {
    family: Metric(
        f"system.net.{family}.connections", unit="connection", help=f"IPv{family[-1]} UDP sockets."
    )
    for family in ("udp4", "udp6")
}
METRICS = (*TCP.values(), *UDP.values())

Counts = Mapping[int, int]
"""Kernel state number → sockets."""


def shown(family: str, counts: Counts, *, combine: bool) -> dict[Metric, int]:
    """What is put for one family; states nobody is in are 0."""
    if family in UDP:
        return {UDP[family]: sum(counts.values())}
    names = _SHOWN if combine else tuple(dict.fromkeys(STATES.values()))
    found = dict.fromkeys((TCP[family, name] for name in names), 0)
    for number, sockets in counts.items():
        state = STATES.get(number, "close")
        name = COMBINED.get(state, "closing") if combine else state
        found[TCP[family, name]] += sockets
    return found


class Unsupported(Exception):
    """The kernel does not answer sock_diag for this family."""


def read(family: str, net: Path, *, diag: bool) -> Counts | None:
    """Sockets of one family by state; None if this kernel does not have it (no IPv6, say).

    `net` is the folder of the files to fall back on.
    """
    if diag:
        with contextlib.suppress(Unsupported):
            return count(family)
    data = procfs.read_if_there(net / FAMILIES[family])
    return parse(data) if data else None


_LINE = re.compile(rb"\n *\d+: [0-9A-F]+:[0-9A-F]{4} [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) ")


def parse(data: bytes) -> Counts:
    """From the text of /proc/net/{tcp,tcp6,udp,udp6}: the fourth column, in hexadecimal."""
    return {int(state, 16): n for state, n in Counter(_LINE.findall(data)).items()}


_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_REQUEST_DUMP = 0x301
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_HEADER = struct.Struct("=IHHII")
_STATE_AT = _HEADER.size + 1
"""`struct inet_diag_msg` begins with the family and the state, one byte each."""


def count(family: str) -> Counts:
    """Sockets by state, from the kernel. Raises `Unsupported`."""
    protocol = socket.IPPROTO_TCP if family.startswith("tcp") else socket.IPPROTO_UDP
    address_family = socket.AF_INET if family.endswith("4") else socket.AF_INET6
    # struct inet_diag_req_v2: family, protocol, extensions, pad, wanted states, socket id (any)
    body = struct.pack("=BBBxI48x", address_family, protocol, 0, 0xFFFFFFFF)
    header = _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_REQUEST_DUMP, 1, 0)
    counts: Counter[int] = Counter()
    buffer = bytearray(65536)
    try:
        with socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG
        ) as asked:
            asked.settimeout(5)
            asked.send(header + body)
            while not tally(buffer, asked.recv_into(buffer), counts):
                pass
    except OSError as error:
        raise Unsupported(str(error)) from None
    return counts


def tally(buffer: bytearray, size: int, counts: Counter[int]) -> bool:
    """Counts the states of one datagram of answers; whether it was the last one.

    Almost always all messages of a datagram are of one length, so that a slice has all states.
    """
    length, kind = struct.unpack_from("=IH", buffer)
    step = length + 3 & ~3
    same = step and size % step == 0 and kind == _SOCK_DIAG_BY_FAMILY
    messages = size // step if step else 0
    if (
        same
        and buffer[0:size:step].count(buffer[0]) == messages
        and buffer[4:size:step].count(kind) == messages
    ):
        counts.update(buffer[_STATE_AT:size:step])
        return False
    at = 0
    while at + _HEADER.size <= size:
        length, kind = struct.unpack_from("=IH", buffer, at)
        if kind == _NLMSG_ERROR:
            raise Unsupported("refused")
        if kind == _NLMSG_DONE or length < _HEADER.size:
            return True
        counts[buffer[at + _STATE_AT]] += 1
        at += length + 3 & ~3
    return size == 0


def read_psutil() -> dict[str, Counts]:
    """The same from psutil. Raises `NeedsSetup` where only root may ask (macOS)."""
    import psutil  # noqa: PLC0415  # only where there is no /proc

    numbers = {
        getattr(psutil, name): number
        for number, name in (
            (1, "CONN_ESTABLISHED"),
            (2, "CONN_SYN_SENT"),
            (3, "CONN_SYN_RECV"),
            (4, "CONN_FIN_WAIT1"),
            (5, "CONN_FIN_WAIT2"),
            (6, "CONN_TIME_WAIT"),
            (7, "CONN_CLOSE"),
            (8, "CONN_CLOSE_WAIT"),
            (9, "CONN_LAST_ACK"),
            (10, "CONN_LISTEN"),
            (11, "CONN_CLOSING"),
        )
    }
    try:
        return {
            family: Counter(numbers.get(of.status, 7) for of in psutil.net_connections(family))
            for family in FAMILIES
        }
    except psutil.AccessDenied:
        raise NeedsSetup(
            "this user may not see the sockets of others",
            "run as root, or set collect_connection_state: false",
        ) from None
