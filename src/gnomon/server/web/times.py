"""How a time is written in a query string."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from gnomon.core.errors import DecodeError
from gnomon.server.ingest.limits import LATEST

_UNITS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE]\+?\d+)?", re.ASCII)
_SECONDS = 100_000_000_000
"""Numbers below are seconds, above milliseconds: as seconds it is the year 5138."""


def milliseconds(text: str, now: int, name: str) -> int:
    """Milliseconds since the Unix epoch.

    From `1700000000`, `1700000000.5` (seconds), `1700000000000` (milliseconds),
    `2023-11-14T22:13:20Z`, `now`, `-1h` or `now-1h`. Raises `DecodeError` that names the parameter.
    """
    relative = re.fullmatch(r"(?:now)?(?:-(\d{1,9})([smhdw]))?", text)
    if text and relative:
        number, unit = relative.groups()
        return now - int(number) * _UNITS[unit] if number else now
    try:
        found = _absolute(text)
    except (ValueError, OverflowError):
        raise DecodeError(
            f"{name}: expected a time such as 1700000000, 2023-11-14T22:13:20Z or -1h, "
            f"got {text[:60]!r}"
        ) from None
    return min(max(found, 0), LATEST)


def _absolute(text: str) -> int:
    if _NUMBER.fullmatch(text):
        number = float(text)
        return round(number * 1000) if abs(number) < _SECONDS else round(number)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
