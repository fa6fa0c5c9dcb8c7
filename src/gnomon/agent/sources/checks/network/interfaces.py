"""Traffic of each interface: /proc/net/dev, or psutil elsewhere."""

from __future__ import annotations

from typing import NamedTuple

from gnomon.agent.sources import procfs
from gnomon.core.model import Kind, Metric


def _rate(name: str, unit: str, help_: str) -> Metric:
    return Metric(f"system.net.{name}", Kind.RATE, f"{unit}/second", help_)


class Traffic(NamedTuple):
    """Totals of one interface since boot."""

    bytes_in: int
    packets_in: int
    errors_in: int
    drops_in: int
    bytes_out: int
    packets_out: int
    errors_out: int
    drops_out: int


BYTES_IN = _rate("bytes_rcvd", "byte", "Received.")
BYTES_OUT = _rate("bytes_sent", "byte", "Sent.")
PACKETS_IN = _rate("packets_in.count", "packet", "Packets received.")
ERRORS_IN = _rate("packets_in.error", "error", "Received in error or dropped.")
DROPS_IN = _rate("packets_in.drop", "packet", "Received and dropped: no room, or no use for them.")
PACKETS_OUT = _rate("packets_out.count", "packet", "Packets sent.")
ERRORS_OUT = _rate("packets_out.error", "error", "Sent in error or dropped.")
DROPS_OUT = _rate("packets_out.drop", "packet", "Dropped instead of sent.")
METRICS = (
    *(BYTES_IN, BYTES_OUT, PACKETS_IN, ERRORS_IN, DROPS_IN),
    *(PACKETS_OUT, ERRORS_OUT, DROPS_OUT),
)


def totals(traffic: Traffic) -> dict[Metric, int]:
    """What is shown of one interface, as cumulative totals."""
    return {
        BYTES_IN: traffic.bytes_in,
        BYTES_OUT: traffic.bytes_out,
        PACKETS_IN: traffic.packets_in,
        ERRORS_IN: traffic.errors_in + traffic.drops_in,
        DROPS_IN: traffic.drops_in,
        PACKETS_OUT: traffic.packets_out,
        ERRORS_OUT: traffic.errors_out + traffic.drops_out,
        DROPS_OUT: traffic.drops_out,
    }


def parse(data: bytes) -> dict[str, Traffic]:
    """Interface → totals, from the text of /proc/net/dev.

    A long name leaves no blank before the first number (`veth12345:678`), and a name may have a
    colon of its own (`eth0:1`), so the last colon of the line ends it.
    """
    found: dict[str, Traffic] = {}
    for line in data.splitlines():
        name, colon, numbers = line.rpartition(b":")
        columns = numbers.split()
        if not colon or len(columns) < 12 or not all(word.isdigit() for word in columns[:12]):
            continue
        column = [int(word) for word in columns[:12]]
        found[procfs.text(name.strip())] = Traffic(*column[:4], *column[8:12])
    return found


def read_psutil() -> dict[str, Traffic]:
    """The same from psutil."""
    import psutil  # noqa: PLC0415  # only where there is no /proc

    return {
        name: Traffic(
            bytes_in=of.bytes_recv,
            packets_in=of.packets_recv,
            errors_in=of.errin,
            drops_in=of.dropin,
            bytes_out=of.bytes_sent,
            packets_out=of.packets_sent,
            errors_out=of.errout,
            drops_out=of.dropout,
        )
        for name, of in psutil.net_io_counters(pernic=True).items()
    }
