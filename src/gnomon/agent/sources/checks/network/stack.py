"""What the protocol stack counts: /proc/net/snmp, /proc/net/netstat and /proc/net/sockstat."""

from __future__ import annotations

from gnomon.agent.sources import procfs
from gnomon.core.model import Kind, Metric


def _rate(name: str, unit: str, help_: str) -> Metric:
    return Metric(f"system.net.{name}", Kind.RATE, f"{unit}/second", help_)


RATES = {
    ("Tcp", "InSegs"): _rate("tcp.in_segs", "segment", "TCP segments received."),
    ("Tcp", "OutSegs"): _rate("tcp.out_segs", "segment", "TCP segments sent, repeats left out."),
    ("Tcp", "RetransSegs"): _rate("tcp.retrans_segs", "segment", "TCP segments sent again."),
    ("Tcp", "ActiveOpens"): _rate("tcp.active_opens", "connection", "Connections begun here."),
    ("Tcp", "PassiveOpens"): _rate("tcp.passive_opens", "connection", "Connections accepted."),
    ("Tcp", "AttemptFails"): _rate("tcp.attempt_fails", "connection", "Connections not made."),
    ("Tcp", "EstabResets"): _rate("tcp.established_resets", "connection", "Connections reset."),
    ("Tcp", "InErrs"): _rate("tcp.in_errors", "segment", "TCP segments received in error."),
    ("Tcp", "OutRsts"): _rate("tcp.out_resets", "segment", "Resets sent."),
    ("TcpExt", "ListenOverflows"): _rate(
        "tcp.listen_overflows", "connection", "Refused because a queue of accepts was full."
    ),
    ("TcpExt", "ListenDrops"): _rate(
        "tcp.listen_drops", "connection", "Dropped before they were accepted, for any reason."
    ),
    ("TcpExt", "TCPBacklogDrop"): _rate(
        "tcp.backlog_drops", "packet", "Dropped because a socket's backlog was full."
    ),
    ("TcpExt", "TCPRetransFail"): _rate(
        "tcp.failed_retransmits", "packet", "Could not be sent again."
    ),
    ("TcpExt", "TCPSynRetrans"): _rate("tcp.syn_retrans", "segment", "SYN sent again."),
    ("TcpExt", "SyncookiesSent"): _rate(
        "tcp.syn_cookies_sent", "packet", "SYN cookies sent: a queue of half-open ones was full."
    ),
    ("TcpExt", "TCPAbortOnTimeout"): _rate(
        "tcp.abort_on_timeout", "connection", "Given up because the other side was silent."
    ),
    ("Udp", "InDatagrams"): _rate("udp.in_datagrams", "datagram", "Datagrams received."),
    ("Udp", "OutDatagrams"): _rate("udp.out_datagrams", "datagram", "Datagrams sent."),
    ("Udp", "NoPorts"): _rate("udp.no_ports", "datagram", "For a port nobody listens at."),
    ("Udp", "InErrors"): _rate("udp.in_errors", "datagram", "Lost here, for any reason."),
    ("Udp", "RcvbufErrors"): _rate(
        "udp.rcv_buf_errors", "datagram", "Lost because a receive buffer was full."
    ),
    ("Udp", "SndbufErrors"): _rate(
        "udp.snd_buf_errors", "datagram", "Not sent because a send buffer was full."
    ),
    ("Udp", "InCsumErrors"): _rate("udp.in_csum_errors", "datagram", "With a wrong checksum."),
    ("Ip", "InReceives"): _rate("ip.in_receives", "packet", "IP packets received."),
    ("Ip", "OutRequests"): _rate("ip.out_requests", "packet", "IP packets sent."),
    ("Ip", "InDiscards"): _rate("ip.in_discards", "packet", "Received and thrown away."),
    ("Ip", "OutDiscards"): _rate("ip.out_discards", "packet", "Thrown away instead of sent."),
    ("Ip", "ForwDatagrams"): _rate("ip.forwarded_datagrams", "packet", "Forwarded."),
    ("Ip", "ReasmFails"): _rate("ip.reassembly_fails", "packet", "Fragments never made whole."),
}
"""(protocol, counter of the kernel) → metric."""

ESTABLISHED = Metric(
    "system.net.tcp.current_established", unit="connection", help="TCP connections, IPv4 and IPv6."
)


def _sockets(name: str, help_: str, unit: str = "socket") -> Metric:
    return Metric(f"system.net.sockets.{name}", unit=unit, help=help_)


SOCKETS = {
    ("sockets", "used"): _sockets("used", "Sockets of all kinds."),
    ("TCP", "inuse"): _sockets("tcp_in_use", "TCP sockets over IPv4, TIME_WAIT left out."),
    ("TCP", "orphan"): _sockets("tcp_orphan", "TCP sockets no process holds any more."),
    ("TCP", "tw"): _sockets("tcp_time_wait", "TCP sockets in TIME_WAIT."),
    ("TCP", "alloc"): _sockets("tcp_allocated", "TCP sockets allocated."),
    ("TCP", "mem"): _sockets("tcp_memory", "Memory of TCP buffers.", "page"),
    ("TCP6", "inuse"): _sockets("tcp6_in_use", "TCP sockets over IPv6, TIME_WAIT left out."),
    ("UDP", "inuse"): _sockets("udp_in_use", "UDP sockets over IPv4."),
    ("UDP", "mem"): _sockets("udp_memory", "Memory of UDP buffers.", "page"),
    ("UDP6", "inuse"): _sockets("udp6_in_use", "UDP sockets over IPv6."),
    ("RAW", "inuse"): _sockets("raw_in_use", "Raw sockets over IPv4."),
    ("FRAG", "memory"): _sockets("frag_memory", "Memory of packets not yet whole.", "byte"),
}
METRICS = (*RATES.values(), ESTABLISHED, *SOCKETS.values())


def parse_snmp(data: bytes) -> dict[tuple[str, str], int]:
    """From /proc/net/snmp and netstat: a line of names, then one of numbers, per protocol.

    A pair of lines that do not belong together is left out.
    """
    found: dict[tuple[str, str], int] = {}
    names: list[str] = []
    for line in data.decode("ascii", "replace").splitlines():
        words = line.split()
        if names and words and words[0] == names[0]:
            for name, value in zip(names[1:], words[1:], strict=False):
                if value.isdigit():  # Tcp MaxConn is -1
                    found[names[0].rstrip(":"), name] = int(value)
            names = []
        else:
            names = words
    return found


def parse_sockstat(data: bytes) -> dict[tuple[str, str], int]:
    """From /proc/net/sockstat and sockstat6: `TCP: inuse 5 orphan 0 tw 2 alloc 7 mem 3`."""
    found: dict[tuple[str, str], int] = {}
    for line in data.splitlines():
        protocol, _, rest = procfs.text(line).partition(":")
        words = rest.split()
        for name, value in zip(words[::2], words[1::2], strict=False):
            if value.isdigit():
                found[protocol, name] = int(value)
    return found
