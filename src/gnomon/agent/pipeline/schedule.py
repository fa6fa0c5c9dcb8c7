"""When each job is due: pure, driven by whoever calls `due`.

A job's timestamps are multiples of its interval on the wall clock, so that samples of all hosts
and of all restarts fall on one grid. It runs a little later, by a phase that is fixed for
(host, job), so that a fleet does not move in step. Waiting is done on the monotonic clock; when
the wall clock jumps, the next run aligns anew and no run is waited for longer than an interval.
"""

from __future__ import annotations

import hashlib
import heapq
from typing import NamedTuple

MAX_PHASE = 0.5
"""Seconds; also never more than a tenth of the interval."""


class Due(NamedTuple):
    """A job to run now."""

    key: str
    timestamp: int
    """The schedule time, in milliseconds."""


class _Slot:
    __slots__ = ("interval", "phase", "tick")

    def __init__(self, interval: int, phase: float, tick: int) -> None:
        self.interval = interval
        """Milliseconds."""
        self.phase = phase
        self.tick = tick
        """Timestamp of the run that is waited for."""


class Schedule:
    """The jobs and their next runs. Not thread-safe."""

    def __init__(self, seed: str) -> None:
        """`seed` differs from host to host: the host name."""
        self._seed = seed
        self._slots: dict[str, _Slot] = {}
        self._heap: list[tuple[float, str]] = []
        self._when: dict[str, float] = {}

    def add(self, key: str, interval: float, now: int, monotonic: float) -> None:
        """Adds a job, or changes the interval of one."""
        step = max(1, round(interval * 1000))
        digest = hashlib.blake2b(f"{self._seed}/{key}".encode(), digest_size=4).digest()
        share = int.from_bytes(digest, "big") / 2**32
        slot = _Slot(step, share * min(MAX_PHASE, interval / 10), 0)
        self._slots[key] = slot
        self._arm(key, slot, now, monotonic)

    def remove(self, key: str) -> None:
        """Forgets a job."""
        self._slots.pop(key, None)
        self._when.pop(key, None)

    def due(self, now: int, monotonic: float) -> list[Due]:
        """Jobs whose time has come; each is armed for its next run."""
        ready: list[Due] = []
        while self._heap and self._heap[0][0] <= monotonic:
            when, key = heapq.heappop(self._heap)
            slot = self._slots.get(key)
            if slot is None or when != self._when.get(key):
                continue
            ready.append(Due(key, slot.tick))
            self._arm(key, slot, now, monotonic)
        return ready

    def wait(self, monotonic: float) -> float:
        """Seconds until something may be due (at most a minute)."""
        return min(60.0, max(0.0, self._heap[0][0] - monotonic)) if self._heap else 60.0

    def _arm(self, key: str, slot: _Slot, now: int, monotonic: float) -> None:
        """The next tick is the first multiple of the interval after now."""
        slot.tick = (now // slot.interval + 1) * slot.interval
        when = monotonic + (slot.tick - now) / 1000 + slot.phase
        self._when[key] = when
        heapq.heappush(self._heap, (when, key))
