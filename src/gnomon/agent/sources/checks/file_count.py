"""Counts the files of a folder: how many, how large, how old.

For spool folders, backups, archived logs. A folder that grows beyond `max_entries` is not walked to
its end: the run ends with an error that says so.
"""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from gnomon.agent.sources import procfs
from gnomon.core import settings
from gnomon.core.component import Context, Output
from gnomon.core.errors import LimitExceeded, NeedsSetup, NoData
from gnomon.core.model import Metric

_LABELS = "Label `file`: the folder."
NUMBER = Metric("system.file.number", unit="file", help=f"Files in a folder. {_LABELS}")
SIZE = Metric("system.file.bytes", unit="byte", help=f"Their size together. {_LABELS}")
OLDEST = Metric(
    "system.file.oldest_age", unit="second", help=f"Time since the first was changed. {_LABELS}"
)
NEWEST = Metric(
    "system.file.newest_age", unit="second", help=f"Time since the last was changed. {_LABELS}"
)
METRICS = (NUMBER, SIZE, OLDEST, NEWEST)

EXAMPLE = """
init_config:

instances:
  - directory: /var/spool/exports
    pattern: '*.csv'
    recursive: true
  - directory: /var/backups/postgresql
    older_than: 26h
    interval: 10m
"""


class Settings(settings.Settings, frozen=True, kw_only=True):
    """Which files."""

    directory: str
    """The folder."""
    name: str = ""
    """What the label `file` says instead of the folder."""
    pattern: str = "*"
    """Only files whose name is like this: `*.csv`."""
    recursive: bool = False
    """Whether files in folders below count too."""
    directories: bool = False
    """Whether folders count as files."""
    older_than: settings.Duration = settings.Duration(0)
    """Only files that were not changed for so long."""
    max_entries: int = 200_000
    """Most entries to look at in a run."""


class FileCount:
    """Walks the folder; follows no links."""

    Settings = Settings

    def __init__(self, settings_: Settings, context: Context) -> None:
        self._settings = settings_
        self._path = context.root / settings_.directory.lstrip("/")
        self._clock = context.clock

    def collect(self, out: Output) -> None:
        """Puts number and size, and the ages if there is a file."""
        now = self._clock.now() / 1000
        size = number = 0
        oldest, newest = float("inf"), float("-inf")
        for found in self._walk(self._path):
            least = self._settings.older_than
            if least and now - found.st_mtime < least:
                continue
            number += 1
            size += 0 if stat.S_ISDIR(found.st_mode) else found.st_size
            oldest, newest = min(oldest, found.st_mtime), max(newest, found.st_mtime)
        label = self._settings.name or self._settings.directory
        out.put(NUMBER, number, file=label)
        out.put(SIZE, size, file=label)
        if number:
            out.put(OLDEST, max(0.0, now - oldest), file=label)
            out.put(NEWEST, max(0.0, now - newest), file=label)

    def _walk(self, top: Path) -> Iterator[os.stat_result]:
        """The files that count. Raises what `collect` may raise."""
        folders = [os.fspath(top)]
        seen = 0
        while folders:
            for entry in self._entries(folders.pop(), top):
                seen += 1
                if seen > self._settings.max_entries:
                    raise LimitExceeded(
                        f"more than max_entries: {self._settings.max_entries} in "
                        f"{self._settings.directory}; raise it or name a smaller folder"
                    )
                is_folder = entry.is_dir(follow_symlinks=False)
                if is_folder and self._settings.recursive:
                    folders.append(entry.path)
                wanted = self._settings.directories or not is_folder
                if wanted and fnmatch.fnmatch(procfs.text(entry.name), self._settings.pattern):
                    try:
                        yield entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue  # it went while we looked

    def _entries(self, folder: str, top: Path) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                return list(entries)
        except PermissionError:
            raise NeedsSetup(f"{folder} may not be read by this user") from None
        except OSError as error:
            if folder == os.fspath(top):
                raise NoData(f"{folder}: {error.strerror}") from None
            return []  # it went while we looked

    def close(self) -> None:
        """Holds nothing open."""


component = FileCount
