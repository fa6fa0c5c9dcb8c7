"""How long the host has been up, and when it started."""

from __future__ import annotations

from gnomon.agent.sources import procfs
from gnomon.core import settings
from gnomon.core.component import Context, Output
from gnomon.core.errors import NoData
from gnomon.core.model import Metric

UPTIME = Metric("system.uptime", unit="second", help="Time since the host started.")
BOOT_TIME = Metric(
    "system.boot_time", unit="second", help="When the host started, in seconds since the epoch."
)
METRICS = (UPTIME, BOOT_TIME)


class Settings(settings.Settings, frozen=True, kw_only=True):
    """There is nothing to set."""


class Uptime:
    """Reads `/proc/uptime` and `/proc/stat`; psutil elsewhere."""

    Settings = Settings
    DEFAULT = True

    def __init__(self, settings_: Settings, context: Context) -> None:
        del settings_
        self._uptime = context.proc("uptime")
        self._stat = context.proc("stat")
        self._clock = context.clock

    def collect(self, out: Output) -> None:
        """Puts both."""
        if procfs.LINUX:
            out.put(UPTIME, parse(procfs.read(self._uptime)))
            booted = procfs.table(procfs.read_if_there(self._stat)).get(b"btime")
            if booted:
                out.put(BOOT_TIME, booted)
        else:
            booted = read_psutil()
            out.put(UPTIME, self._clock.now() / 1000 - booted)
            out.put(BOOT_TIME, booted)

    def close(self) -> None:
        """Holds nothing open."""


component = Uptime


def parse(data: bytes) -> float:
    """Seconds from the text of /proc/uptime: `350735.47 234388.90`."""
    try:
        return float(data.split()[0])
    except (IndexError, ValueError):
        raise NoData(f"/proc/uptime has no number: {procfs.text(data)!r}") from None


def read_psutil() -> float:
    """When the host started, in seconds since the epoch."""
    import psutil  # noqa: PLC0415  # only where there is no /proc

    return psutil.boot_time()
