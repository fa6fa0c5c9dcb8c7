"""The only place that reads the time. Everything else is handed a `Clock`.

Timestamps (`now`) are wall-clock milliseconds and may jump; durations and deadlines use `monotonic`
seconds, which never do.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What time is it, and how long does something take."""

    def now(self) -> int:
        """Milliseconds since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed point; never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Blocks the calling thread."""
        ...


class SystemClock:
    """The clock of this machine."""

    __slots__ = ()

    def now(self) -> int:
        """Milliseconds since the Unix epoch."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds since some fixed point."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Blocks the calling thread."""
        time.sleep(seconds)
