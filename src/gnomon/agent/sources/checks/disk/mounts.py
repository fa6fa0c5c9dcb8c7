"""Which file systems there are, and which of them count."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from gnomon.agent.sources import procfs

PSEUDO = frozenset(
    {
        *("autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts"),
        *("devtmpfs", "efivarfs", "fusectl", "fuse.gvfsd-fuse", "fuse.lxcfs", "fuse.portal"),
        *("fuse.snapfuse", "hugetlbfs", "iso9660", "mqueue", "nsfs", "overlay", "proc", "pstore"),
        *("ramfs", "rootfs", "rpc_pipefs", "securityfs", "selinuxfs", "squashfs", "sysfs"),
        *("tmpfs", "tracefs", "udf"),
    }
)
"""File systems without a disk of their own, and those that are always full (images, optical)."""


CONTAINER_FILES = frozenset(
    {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/termination-log"}
)
"""Single files that container runtimes mount from a disk of the host."""


class Mount(NamedTuple):
    """A line of the mount table."""

    device: str
    point: str
    """As the kernel gives it: bytes that are no UTF-8 are kept as surrogates, fit for `open`."""
    filesystem: str
    read_only: bool


class Rules(NamedTuple):
    """What the settings say about which mounts count."""

    all_partitions: bool
    filesystems: frozenset[str]
    disks: frozenset[str]
    disk_pattern: re.Pattern[str] | None
    point_pattern: re.Pattern[str] | None

    def exclude(self, mount: Mount) -> bool:
        """Whether the settings leave it out."""
        return (
            mount.filesystem in self.filesystems
            or mount.device in self.disks
            or bool(self.disk_pattern and self.disk_pattern.match(mount.device))
            or bool(self.point_pattern and self.point_pattern.match(mount.point))
        )

    def pseudo(self, mount: Mount) -> bool:
        """Whether it has no disk. The root of a container is an overlay, and still its disk."""
        if mount.point in CONTAINER_FILES:
            return True
        return mount.filesystem in PSEUDO and (mount.filesystem, mount.point) != ("overlay", "/")

    def select(self, mounts: Iterable[Mount]) -> list[Mount]:
        """Those that count: each device once, at the shortest of its mount points.

        What is mounted over is hidden: of two mounts at one point the later is the one seen.
        """
        seen = {mount.point: mount for mount in mounts}
        chosen: dict[str, Mount] = {}
        for mount in sorted(seen.values(), key=lambda mount: (len(mount.point), mount.point)):
            if self.exclude(mount) or (not self.all_partitions and self.pseudo(mount)):
                continue
            # Pseudo file systems share a name ("tmpfs"), not a disk.
            key = mount.point if self.pseudo(mount) else mount.device
            chosen.setdefault(key, mount)
        return list(chosen.values())


_ESCAPE = re.compile(rb"\\([0-7]{3})")


def parse(data: bytes) -> list[Mount]:
    """From the text of /proc/mounts, where blanks in names are octal escapes."""
    mounts: list[Mount] = []
    for line in data.splitlines():
        fields = [_ESCAPE.sub(_unescape, field) for field in line.split(b" ")]
        if len(fields) < 4 or not fields[1].startswith(b"/"):
            continue
        device, point, filesystem, options = fields[:4]
        mounts.append(
            Mount(
                procfs.text(device),
                point.decode("utf-8", "surrogateescape"),
                procfs.text(filesystem),
                b"ro" in options.split(b","),
            )
        )
    return mounts


def _unescape(match: re.Match[bytes]) -> bytes:
    return bytes((int(match.group(1), 8) & 0xFF,))


def read_psutil() -> list[Mount]:
    """The same from psutil."""
    import psutil  # noqa: PLC0415  # only where there is no /proc

    return [
        Mount(part.device, part.mountpoint, part.fstype, "ro" in part.opts.split(","))
        for part in psutil.disk_partitions(all=False)
        if "cdrom" not in part.opts and part.fstype
    ]
