"""The kernel's table of tracked connections (netfilter): how full it is, and what it had to refuse.

A full table drops new connections, which nothing else shows.
"""

from __future__ import annotations

from gnomon.agent.sources import procfs
from gnomon.core import settings
from gnomon.core.component import Context, Output
from gnomon.core.errors import NoData
from gnomon.core.model import Kind, Metric

COUNT = Metric("system.net.conntrack.count", unit="connection", help="Tracked connections.")
MOST = Metric("system.net.conntrack.max", unit="connection", help="The most there may be.")
IN_USE = Metric("system.net.conntrack.in_use", unit="fraction", help="Count divided by max.")


def _events(name: str, help_: str) -> Metric:
    return Metric(f"system.net.conntrack.{name}", Kind.COUNT, "event", help_)


EVENTS = {
    b"invalid": _events("invalid", "Packets that fit no connection."),
    b"insert_failed": _events("insert_failed", "Connections that could not be entered."),
    b"drop": _events("drop", "Packets dropped because the table was full."),
    b"early_drop": _events("early_drop", "Connections thrown out to make room."),
    b"search_restart": _events("search_restart", "Searches begun again: the table was resized."),
}
METRICS = (COUNT, MOST, IN_USE, *EVENTS.values())


class Settings(settings.Settings, frozen=True, kw_only=True):
    """There is nothing to set."""


class Conntrack:
    """Reads `/proc/sys/net/netfilter` and `/proc/net/stat/nf_conntrack`; Linux only."""

    Settings = Settings
    DEFAULT = True
    PLATFORMS = ("linux",)

    def __init__(self, settings_: Settings, context: Context) -> None:
        del settings_
        folder = context.proc("sys", "net", "netfilter")
        self._count = folder / "nf_conntrack_count"
        self._most = folder / "nf_conntrack_max"
        self._stat = procfs.own(context, "net", "stat", "nf_conntrack")

    def collect(self, out: Output) -> None:
        """Puts how full the table is, and the events if this kernel counts them."""
        count = procfs.number(procfs.read(self._count))
        most = procfs.number(procfs.read(self._most))
        if count is None or most is None:
            raise NoData("nf_conntrack_count or nf_conntrack_max holds no number")
        out.put(COUNT, count)
        out.put(MOST, most)
        if most:
            out.put(IN_USE, count / most)
        totals = parse(procfs.read_if_there(self._stat))
        for name, metric in EVENTS.items():
            if name in totals:
                out.delta(metric, totals[name])

    def close(self) -> None:
        """Holds nothing open."""


component = Conntrack


def parse(data: bytes) -> dict[bytes, int]:
    """Sums over processors, from a line of names and a line of hexadecimal numbers for each."""
    lines = data.splitlines()
    names = lines[0].split() if lines else []
    totals: dict[bytes, int] = {}
    for line in lines[1:]:
        for name, value in zip(names, line.split(), strict=False):
            try:
                totals[name] = totals.get(name, 0) + int(value, 16)
            except ValueError:
                continue
    return totals
