"""A file system in memory that loses, tears and refuses what a real one may.

It keeps apart what was written and what would survive a power cut. Each change counts as an
operation; `cut_at` pulls the plug in the middle of one, after which nothing works until
`kill` (the process died, the system did not) or `power_cut` (only what was synced is certain).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from gnomon.buffer.files import File, Lock
from gnomon.core.errors import Permanent

Keep = Callable[[int], int]
"""How much of so much unsynced content survives: given n, something from 0 to n."""


def nothing(_size: int) -> int:
    """A `Keep`: all that was not synced is lost."""
    return 0


def everything(size: int) -> int:
    """A `Keep`: the system had written it all, though nobody asked it to."""
    return size


class Stopped(BaseException):
    """The plug was pulled. No `OSError`, so that nothing can handle it."""


class _Content:
    """The bytes of one file, as they are and as they are safe."""

    def __init__(self) -> None:
        self.now = bytearray()
        self.safe = b""
        self.since: list[tuple[int, bytes] | int] = []
        """Writes (offset and bytes) and truncations (size) since the last sync."""

    def change(self, change: tuple[int, bytes] | int) -> None:
        _apply(self.now, change)
        self.since.append(change)

    def sync(self) -> None:
        self.safe = bytes(self.now)
        self.since.clear()

    def cut(self, keep: Keep) -> None:
        sizes = [1 if isinstance(change, int) else len(change[1]) for change in self.since]
        left = keep(sum(sizes))
        content = bytearray(self.safe)
        for change, size in zip(self.since, sizes, strict=True):
            if left <= 0:
                break
            part = change if isinstance(change, int) else (change[0], change[1][:left])
            _apply(content, part)
            left -= size
        self.now = content
        self.sync()


class FaultyFiles:
    """`gnomon.buffer.files.Files` with faults; see the module's docstring."""

    def __init__(self) -> None:
        self.operations = 0
        """Changes so far."""
        self.cut_at: int | None = None
        """The number of the operation in which the plug is pulled."""
        self.torn: Keep = nothing
        """How much of a write is done when the plug is pulled."""
        self.capacity: int | None = None
        """Bytes on the disk; beyond it a write is cut short and `ENOSPC` raised."""
        self._failing: dict[str, tuple[int, int]] = {}
        self._names: dict[Path, _Content] = {}
        self._safe_names: dict[Path, _Content] = {}
        self._renamed: list[dict[Path, _Content]] = []
        self._locked: set[Path] = set()
        self._stopped = False
        self._life = 0

    def fail(self, operation: str, code: int, times: int = 1) -> None:
        """The next `times` operations of this kind (a method's name) raise this `errno`."""
        self._failing[operation] = (code, times)

    def kill(self) -> None:
        """The process died; the system goes on."""
        self._locked.clear()
        self._stopped = False
        self.cut_at = None
        self._life += 1

    def power_cut(self, keep: Keep = nothing) -> None:
        """The system died: `keep` of what was not synced survives, the oldest changes first."""
        self.kill()
        kept = keep(len(self._renamed))
        self._names = dict(self._renamed[kept - 1] if kept > 0 else self._safe_names)
        self._renamed.clear()
        self._safe_names = dict(self._names)
        for content in self._names.values():
            content.cut(keep)

    def damage(self, path: Path, offset: int, data: bytes) -> None:
        """Bytes of a file change by themselves."""
        content = self._names[path]
        content.now[offset : offset + len(data)] = data
        content.sync()

    def lock(self, path: Path) -> Lock:
        """Holds a folder."""
        self._living()
        if path in self._locked:
            raise Permanent(f"{path.parent} is in use by process {os.getpid()}")
        self._locked.add(path)
        return _Lock(self, path, self._life)

    def unlock(self, path: Path, life: int) -> None:
        """Lets a folder go, if it is still the same process."""
        if life == self._life:
            self._locked.discard(path)

    def names(self, folder: Path) -> Sequence[str]:
        """Names of the files in a folder."""
        self._living()
        self._maybe_fail("names")
        return [path.name for path in self._names if path.parent == folder]

    def size(self, path: Path) -> int:
        """Bytes in a file."""
        return len(self._content(path).now)

    def read(self, path: Path, offset: int = 0, size: int = -1) -> bytes:
        """A part of a file."""
        self._living()
        self._maybe_fail("read")
        end = None if size < 0 else offset + size
        return bytes(self._content(path).now[offset:end])

    def create(self, path: Path) -> File:
        """Opens a new file."""
        self._begin("create")
        if path in self._names:
            raise FileExistsError(errno.EEXIST, "it is there already", str(path))
        self._names[path] = _Content()
        self._note_names()
        return _File(self, self._names[path])

    def open(self, path: Path) -> File:
        """Opens a file that exists."""
        self._living()
        return _File(self, self._content(path))

    def replace(self, old: Path, new: Path) -> None:
        """Renames."""
        self._begin("replace")
        self._names[new] = self._content(old)
        del self._names[old]
        self._note_names()

    def remove(self, path: Path) -> None:
        """Deletes a file."""
        self._begin("remove")
        self._content(path)
        del self._names[path]
        self._note_names()

    def sync_folder(self, folder: Path) -> None:  # noqa: ARG002  # names are kept as of one folder
        """Makes names safe."""
        self._begin("sync_folder")
        self._safe_names = dict(self._names)
        self._renamed.clear()

    def write(self, content: _Content, offset: int, data: bytes) -> None:
        """What a `_File` does."""
        self._begin("write", lambda: content.change((offset, data[: self.torn(len(data))])))
        room = len(data) if self.capacity is None else self._room(content, offset)
        content.change((offset, data[:room]))
        if room < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def truncate(self, content: _Content, size: int) -> None:
        """What a `_File` does."""
        self._begin("truncate")
        content.change(size)

    def sync(self, content: _Content) -> None:
        """What a `_File` does."""
        self._begin("sync")
        content.sync()

    def _room(self, content: _Content, offset: int) -> int:
        """Bytes that can be written to a file from an offset on."""
        unique = {id(one): one for one in self._names.values()}
        used = sum(len(one.now) for one in unique.values()) - len(content.now)
        return max(0, (self.capacity or 0) - used - offset)

    def _begin(self, operation: str, torn: Callable[[], None] | None = None) -> None:
        """Counts an operation, and stops or fails in it if that was asked for."""
        self._living()
        self.operations += 1
        if self.operations == self.cut_at:
            self._stopped = True
            if torn is not None:
                torn()
            raise Stopped
        self._maybe_fail(operation)

    def _living(self) -> None:
        if self._stopped:
            raise Stopped

    def _maybe_fail(self, operation: str) -> None:
        code, times = self._failing.get(operation, (0, 0))
        if times > 0:
            self._failing[operation] = (code, times - 1)
            raise OSError(code, os.strerror(code))

    def _content(self, path: Path) -> _Content:
        if path not in self._names:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return self._names[path]

    def _note_names(self) -> None:
        self._renamed.append(dict(self._names))


class _File:
    def __init__(self, files: FaultyFiles, content: _Content) -> None:
        self._files = files
        self._content = content

    def write(self, offset: int, data: bytes) -> None:
        self._files.write(self._content, offset, data)

    def truncate(self, size: int) -> None:
        self._files.truncate(self._content, size)

    def sync(self) -> None:
        self._files.sync(self._content)

    def close(self) -> None:
        pass


class _Lock:
    def __init__(self, files: FaultyFiles, path: Path, life: int) -> None:
        self._files = files
        self._path = path
        self._life = life

    def release(self) -> None:
        self._files.unlock(self._path, self._life)


def _apply(content: bytearray, change: tuple[int, bytes] | int) -> None:
    if isinstance(change, int):
        del content[change:]
        return
    offset, data = change
    if not data:
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data
