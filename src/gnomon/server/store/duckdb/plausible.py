"""Whether the wall clock may be believed by those who delete what is old.

A clock that is set years ahead for a minute must not cost years of samples. When the wall clock
gets ahead of the monotonic one by more than a day at once, deleting waits for a day: long enough
for a person or a time daemon to put it right. A machine that slept through days merely deletes a
day later.
"""

from __future__ import annotations

import logging

DAY = 86_400


class PlausibleTime:
    """Asked once a minute or so, by one thread."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._ahead: float | None = None
        """Wall clock minus monotonic clock at the last look, in seconds."""
        self._held_until = float("-inf")

    def holds(self, now: int, moment: float) -> bool:
        """Whether `now` (ms) may be believed; `moment` is the monotonic time in seconds."""
        ahead = now / 1000 - moment
        jump = 0.0 if self._ahead is None else ahead - self._ahead
        self._ahead = ahead
        if jump > DAY:
            self._held_until = moment + DAY
            self._log.warning(
                "the clock was set %.1f days ahead; nothing old is deleted for a day", jump / DAY
            )
        elif jump < -DAY:
            self._held_until = float("-inf")
        return moment >= self._held_until
