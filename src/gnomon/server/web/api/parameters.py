"""Parameters of Prometheus' HTTP API: from the query string and, if there is one, the form.

Times are seconds since 1970, with a fraction if need be, or RFC 3339. Durations are seconds or
`5m`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone, tzinfo
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from starlette.requests import Request

from gnomon.core.errors import Permanent
from gnomon.server.query.align import Window, aligned
from gnomon.server.query.promql.text import parse_duration

_MAX_BODY = 4 << 20
_FOREVER = 253_402_300_800.0
"""The end of the year 9999, in seconds."""


class BadParameter(Permanent):
    """Answered 400, with the name of the parameter."""


class Parameters:
    """What a client sent."""

    def __init__(self, pairs: list[tuple[str, str]], path: Mapping[str, str]) -> None:
        self._pairs = pairs
        self.path = path

    def get(self, name: str, default: str = "") -> str:
        """The first value; `default` when it is missing or empty."""
        return next((value for key, value in self._pairs if key == name and value), default)

    def every(self, name: str) -> list[str]:
        """All values."""
        return [value for key, value in self._pairs if key == name and value]

    def text(self, name: str) -> str:
        """A value that may be empty but not left out of the question."""
        return self.get(name)

    def time(self, name: str, default: int | None = None) -> int:
        """Milliseconds since the Unix epoch."""
        text = self.get(name)
        if not text and default is not None:
            return default
        try:
            return _time(text)
        except (ValueError, OverflowError):
            raise BadParameter(
                f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp'
            ) from None

    def bounds(self) -> tuple[int | None, int | None]:
        """`start` and `end` where given."""
        start = self.time("start") if self.get("start") else None
        end = self.time("end") if self.get("end") else None
        return start, end

    def seconds(self, name: str, default: float) -> float:
        """A duration."""
        text = self.get(name)
        if not text:
            return default
        try:
            return _duration(text)
        except ValueError:
            raise BadParameter(
                f'invalid parameter "{name}": cannot parse "{text}" to a valid duration'
            ) from None

    def limit(self) -> int:
        """`limit`; 0 for none."""
        return self._whole("limit", 0)

    def window(self) -> Window:
        """`start`, `end` and `step`, or `points` in place of `step`; moved when `align` is set."""
        start, end = self.time("start"), self.time("end")
        if end < start:
            raise BadParameter(
                'invalid parameter "end": end timestamp must not be before start time'
            )
        if not self.get("points"):
            return Window(start, end, self._step())
        points = self._whole("points", 0)
        if points < 1 or end == start:
            raise BadParameter('invalid parameter "points": at least 1, in a window with a length')
        if self.get("align") in ("true", "1"):
            return aligned(start, end, points, self._zone())
        return Window(start, end, max(1, (end - start) // points))

    def _step(self) -> int:
        step = round(self.seconds("step", 0.0) * 1000)
        if not self.get("step") or step <= 0:
            raise BadParameter(
                'invalid parameter "step": zero or negative query resolution step widths are not '
                "accepted. Try a positive integer"
            )
        return step

    def _whole(self, name: str, default: int) -> int:
        text = self.get(name)
        if not text:
            return default
        if not text.isascii() or not text.isdigit():
            raise BadParameter(
                f'invalid parameter "{name}": expected a whole number from 0, got "{text}"'
            )
        return int(text)

    def _zone(self) -> tzinfo:
        text = self.get("tz", "UTC")
        try:
            if text[0] in "+-":
                return timezone(_offset(text))
            return ZoneInfo(text)
        except (ValueError, KeyError, OSError):
            raise BadParameter(
                f'invalid parameter "tz": expected a zone such as Europe/Berlin or an offset such '
                f'as +05:30, got "{text}"'
            ) from None


async def read_parameters(request: Request) -> Parameters:
    """From the query string and, of a POST, the form."""
    pairs = parse_qsl(request.url.query, keep_blank_values=True)
    if request.method == "POST":
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > _MAX_BODY:
                raise BadParameter(f"the form is larger than {_MAX_BODY >> 20} MB")
        try:
            pairs = [*parse_qsl(body.decode(), keep_blank_values=True), *pairs]
        except UnicodeDecodeError:
            raise BadParameter("the form is not UTF-8") from None
    return Parameters(pairs, request.path_params)


def _time(text: str) -> int:
    try:
        seconds = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise
        return math.floor(moment.timestamp() * 1000 + 0.5)
    if not abs(seconds) < _FOREVER:
        raise ValueError(text)
    return round(seconds * 1000)


def _duration(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        return parse_duration(text) / 1000
    if not math.isfinite(seconds):
        raise ValueError(text)
    return seconds


def _offset(text: str) -> timedelta:
    moment = datetime.strptime(text.replace(":", ""), "%z")
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError(text)
    return offset
