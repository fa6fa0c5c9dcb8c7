"""Times as people and dashboards write them: `-1h`, `noon yesterday`, `04:00_20261120`, `now-5min`.

The forms of at(1) as graphite-web takes them. Nothing here reads a clock: `now` is handed in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo

from gnomon.server.query.graphite.grammar import TargetError

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_UNITS: Mapping[str, tuple[str, int]] = {
    # What a unit's name begins with: its plural, its seconds. `min` and `mon` tell themselves apart.
    "s": ("seconds", 1),
    "min": ("minutes", 60),
    "h": ("hours", 3600),
    "d": ("days", 86400),
    "w": ("weeks", 7 * 86400),
    "mon": ("months", 30 * 86400),
    "y": ("years", 365 * 86400),
}
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(am|pm)?")
_HOUR = re.compile(r"(\d{1,2})(am|pm)")
_NAMED_HOURS = {"noon": 12, "midnight": 0, "teatime": 16}
_NEAR_DAYS = {"": 0, "today": 0, "yesterday": -1, "tomorrow": 1}
_OFFSET = re.compile(r"(\d+)([a-z]+)", re.IGNORECASE)


class TimeProblem(TargetError):
    """A time that is none."""


def unit(name: str) -> tuple[str, int]:
    """The plural and the seconds of a unit: `unit("min")` is `("minutes", 60)`."""
    for prefix, found in _UNITS.items():
        if name.startswith(prefix):
            return found
    raise TimeProblem(f"invalid unit of time {name!r}; known: s, min, h, d, w, mon, y")


def parse_offset(text: str) -> int:
    """Seconds of `1h`, `-5min`, `+1d12h`; a month has 30 days and a year 365."""
    sign, rest = 1, text
    if text[:1] in ("+", "-"):
        sign, rest = (-1 if text[0] == "-" else 1), text[1:]
    total, at = 0, 0
    while at < len(rest):
        found = _OFFSET.match(rest, at)
        if found is None:
            raise TimeProblem(f"invalid interval {text!r}; expected something like 5min, 1h or 1d")
        total += int(found[1]) * unit(found[2])[1]
        at = found.end()
    return sign * total


def parse_time(text: str, zone: tzinfo, now: int) -> int:
    """Epoch seconds of a time in any of its forms; `now` is epoch seconds too."""
    plain = re.sub(r"[\s_,]", "", text).lower()
    if plain.isdecimal() and not _is_date(plain):
        return _checked(int(plain), text)
    reference, sign, offset = plain, "", ""
    for candidate in ("+", "-"):
        if candidate in plain:
            reference, sign, offset = plain.partition(candidate)
            break
    return _checked(_reference(reference, zone, now) + parse_offset(sign + offset), text)


def _checked(seconds: int, text: str) -> int:
    """Within the years 1 to 9999, as dates are."""
    if not -62135596800 <= seconds <= 253402300799:
        raise TimeProblem(f"{text!r} is beyond the calendar; times are in seconds")
    return seconds


def _is_date(digits: str) -> bool:
    """Whether eight digits are YYYYMMDD and not an epoch."""
    return (
        len(digits) == 8
        and int(digits[:4]) > 1900
        and int(digits[4:6]) < 13
        and int(digits[6:]) < 32
    )


def _reference(text: str, zone: tzinfo, now: int) -> int:
    """Epoch seconds of what stands before the offset."""
    if text in ("", "now"):
        return now
    hour, minute, day = _time_of_day(text)
    today = datetime.fromtimestamp(now, zone)
    try:
        at = today.replace(hour=hour, minute=minute, second=0, microsecond=0)
        date = _date(day, at)
    except (ValueError, IndexError, OverflowError):
        raise TimeProblem(f"cannot make a time of {text!r}") from None
    # Through the epoch, so that an hour a clock skips is a time all the same.
    return int(date.replace(tzinfo=zone).astimezone(UTC).timestamp())


def _time_of_day(text: str) -> tuple[int, int, str]:
    """Hour, minute and what follows them; midnight when no time is given."""
    hour, minute, rest = 0, 0, text
    found = _CLOCK.match(rest)
    if found:
        hour, minute, rest = int(found[1]), int(found[2]), rest[found.end() :]
        if found[3] == "pm":
            hour = (hour + 12) % 24
    found = _HOUR.match(rest)
    if found:
        hour, rest = int(found[1]) + (12 if found[2] == "pm" else 0), rest[found.end() :]
        hour = hour % 24 if found[2] == "pm" else hour
    for name, value in _NAMED_HOURS.items():
        if rest.startswith(name):
            hour, minute, rest = value, 0, rest[len(name) :]
            break
    return hour, minute, rest


def _date(text: str, at: datetime) -> datetime:
    """The day a reference names, at the time of `at`; raises ValueError."""
    if text in _NEAR_DAYS:
        return at + timedelta(days=_NEAR_DAYS[text])
    if text.count("/") == 2:
        month, day, year = map(int, text.split("/"))
        year += 1900 if year < 1900 else 0
        year += 100 if year < 1970 else 0
        return at.replace(year=year, month=month, day=day)
    if len(text) == 8 and text.isdecimal():
        return at.replace(year=int(text[:4]), month=int(text[4:6]), day=int(text[6:]))
    if text[:3] in MONTHS:
        number = re.search(r"\d{1,2}$", text)
        if number is None:
            raise ValueError(text)
        return at.replace(month=MONTHS.index(text[:3]) + 1, day=int(number[0]))
    if text[:3] in WEEKDAYS:
        return at - timedelta(days=(at.weekday() - WEEKDAYS.index(text[:3])) % 7)
    raise ValueError(text)
