"""Follows a text file that others append to and rotate, a bounded piece at a time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

_LONGEST_LINE = 1 << 20
"""A line that goes on beyond this many bytes is handed out in pieces."""


_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class News(NamedTuple):
    """What came since the look before."""

    lines: list[bytes]
    """Whole lines, without their ends."""
    backlog: int
    """Bytes that were left for the next look, because of the limit."""


class Follower:
    """Remembers how far a file was read. Keeps it open, so that a rotated file is read to its end.

    What was in the file before the first look counts as read, unless `from_start`; a file that
    appears later is read from its start. A file that became shorter was emptied: it is read from
    its start again. Its place is kept in memory: what is written while nobody follows is not seen.
    """

    def __init__(self, path: Path, limit: int, *, from_start: bool = False) -> None:
        """`limit`: bytes a look may read."""
        self._path = path
        self._limit = limit
        self._skip = not from_start
        self._file: int | None = None
        self._offset = 0
        self._begun = b""

    def look(self) -> News:
        """New lines. Raises `OSError` if the file is there and cannot be read."""
        lines: list[bytes] = []
        left = self._limit
        if self._file is not None and self._rotated():
            left -= self._read(lines, left)
            if left <= 0:
                return News(lines, self._unread())
            self._leave(lines)
        if self._file is None and not self._open():
            return News(lines, 0)
        self._read(lines, left)
        return News(lines, self._unread())

    def close(self) -> None:
        """Lets go of the file, and of the place in it."""
        self._leave([])

    def _open(self) -> bool:
        """Opens the file if it is there."""
        try:
            self._file = os.open(self._path, _FLAGS)
        except FileNotFoundError:
            self._skip = False  # whatever appears now is new
            return False
        self._offset = os.fstat(self._file).st_size if self._skip else 0
        self._skip = False
        return True

    def _rotated(self) -> bool:
        """Whether the name now belongs to another file, or to none."""
        assert self._file is not None
        mine = os.fstat(self._file)
        try:
            named = os.stat(self._path)  # noqa: PTH116  # as fstat beside it
        except FileNotFoundError:
            return True
        return (mine.st_dev, mine.st_ino) != (named.st_dev, named.st_ino)

    def _read(self, lines: list[bytes], limit: int) -> int:
        """Reads on from the open file; how many bytes it was."""
        assert self._file is not None
        size = os.fstat(self._file).st_size
        if size < self._offset:
            self._offset, self._begun = 0, b""
        wanted = min(limit, size - self._offset)
        if wanted <= 0:
            return 0
        os.lseek(self._file, self._offset, os.SEEK_SET)
        data = os.read(self._file, wanted)
        self._offset += len(data)
        *whole, self._begun = (self._begun + data).split(b"\n")
        lines += whole
        if len(self._begun) > _LONGEST_LINE:
            lines.append(self._begun)
            self._begun = b""
        return len(data)

    def _unread(self) -> int:
        assert self._file is not None
        return max(0, os.fstat(self._file).st_size - self._offset)

    def _leave(self, lines: list[bytes]) -> None:
        """Closes the file; its last line may lack an end."""
        if self._begun:
            lines.append(self._begun)
        if self._file is not None:
            os.close(self._file)
        self._file, self._offset, self._begun = None, 0, b""
