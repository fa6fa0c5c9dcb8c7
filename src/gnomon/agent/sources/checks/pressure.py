"""How much time is lost waiting for CPU, memory and disks (PSI, kernels since 4.20).

`some` is the share of the time in which at least one task waited, `full` that in which all that
were not idle waited at once. It tells of a shortage that utilisation does not show.
"""

from __future__ import annotations

from gnomon.agent.sources import procfs
from gnomon.core import settings
from gnomon.core.component import Context, Output
from gnomon.core.errors import NoData
from gnomon.core.model import Kind, Metric

RESOURCES = {
    "cpu": "a processor",
    "memory": "memory",
    "io": "a disk",
    "irq": "the end of an interrupt",
}
_WHO = {"some": "at least one task", "full": "all tasks"}
STALLED = {
    (resource, who): Metric(
        f"system.pressure.{resource}.{who}",
        Kind.GAUGE,
        "percent",
        f"Time in which {_WHO[who]} waited for {what}.",
    )
    for resource, what in RESOURCES.items()
    for who in _WHO
}
METRICS = tuple(STALLED.values())


class Settings(settings.Settings, frozen=True, kw_only=True):
    """There is nothing to set."""


class Pressure:
    """Reads `/proc/pressure`; Linux only."""

    Settings = Settings
    DEFAULT = True
    PLATFORMS = ("linux",)

    def __init__(self, settings_: Settings, context: Context) -> None:
        del settings_
        self._files = {resource: context.proc("pressure", resource) for resource in RESOURCES}

    def collect(self, out: Output) -> None:
        """Puts shares of the time since the run before."""
        found = False
        for resource, file in self._files.items():
            for who, total in parse(procfs.read_if_there(file)).items():
                found = True
                # Microseconds per second, put as hundredths of the time: 1 s = 10^6 µs = 100 %.
                out.rate(STALLED[resource, who], total / 10_000)
        if not found:
            raise NoData("this kernel does not measure pressure (PSI is not there or switched off)")

    def close(self) -> None:
        """Holds nothing open."""


component = Pressure


def parse(data: bytes) -> dict[str, int]:
    """`some` and `full` → microseconds since boot; lines that are not of the form are left out.

    `some avg10=0.37 avg60=0.40 avg300=0.77 total=32583019`
    """
    found: dict[str, int] = {}
    for line in data.decode("ascii", "replace").splitlines():
        who, _, rest = line.partition(" ")
        total = rest.rpartition("total=")[2]
        if who in _WHO and total.isdigit():
            found[who] = int(total)
    return found
