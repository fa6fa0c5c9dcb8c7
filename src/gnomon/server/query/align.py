"""Query windows on round times: the same minutes, hours or days whenever somebody looks.

A window of so many points has a granularity: its length divided by the points. Both its ends move
up to the next multiple of it, counted from local midnight of the day it begins; the length stays.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple


class Window(NamedTuple):
    """Milliseconds since the Unix epoch."""

    begin: int
    end: int
    step: int


def aligned(begin: int, end: int, points: int, zone: tzinfo = UTC) -> Window:
    """The window moved up to its granularity; `ValueError` when it has no length or no points."""
    if points < 1 or end <= begin:
        raise ValueError("a window to be aligned needs an end after its begin, and points")
    step = max(1, (end - begin) // points)
    local = datetime.fromtimestamp(begin / 1000, zone).replace(tzinfo=None)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    since = round((local - midnight).total_seconds() * 1000)
    moved = midnight + timedelta(milliseconds=-(-since // step) * step)
    start = round(moved.replace(tzinfo=zone).timestamp() * 1000)
    return Window(start, start + end - begin, step)
