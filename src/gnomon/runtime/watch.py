"""Notices that files changed, by looking at them: works on every file system and needs nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

Fingerprint = dict[str, tuple[int, int, int]]


def fingerprint(paths: Iterable[Path]) -> Fingerprint:
    """Name → (inode, size, mtime in ns) of the files, and of the files in the folders, among them."""
    found: Fingerprint = {}
    for path in paths:
        try:
            files = sorted(path.iterdir()) if path.is_dir() else [path]
        except OSError:
            files = []
        for file in files:
            try:
                stat = file.stat()
            except OSError:
                continue
            found[str(file)] = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return found
