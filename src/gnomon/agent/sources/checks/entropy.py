"""Random bits the kernel has gathered. Kernels since 5.18 always say 256."""

from __future__ import annotations

from gnomon.agent.sources import procfs
from gnomon.core import settings
from gnomon.core.component import Context, Output
from gnomon.core.errors import NoData
from gnomon.core.model import Metric

AVAILABLE = Metric("system.entropy.available", unit="bit", help="Random bits the kernel has.")
METRICS = (AVAILABLE,)


class Settings(settings.Settings, frozen=True, kw_only=True):
    """There is nothing to set."""


class Entropy:
    """Reads `/proc/sys/kernel/random/entropy_avail`; Linux only."""

    Settings = Settings
    DEFAULT = True
    PLATFORMS = ("linux",)

    def __init__(self, settings_: Settings, context: Context) -> None:
        del settings_
        self._path = context.proc("sys", "kernel", "random", "entropy_avail")

    def collect(self, out: Output) -> None:
        """Puts the number."""
        bits = procfs.number(procfs.read(self._path))
        if bits is None:
            raise NoData("entropy_avail holds no number")
        out.put(AVAILABLE, bits)

    def close(self) -> None:
        """Holds nothing open."""


component = Entropy
