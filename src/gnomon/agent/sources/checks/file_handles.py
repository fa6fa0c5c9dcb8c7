"""Open files of the whole host, against the most the kernel allows."""

from __future__ import annotations

from gnomon.agent.sources import procfs
from gnomon.core import settings
from gnomon.core.component import Context, Output
from gnomon.core.errors import NoData
from gnomon.core.model import Metric


def _handles(name: str, help_: str) -> Metric:
    return Metric(f"system.fs.file_handles.{name}", unit="file", help=help_)


ALLOCATED = _handles("allocated", "File handles the kernel has made.")
UNUSED = _handles("allocated_unused", "File handles made and free again.")
USED = _handles("used", "File handles in use.")
MOST = _handles("max", "The most there may be.")
IN_USE = Metric("system.fs.file_handles.in_use", unit="fraction", help="Used divided by max.")
METRICS = (ALLOCATED, UNUSED, USED, MOST, IN_USE)


class Settings(settings.Settings, frozen=True, kw_only=True):
    """There is nothing to set."""


class FileHandles:
    """Reads `/proc/sys/fs/file-nr`; Linux only."""

    Settings = Settings
    DEFAULT = True
    PLATFORMS = ("linux",)

    def __init__(self, settings_: Settings, context: Context) -> None:
        del settings_
        self._path = context.proc("sys", "fs", "file-nr")

    def collect(self, out: Output) -> None:
        """Puts the three numbers of the kernel and what follows from them."""
        allocated, unused, most = parse(procfs.read(self._path))
        out.put(ALLOCATED, allocated)
        out.put(UNUSED, unused)
        out.put(USED, allocated - unused)
        out.put(MOST, most)
        if most:
            out.put(IN_USE, (allocated - unused) / most)

    def close(self) -> None:
        """Holds nothing open."""


component = FileHandles


def parse(data: bytes) -> tuple[int, int, int]:
    """Allocated, unused and most, from the text of file-nr: `635 0 2465620`."""
    try:
        allocated, unused, most = (int(word) for word in data.split())
    except ValueError:
        raise NoData(f"file-nr has no three numbers: {procfs.text(data)!r}") from None
    return allocated, unused, most
