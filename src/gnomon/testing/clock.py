"""A clock that moves only when told."""

from __future__ import annotations


class FakeClock:
    """Starts at `now` ms; `advance` moves both faces, `jump` only the wall clock."""

    def __init__(self, now: int = 1_700_000_000_000) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> int:
        """Milliseconds since the Unix epoch."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since some fixed point."""
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        """Returns at once; the time has passed."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Time goes by."""
        self._now += round(seconds * 1000)
        self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Somebody set the wall clock."""
        self._now += round(seconds * 1000)
