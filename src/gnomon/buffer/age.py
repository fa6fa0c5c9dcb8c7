"""How old a batch is, whatever somebody does to the wall clock."""

from __future__ import annotations

from gnomon.core.clock import Clock


class AgeClock:
    """The wall clock as it was when last set, carried on by the monotonic one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.set()

    def set(self) -> None:
        """Takes the wall clock as it is now. Done whenever no batch is there whose age matters."""
        self._wall = self._clock.now()
        self._since = self._clock.monotonic()

    def now(self) -> int:
        """Milliseconds since the Unix epoch, as far as ages go."""
        return self._wall + round((self._clock.monotonic() - self._since) * 1000)
