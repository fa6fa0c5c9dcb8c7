"""Data points as shell scripts post them: a JSON array of flat objects.

`[{"hostId","host","metric","timeStamp":"<unix seconds>","value","tags":["service:x"],"type":"gauge"}]`.
The time may be text or a number, seconds or milliseconds; what has none is of now. A script that glues its
JSON together gets it wrong sooner or later: what is no JSON is refused with the place, and no guess
is made; an item that is not as it should be is named by its index.
"""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple, cast

import msgspec

from gnomon.core.errors import DecodeError
from gnomon.core.model import Kind, Metric, Sample, Series, labels_of
from gnomon.core.tags import tags_to_labels

LARGEST = 5 << 20
"""Bytes of a body."""
LATEST = 253_402_300_799_999
"""The end of the year 9999 in milliseconds."""
MILLISECONDS = 100_000_000_000
"""Times beyond this are in milliseconds: in seconds it is the year 5138."""

_KINDS = {"gauge": Kind.GAUGE, "count": Kind.COUNT, "rate": Kind.RATE}


class Decoded(NamedTuple):
    """What a body says."""

    samples: list[tuple[int, Sample]]
    """With the index of the item."""
    rejected: list[tuple[int, str]]
    """Index and reason of the items that were not taken."""


def decode(body: bytes, now: int) -> Decoded:
    """A body; `now` in milliseconds. Raises `DecodeError`, with the place where that is known."""
    data = _loads(body)
    if not isinstance(data, list):
        raise DecodeError("expected a JSON array of data points")
    items = cast(list[Any], data)
    if not items:
        raise DecodeError("the array is empty")
    samples: list[tuple[int, Sample]] = []
    rejected: list[tuple[int, str]] = []
    for index, item in enumerate(items):
        try:
            samples.append((index, _sample(item, now)))
        except DecodeError as error:
            rejected.append((index, str(error)))
    return Decoded(samples, rejected)


def _sample(item: object, now: int) -> Sample:
    if not isinstance(item, dict):
        raise DecodeError("expected an object")
    said = cast(dict[str, Any], item)
    metric, kind = _text(said, "metric"), _text(said, "type") or "gauge"
    if not metric:
        raise DecodeError("metric: missing or empty")
    if kind not in _KINDS:
        raise DecodeError(f"type: {kind[:40]!r} is not one of {', '.join(_KINDS)}")
    labels = _tags(said.get("tags"))
    host = _text(said, "host") or labels.get("host", "") or _text(said, "hostId")
    series = Series(Metric(metric, _KINDS[kind]), labels_of({**labels, "host": host}))
    return Sample(series, _time(said.get("timeStamp"), now), _number(said.get("value"), "value"))


def _text(said: dict[str, Any], key: str) -> str:
    value = said.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DecodeError(f"{key}: expected text, not {str(value)[:40]}")
    return value


def _tags(tags: object) -> dict[str, str]:
    if tags is None:
        return {}
    if not isinstance(tags, list) or not all(isinstance(t, str) for t in cast(list[object], tags)):
        raise DecodeError("tags: expected a list of texts")
    return tags_to_labels(cast(list[str], tags))


def _time(stamp: object, now: int) -> int:
    """Milliseconds."""
    if stamp is None or stamp == "":
        return now
    if isinstance(stamp, str) and stamp.isascii() and stamp.replace(".", "", 1).isdigit():
        stamp = float(stamp)  # blanks, signs and words are not guessed at
    number = _number(stamp, "timeStamp")
    at = round(number if number > MILLISECONDS else number * 1000)
    if not 0 <= at <= LATEST:
        raise DecodeError(f"timeStamp: {str(stamp)[:40]} is no time since 1970")
    return at


def _number(value: object, key: str) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    raise DecodeError(f"{key}: expected a number, not {json.dumps(value)[:40]}")


def _loads(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # Python's decoder says where
    try:
        return json.loads(body)
    except UnicodeDecodeError as error:
        raise DecodeError(f"not UTF-8 text at byte {error.start}") from None
    except json.JSONDecodeError as error:
        place = f"{error.msg} at line {error.lineno} column {error.colno}"
        cut = not body.rstrip().endswith(b"]")
        hint = "; the body is cut off: is the data quoted in the shell?" if cut else ""
        raise DecodeError(f"not JSON: {place}{hint}") from None
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"not JSON: {str(error)[:200]}") from None
