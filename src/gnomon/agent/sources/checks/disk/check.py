"""The check itself: mount table → questions → samples."""

from __future__ import annotations

import os
import re
from typing import Any

from gnomon.agent.sources import procfs
from gnomon.agent.sources.checks.disk import mounts
from gnomon.agent.sources.checks.disk.asking import Asker, Usage
from gnomon.agent.sources.checks.disk.mounts import Mount, Rules
from gnomon.agent.sources.patterns import pattern
from gnomon.core import settings
from gnomon.core.component import Context, Output
from gnomon.core.errors import NoData
from gnomon.core.model import Metric, Status

TOTAL = Metric("system.disk.total", unit="kibibyte", help="Size of the file system.")
USED = Metric("system.disk.used", unit="kibibyte", help="Space in use.")
FREE = Metric("system.disk.free", unit="kibibyte", help="Space an ordinary user may still take.")
IN_USE = Metric("system.disk.in_use", unit="fraction", help="Used divided by used and free.")
INODES = Metric("system.fs.inodes.total", unit="inode", help="Inodes there are.")
INODES_USED = Metric("system.fs.inodes.used", unit="inode", help="Inodes in use.")
INODES_FREE = Metric("system.fs.inodes.free", unit="inode", help="Inodes that are free.")
INODES_IN_USE = Metric("system.fs.inodes.in_use", unit="fraction", help="Used divided by total.")
METRICS = (TOTAL, USED, FREE, IN_USE, INODES, INODES_USED, INODES_FREE, INODES_IN_USE)

RESPONDS = "disk.responds"
READ_WRITE = "disk.read_write"
SERVICE_CHECKS = {
    RESPONDS: "Critical while a file system does not answer, or answers with an error.",
    READ_WRITE: "Critical for a file system mounted read-only; only with `service_check_rw`.",
}


class Settings(settings.Settings, frozen=True, kw_only=True):
    """The keys of Datadog Agent 5's `disk.yaml`."""

    use_mount: bool = False
    """Whether the label `device` has the mount point instead of the device."""
    all_partitions: bool = False
    """Whether file systems without a disk (tmpfs, overlay, squashfs ...) count too."""
    excluded_filesystems: tuple[str, ...] = ()
    """Types of file systems to leave out: `[nfs4, vfat]`."""
    excluded_disks: tuple[str, ...] = ()
    """Devices to leave out: `[/dev/sdb1]`."""
    excluded_disk_re: str = ""
    """Regular expression; devices that begin like this are left out."""
    excluded_mountpoint_re: str = ""
    """Regular expression; mount points that begin like this are left out."""
    tag_by_filesystem: bool = False
    """Whether there is a label `filesystem` with its type."""
    device_tag_re: dict[str, str] = {}
    """Regular expression of a device → labels it gets: `{"/dev/sd.*": "kind:san,tier:1"}`."""
    service_check_rw: bool = False
    """Whether to report a file system that is mounted read-only (service check `disk.read_write`)."""
    min_disk_size: int = 0
    """Smaller file systems are left out; in MiB. Those of size 0 always are."""
    timeout: settings.Duration = settings.Duration(3)
    """How long a file system may take to answer before it counts as hanging."""


class Disk:
    """Reads the mount table and asks `statvfs`; psutil elsewhere."""

    Settings = Settings
    DEFAULT = True

    def __init__(self, settings_: Settings, context: Context) -> None:
        self._settings = settings_
        self._context = context
        self._mounts = procfs.own(context, "mounts")
        self._rules = Rules(
            settings_.all_partitions,
            frozenset(settings_.excluded_filesystems),
            frozenset(settings_.excluded_disks),
            pattern("excluded_disk_re", settings_.excluded_disk_re),
            pattern("excluded_mountpoint_re", settings_.excluded_mountpoint_re),
        )
        self._tags = [
            (expression, _labels(text))
            for key, text in settings_.device_tag_re.items()
            if (expression := pattern("device_tag_re", key))
        ]
        self._asker = Asker(self.statvfs)

    def collect(self, out: Output) -> None:
        """Puts space and inodes of each file system that counts."""
        found = mounts.parse(procfs.read(self._mounts)) if procfs.LINUX else mounts.read_psutil()
        chosen = {mount.point: mount for mount in self._rules.select(found)}
        if not chosen:
            raise NoData("no file system with a disk is mounted here")
        answers = self._asker.round(list(chosen), self._settings.timeout)
        for point, answer in answers.answered.items():
            labels = self._labels(chosen[point])
            if isinstance(answer, PermissionError):
                continue  # somebody's private mount (FUSE): none of our business
            if isinstance(answer, OSError):
                out.status(RESPONDS, Status.CRITICAL, str(answer.strerror), labels)
            elif answer.total > self._settings.min_disk_size << 20:
                out.status(RESPONDS, Status.OK, "", labels)
                put(out, answer, labels)
                self._put_writable(out, chosen[point], labels)
        for point in answers.hanging:
            message = f"no answer within {self._settings.timeout:g} s"
            out.status(RESPONDS, Status.CRITICAL, message, self._labels(chosen[point]))

    def _put_writable(self, out: Output, mount: Mount, labels: dict[str, str]) -> None:
        if self._settings.service_check_rw:
            status = Status.CRITICAL if mount.read_only else Status.OK
            out.status(READ_WRITE, status, "mounted read-only" if status else "", labels)

    def _labels(self, mount: Mount) -> dict[str, str]:
        point = procfs.text(mount.point)
        if self._settings.use_mount:
            labels = {"device": point}
        else:
            labels = {"device": mount.device, "mount": point}
        if self._settings.tag_by_filesystem:
            labels["filesystem"] = mount.filesystem
        for expression, more in self._tags:
            if expression.match(mount.device):
                labels |= more
        return labels

    def statvfs(self, point: str) -> Usage:
        """Asks the kernel (psutil on Windows). May hang; may raise `OSError`."""
        path = self._context.root / point.lstrip("/")
        if not hasattr(os, "statvfs"):
            return _usage_psutil(point)
        found = os.statvfs(path)
        unit = found.f_frsize
        return Usage(
            total=found.f_blocks * unit,
            free=found.f_bfree * unit,
            available=found.f_bavail * unit,
            inodes=found.f_files,
            inodes_free=found.f_ffree,
        )

    def close(self) -> None:
        """Threads that hang end with their file system, or with the process."""


def put(out: Output, usage: Usage, labels: dict[str, str]) -> None:
    """Puts what one file system answered."""
    used = usage.total - usage.free
    out.put(TOTAL, usage.total / 1024, labels)
    out.put(USED, used / 1024, labels)
    out.put(FREE, usage.available / 1024, labels)
    if used + usage.available:
        out.put(IN_USE, used / (used + usage.available), labels)
    if usage.inodes:
        inodes_used = usage.inodes - usage.inodes_free
        out.put(INODES, usage.inodes, labels)
        out.put(INODES_USED, inodes_used, labels)
        out.put(INODES_FREE, usage.inodes_free, labels)
        out.put(INODES_IN_USE, inodes_used / usage.inodes, labels)


def _labels(text: str) -> dict[str, str]:
    """`kind:san,tier:1` → labels; a bare word `x` is `x="true"`, as with Datadog tags."""
    pairs: dict[str, str] = {}
    for tag in filter(None, re.split(r"\s*,\s*", text.strip())):
        name, colon, value = tag.partition(":")
        pairs[name] = value.strip() if colon else "true"
    return pairs


def _usage_psutil(point: str) -> Usage:
    import psutil  # noqa: PLC0415  # only on Windows

    found: Any = psutil.disk_usage(point)
    return Usage(total=found.total, free=found.free, available=found.free)
