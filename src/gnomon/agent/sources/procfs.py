"""Reads the small files in which a kernel shows its numbers, and says plainly when one is missing.

Files are opened anew each time: measured, open and close are 3 of the 15 µs that one takes, and a
file that is kept open would show a container or a network namespace that is long gone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from gnomon.core.component import Context
from gnomon.core.errors import NeedsSetup, NoData, Retryable

LINUX: bool = sys.platform == "linux"
"""Elsewhere the checks ask psutil, which they import only then."""


def read(path: Path | str) -> bytes:
    """The whole file.

    Raises `NoData` where it does not exist, `NeedsSetup` where this user may not read it, else
    `Retryable`.
    """
    try:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        try:
            data = os.read(file, 65536)
            # A kernel file may give less than was asked for before its end: only b"" is the end.
            parts = [data]
            while data:
                data = os.read(file, 1 << 20)
                parts.append(data)
        finally:
            os.close(file)
    except (FileNotFoundError, NotADirectoryError):
        raise NoData(f"{path} does not exist here") from None
    except PermissionError:
        raise NeedsSetup(f"{path} may not be read by this user") from None
    except OSError as error:
        raise Retryable(f"{path} cannot be read: {error.strerror}") from None
    return b"".join(parts)


def read_if_there(path: Path | str) -> bytes:
    """As `read`, but the empty string where it cannot be read."""
    try:
        return read(path)
    except (NoData, Retryable):
        return b""


def number(data: bytes) -> int | None:
    """The whole number a file holds, or None if it holds something else (`max`, nothing)."""
    try:
        return int(data)
    except ValueError:
        return None


def table(data: bytes) -> dict[bytes, int]:
    """Lines of a word and a number (`MemFree:  123 kB`, `pgfault 5`), by the word; others left out.

    The unit is not looked at: each of these files has one.
    """
    found: dict[bytes, int] = {}
    for line in data.splitlines():
        words = line.split()
        if len(words) >= 2 and words[1].isdigit():
            found[words[0].rstrip(b":")] = int(words[1])
    return found


def text(raw: bytes | str) -> str:
    """A name from the kernel as text fit for a label: what is not UTF-8 becomes `\N{REPLACEMENT CHARACTER}`."""
    if isinstance(raw, str):
        raw = os.fsencode(raw)
    return raw.decode("utf-8", "replace")


def own(context: Context, *parts: str) -> Path:
    """A file of the host's first process (`net/dev`, `mounts`).

    `/proc/net` and `/proc/mounts` show the namespace of whoever reads them. Where the host is
    mounted below another root, the reader sits in a container, and process 1 is the host's.
    """
    of_first = context.proc("1", *parts)
    if context.root != Path("/") and of_first.exists():
        return of_first
    return context.proc(*parts)


def core_count(context: Context) -> int:
    """Logical CPUs that are online; 0 where it is not known."""
    if not LINUX:
        return os.cpu_count() or 0
    online = read_if_there(context.sys("devices", "system", "cpu", "online"))
    try:
        return sum(1 for _ in _ranges(online.decode("ascii")))
    except ValueError:
        stat = read_if_there(context.proc("stat"))
        return sum(line[:3] == b"cpu" and line[3:4].isdigit() for line in stat.splitlines())


def _ranges(text_: str) -> Iterator[int]:
    """`0-3,8` → 0 1 2 3 8."""
    for part in text_.strip().split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)
