"""Series in the forms of the versions 1 (JSON) and 2 (JSON or Protocol Buffers) of Datadog's API.

Version 1: `{"series":[{"metric","points":[[seconds,value],...],"type","host","tags","device"}]}`.
Version 2: `{"series":[{"metric","points":[{"timestamp","value"}],"type":3,"resources":[{"type",
"name"}],"tags","unit"}]}`; its messages are those of `agent_payload.proto` (`MetricPayload`).
A resource `host` is the label `host`, any other one the label of its type.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import msgspec

from gnomon.codecs.datadog.payload import Facts, Payload, items
from gnomon.core import protobuf
from gnomon.core.errors import DecodeError
from gnomon.core.model import Kind, Metric, Series, labels_of

PROTOBUF = "application/x-protobuf"

_KINDS = {
    "gauge": Kind.GAUGE,
    "rate": Kind.RATE,
    "count": Kind.COUNT,
    "counter": Kind.COUNT,
    "monotonic_count": Kind.COUNT,
}
_KINDS_V2 = {1: Kind.COUNT, 2: Kind.RATE, 3: Kind.GAUGE}


class _SeriesV1(msgspec.Struct):
    metric: str
    points: list[Any]
    type: str | None = None
    host: str | None = None
    tags: Any = None
    device: str | None = None
    device_name: str | None = None


class _BodyV1(msgspec.Struct):
    series: list[_SeriesV1]


class _SeriesV2(msgspec.Struct):
    metric: str
    points: list[dict[str, Any]]
    type: int | None = None
    resources: list[dict[str, str]] | None = None
    tags: Any = None
    unit: str | None = None


class _BodyV2(msgspec.Struct):
    series: list[_SeriesV2]


_v1 = msgspec.json.Decoder(_BodyV1)
_v2 = msgspec.json.Decoder(_BodyV2)


def decode_v1(body: bytes, facts: Facts) -> Payload:
    """The body of `/api/v1/series`; raises `DecodeError`."""
    payload = Payload(facts)
    for item in items(body, _v1, "series", _SeriesV1, payload):
        device = item.device or item.device_name
        labels = payload.labels(item.tags, item.host, {"device": device} if device else None)
        kind = _KINDS.get(item.type or "gauge", Kind.GAUGE)
        points = (_pair(point) for point in item.points)
        put_all(payload, Metric(item.metric, kind), labels, points)
    return payload


def decode_v2(body: bytes, facts: Facts) -> Payload:
    """The body of `/api/v2/series`, JSON or protobuf by its content type; raises `DecodeError`."""
    payload = Payload(facts)
    if facts.content_type.partition(";")[0].strip().lower() == PROTOBUF:
        for number, _, value in protobuf.fields(body):
            if number == 1:
                _take_message(payload, protobuf.message(value))
        return payload
    for item in items(body, _v2, "series", _SeriesV2, payload):
        pairs = [(one.get("type", ""), one.get("name", "")) for one in item.resources or ()]
        metric = Metric(item.metric, _KINDS_V2.get(item.type or 0, Kind.GAUGE), item.unit or "")
        points = ((point.get("timestamp"), point.get("value")) for point in item.points)
        put_all(payload, metric, _labels(payload, item.tags, pairs), points)
    return payload


def put_all(
    payload: Payload,
    metric: Metric,
    labels: dict[str, str],
    points: Iterable[tuple[object, object]],
) -> None:
    """The points of one series."""
    if not metric.name:
        payload.reject("a series without a metric name")
        return
    series = Series(metric, labels_of(labels))
    for seconds, value in points:
        payload.put(series, seconds, value)


def _pair(point: object) -> tuple[object, object]:
    """`[seconds, value]`; anything else has no value that could be taken."""
    pair = cast(list[object], point) if isinstance(point, list) else []
    return (pair[0], pair[1]) if len(pair) == 2 else (None, str(pair))


def _labels(payload: Payload, tags: object, resources: list[tuple[str, str]]) -> dict[str, str]:
    of = {kind: name for kind, name in resources if kind and name}
    return payload.labels(tags, of.pop("host", None), of)


def _take_message(payload: Payload, message: memoryview) -> None:
    """One `MetricSeries`; its points count only when all of it can be read."""
    name, unit, kind = "", "", Kind.GAUGE
    tags: list[str] = []
    resources: list[tuple[str, str]] = []
    points: list[tuple[object, object]] = []
    try:
        for number, _, value in protobuf.fields(message):
            if number == 1:
                resources.append(_resource(protobuf.message(value)))
            elif number == 2:
                name = protobuf.text(value)
            elif number == 3:
                tags.append(protobuf.text(value))
            elif number == 4:
                points.append(_point(protobuf.message(value)))
            elif number == 5:
                kind = _KINDS_V2.get(protobuf.signed(value), Kind.GAUGE)
            elif number == 6:
                unit = protobuf.text(value)
    except DecodeError as error:
        payload.reject(f"{name[:80]!r}: {error}")
        return
    put_all(payload, Metric(name, kind, unit), _labels(payload, tags, resources), points)


def _resource(message: memoryview) -> tuple[str, str]:
    kind = name = ""
    for number, _, value in protobuf.fields(message):
        if number == 1:
            kind = protobuf.text(value)
        elif number == 2:
            name = protobuf.text(value)
    return kind, name


def _point(message: memoryview) -> tuple[int, float]:
    """(seconds, value); what is not written is 0, as Protocol Buffers have it."""
    seconds, value_ = 0, 0.0
    for number, _, value in protobuf.fields(message):
        if number == 1:
            value_ = protobuf.double(value)
        elif number == 2:
            seconds = protobuf.signed(value)
    return seconds, value_
