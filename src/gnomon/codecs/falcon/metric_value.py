"""Open-Falcon's MetricValue: what `/v1/push`, `/api/push` and `Transfer.Update` carry.

`[{"endpoint","metric","value","step","counterType","tags":"k=v,k=v","timestamp"}]`, times in seconds.
Keys, blanks in tags and what is valid are as Go's decoder and the transfer have them: keys in any case,
`null` for nothing, whatever follows the first JSON value is ignored. Different on purpose: an item of
the wrong types, or NaN as a value, costs that item and not the whole list.

The endpoint is the label `host`, the tags are labels; a tag `host` becomes `exported_host`. COUNTER and
DERIVE are cumulative totals and are kept as they come.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NamedTuple, cast

import msgspec

from gnomon.core.errors import DecodeError
from gnomon.core.model import Batch, Kind, Metric, Sample, Series, labels_of

KINDS = {"GAUGE": Kind.GAUGE, "COUNTER": Kind.COUNTER, "DERIVE": Kind.COUNTER}
LONGEST = 510
"""Bytes of metric and tags together."""

_HEX = re.compile(r"[+-]?0[xX][0-9a-fA-F]*\.?[0-9a-fA-F]*[pP][+-]?\d{1,4}")
_BLANK = " \t\r\n"


class Decoded(NamedTuple):
    """What a list of metric values says."""

    batch: Batch
    total: int
    """Items in the list."""
    invalid: int
    """How many of them are not in the batch."""
    first: str
    """The reason of the first of these."""


def decode(body: bytes, now: int) -> Decoded:
    """A list of metric values; `now` in milliseconds. Raises `DecodeError`."""
    return convert(first_value(body), now)


def convert(data: object, now: int) -> Decoded:
    """As `decode`, from JSON that was read already."""
    if data is not None and not isinstance(data, list):
        raise DecodeError("expected a list of metric values")
    items = cast(list[Any], data or [])
    samples: list[Sample] = []
    first = ""
    for item in items:
        try:
            samples.append(_sample(item, now))
        except DecodeError as error:
            first = first or str(error)
    return Decoded(Batch.of(samples), len(items), len(items) - len(samples), first)


def first_value(body: bytes) -> Any:
    """The first JSON value of a body; raises `DecodeError`."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # something follows it, or it has what only other decoders take
    decoder = json.JSONDecoder(parse_constant=lambda _: None)
    try:
        return decoder.raw_decode(body.decode("utf-8", "replace").lstrip(_BLANK))[0]
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"not JSON: {str(error)[:200]}") from None


def tags_of(text: str) -> dict[str, str]:
    """`k=v,k=v` as pairs: blanks removed, what has no `=` left out, the last of a key wins."""
    pairs = (item.partition("=") for item in text.replace(" ", "").split(","))
    return {key: value for key, equals, value in pairs if equals}


def _sample(item: object, now: int) -> Sample:
    if not isinstance(item, dict):
        raise DecodeError("an item that is no object")
    said = {key.lower(): value for key, value in cast(dict[str, Any], item).items()}
    endpoint, metric = _text(said, "endpoint"), _text(said, "metric")
    tags, counter_type = _text(said, "tags"), _text(said, "countertype")
    if not endpoint or not metric or metric == "kernel.hostname":
        raise DecodeError(f"endpoint {endpoint[:80]!r}, metric {metric[:80]!r}: not a metric")
    shown = f"{metric[:80]!r} of {endpoint[:80]!r}"
    kind = KINDS.get(counter_type)
    if kind is None:
        raise DecodeError(f"{shown}: counterType {counter_type[:40]!r} is not known")
    if _whole(said, "step") <= 0:
        raise DecodeError(f"{shown}: the step is not over 0")
    if len(metric.encode("utf-8", "replace")) + len(tags.encode("utf-8", "replace")) > LONGEST:
        raise DecodeError(f"{shown}: metric and tags are longer than {LONGEST} bytes")
    value = _value(said.get("value"), shown)
    timestamp = _whole(said, "timestamp") * 1000
    if not 0 < timestamp <= 2 * now:
        timestamp = now
    labels = tags_of(tags)
    labels.pop("", None)
    if "host" in labels:
        labels["exported_host"] = labels["host"]
    labels["host"] = endpoint
    return Sample(Series(Metric(metric, kind), labels_of(labels)), timestamp, value)


def _text(said: dict[str, Any], key: str) -> str:
    value = said.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DecodeError(f"{key} is no text: {str(value)[:40]}")
    return value


def _whole(said: dict[str, Any], key: str) -> int:
    """A whole number; also one that a sender wrote as `60.0`, which Go refuses."""
    value = said.get(key)
    if value is None:
        return 0
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1 << 62:
        return int(value)
    raise DecodeError(f"{key} is no whole number: {str(value)[:40]}")


def _value(value: object, shown: str) -> float:
    """A number, or text that Go's ParseFloat takes; must be finite."""
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        found = _float(value)
        if math.isfinite(found):
            return found
    raise DecodeError(f"{shown}: the value {str(value)[:40]!r} is not a number")


def _float(value: float | str) -> float:
    if isinstance(value, str) and ("_" in value or value != value.strip()):
        return math.nan  # Python's own ways of writing a number
    try:
        if isinstance(value, str) and _HEX.fullmatch(value):
            return float.fromhex(value)
        return float(value)
    except (ValueError, OverflowError):
        return math.nan
