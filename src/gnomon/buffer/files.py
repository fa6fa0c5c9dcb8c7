"""The file system as the disk buffer sees it: a seam, so that tests can pull the plug.

All errors are `OSError`s, but for a folder that another process holds, which is `Permanent`.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from gnomon.core.errors import Permanent


class File(Protocol):
    """A file open for writing. `sync` may run beside the others, on a thread of its own."""

    def write(self, offset: int, data: bytes) -> None:
        """Writes all of it; when it raises, any part may have been written."""
        ...

    def truncate(self, size: int) -> None:
        """Cuts off what lies beyond."""
        ...

    def sync(self) -> None:
        """Returns when the content survives a power cut."""
        ...

    def close(self) -> None:
        """Lets go. May be called twice."""
        ...


class Lock(Protocol):
    """A folder held by this process."""

    def release(self) -> None:
        """Lets others have it. May be called twice."""
        ...


class Files(Protocol):
    """What a disk buffer does with files."""

    def lock(self, path: Path) -> Lock:
        """Makes the folder of this file if needed and holds it until released or killed.

        Raises `Permanent`, naming the process, if another one holds it.
        """
        ...

    def names(self, folder: Path) -> Sequence[str]:
        """Names of the files in a folder, in any order."""
        ...

    def size(self, path: Path) -> int:
        """Bytes in a file."""
        ...

    def read(self, path: Path, offset: int = 0, size: int = -1) -> bytes:
        """Up to `size` bytes from `offset` on; all that follow if negative."""
        ...

    def create(self, path: Path) -> File:
        """Opens a new file; one of that name must not exist."""
        ...

    def open(self, path: Path) -> File:
        """Opens a file that exists."""
        ...

    def replace(self, old: Path, new: Path) -> None:
        """Gives a file another name, in one step; what had that name is gone."""
        ...

    def remove(self, path: Path) -> None:
        """Deletes a file."""
        ...

    def sync_folder(self, folder: Path) -> None:
        """Returns when new, renamed and deleted names survive a power cut."""
        ...


class OsFile:
    """A file of the operating system."""

    def __init__(self, path: Path, flags: int) -> None:
        self._fd = os.open(path, flags | getattr(os, "O_CLOEXEC", 0), 0o640)
        # A file must not be closed under a running fsync: the number may be another file's by then.
        self._lock = threading.Lock()

    def write(self, offset: int, data: bytes) -> None:
        """Writes all of it, however short the single writes are."""
        os.lseek(self._fd, offset, os.SEEK_SET)
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def truncate(self, size: int) -> None:
        """Cuts off what lies beyond."""
        os.ftruncate(self._fd, size)

    def sync(self) -> None:
        """Returns when the content survives a power cut."""
        with self._lock:
            if self._fd >= 0:
                os.fsync(self._fd)

    def close(self) -> None:
        """Lets go. May be called twice."""
        with self._lock:
            fd, self._fd = self._fd, -1
            if fd >= 0:
                os.close(fd)


class OsLock:
    """An advisory lock on a file that holds our process id."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b")
        try:
            _hold(self._file.fileno())
        except OSError:
            self._file.seek(0)
            pid = self._file.read(20).decode("ascii", "replace").strip() or "unknown"
            self._file.close()
            raise Permanent(
                f"{path.parent} is in use by process {pid}; stop that one or use another folder"
            ) from None
        self._file.truncate(0)
        self._file.write(b"%d\n" % os.getpid())
        self._file.flush()

    def release(self) -> None:
        """Lets others have it. May be called twice."""
        self._file.close()


class OsFiles:
    """The file system of the operating system."""

    def lock(self, path: Path) -> Lock:
        """Holds a folder; see `Files`."""
        return OsLock(path)

    def names(self, folder: Path) -> Sequence[str]:
        """Names of the files in a folder."""
        return [path.name for path in folder.iterdir()]

    def size(self, path: Path) -> int:
        """Bytes in a file."""
        return path.stat().st_size

    def read(self, path: Path, offset: int = 0, size: int = -1) -> bytes:
        """A part of a file."""
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def create(self, path: Path) -> File:
        """Opens a new file."""
        return OsFile(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)

    def open(self, path: Path) -> File:
        """Opens a file that exists."""
        return OsFile(path, os.O_RDWR)

    def replace(self, old: Path, new: Path) -> None:
        """Renames."""
        old.replace(new)

    def remove(self, path: Path) -> None:
        """Deletes a file."""
        path.unlink()

    def sync_folder(self, folder: Path) -> None:
        """Syncs a folder, where the system can."""
        with suppress(PermissionError):  # Windows opens no folders
            fd = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)


if sys.platform == "win32":
    import msvcrt

    def _hold(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _hold(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
