"""What a body of Datadog's says, gathered item by item: a bad one costs none of the others."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar, cast

import msgspec

from gnomon.core.errors import DecodeError
from gnomon.core.model import Batch, Event, Kind, Metric, Sample, Series, Status, labels_of
from gnomon.core.tags import tags_to_labels

LATEST = 253_402_300_799_999
"""The end of the year 9999 in milliseconds."""

SERVICE_CHECK = Metric(
    "service_check", Kind.GAUGE, "", "Outcome of a check: 0 ok, 1 warning, 2 critical, 3 unknown."
)
EVENT_KINDS = frozenset({"info", "success", "warning", "error"})


class Facts(NamedTuple):
    """What is known of a body beside its bytes."""

    now: int
    """Milliseconds since the Unix epoch: the time of what says none."""
    host: str = ""
    """The host of what says none; "" for no such label."""
    content_type: str = "application/json"


class Payload:
    """Samples, events and what could not be taken."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.samples: list[Sample] = []
        self.events: list[Event] = []
        self.rejected = 0
        """Items that are not what they should be."""
        self.first = ""
        """The reason of the first of them."""
        self.ignored: Counter[str] = Counter()
        """Parts that are no samples and are not kept, by name."""
        self.dated = True
        """Whether all times came with the body, so that the same bytes again say the same."""

    @property
    def batch(self) -> Batch:
        """Everything that was taken."""
        return Batch.of(self.samples, self.events)

    def reject(self, reason: str) -> None:
        """Counts an item that is left out."""
        self.rejected += 1
        self.first = self.first or reason

    def put(self, series: Series, seconds: object, value: object) -> None:
        """A sample; `seconds` and `value` as they came. A bad one is rejected."""
        try:
            self.samples.append(Sample(series, self.time(seconds), number(value)))
        except DecodeError as error:
            self.reject(f"{series.name[:80]!r}: {error}")

    def time(self, seconds: object) -> int:
        """Milliseconds from Unix seconds; now, when there are none. Raises `DecodeError`."""
        if seconds is None:
            self.dated = False
            return self.facts.now
        at = round(number(seconds) * 1000)
        if not 0 <= at <= LATEST:
            raise DecodeError(f"the time {str(seconds)[:40]} is not in Unix seconds")
        return at

    def labels(
        self, tags: object, host: object, more: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Labels of an item: its tags, `more`, and its host, or that of the facts."""
        labels = tags_to_labels(tag_list(tags))
        labels.update(more or {})
        if isinstance(host, str):
            labels["host"] = host or labels.get("host", "")
        else:
            labels.setdefault("host", self.facts.host)
        return labels

    def service_check(
        self, check: str, status: int, seconds: object, message: str, labels: dict[str, str]
    ) -> None:
        """A check's outcome as a sample; a message is an event too. Raises `DecodeError`."""
        if not check or status not in (0, 1, 2, 3):
            raise DecodeError(f"a check needs a name and a status from 0 to 3, not {status}")
        at = self.time(seconds)
        series = Series(SERVICE_CHECK, labels_of({**labels, "check": check}))
        self.samples.append(Sample(series, at, float(status)))
        if message:
            title = f"{check} is {Status(status).name.lower()}"
            self.events.append(Event(at, title, message, "service_check", check, series.labels))


T = TypeVar("T")


def items(
    body: bytes, decoder: msgspec.json.Decoder[Any], key: str, kind: type[T], payload: Payload
) -> Sequence[T]:
    """The items of `{key: [...]}`, or of a bare item or list when `key` is "".

    Mostly one typed decode; when that fails, item by item. Raises `DecodeError` for what is not of
    this form at all.
    """
    try:
        found = decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _one_by_one(loads(body), key, kind, payload)
    if key:
        return cast(Sequence[T], getattr(found, key))
    return cast(Sequence[T], found if isinstance(found, list) else [found])


def _one_by_one(data: Any, key: str, kind: type[T], payload: Payload) -> Sequence[T]:
    if key:
        data = cast(dict[str, Any], data).get(key) if isinstance(data, dict) else None
    elif isinstance(data, dict):
        data = [cast(object, data)]
    if not isinstance(data, list):
        raise DecodeError(f'expected {{"{key}": [...]}}' if key else "expected an object or a list")
    taken: list[T] = []
    for item in cast(list[Any], data):
        try:
            taken.append(msgspec.convert(item, kind, strict=False))
        except msgspec.ValidationError as error:
            payload.reject(str(error).replace("`", ""))
    return taken


def loads(body: bytes) -> Any:
    """JSON as clients write it: NaN, bytes that are no UTF-8 and huge numbers too.

    Raises `DecodeError`, which says where.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # Python's own decoder is slower, and takes what other clients' encoders make
    try:
        return json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"not JSON: {str(error)[:200]}") from None


def number(value: object) -> float:
    """A finite number, also one written as text; raises `DecodeError`."""
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            found = float(value)
        except (ValueError, OverflowError):
            found = math.nan
        if math.isfinite(found) and not (isinstance(value, str) and "_" in value):
            return found
    raise DecodeError(f"{str(value)[:40]!r} is not a number")


def tag_list(tags: object) -> Iterable[str]:
    """Tags from a list or from text with commas; what is no text is left out."""
    if isinstance(tags, str):
        return (tag.strip() for tag in tags.split(","))
    if not isinstance(tags, list):
        return ()
    return (tag for tag in cast(list[object], tags) if isinstance(tag, str))


def as_text(value: object) -> str:
    """Text as it is, anything else as none."""
    return value if isinstance(value, str) else ""
