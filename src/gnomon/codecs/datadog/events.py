"""Check runs and events, as version 1 of Datadog's API takes them."""

from __future__ import annotations

from typing import Any

import msgspec

from gnomon.codecs.datadog.payload import EVENT_KINDS, Facts, Payload, items
from gnomon.core.errors import DecodeError
from gnomon.core.model import Event, labels_of


class _CheckRun(msgspec.Struct):
    check: str
    status: int
    host_name: str | None = None
    timestamp: float | None = None
    message: str | None = None
    tags: Any = None


class _Event(msgspec.Struct):
    title: str
    text: str | None = None
    date_happened: float | None = None
    host: str | None = None
    tags: Any = None
    alert_type: str | None = None
    priority: str | None = None
    aggregation_key: str | None = None
    source_type_name: str | None = None


_check_runs = msgspec.json.Decoder(_CheckRun | list[_CheckRun])
_events = msgspec.json.Decoder(_Event)


def decode_check_runs(body: bytes, facts: Facts) -> Payload:
    """The body of `/api/v1/check_run`: one or a list; raises `DecodeError`."""
    payload = Payload(facts)
    for run in items(body, _check_runs, "", _CheckRun, payload):
        labels = payload.labels(run.tags, run.host_name)
        try:
            payload.service_check(run.check, run.status, run.timestamp, run.message or "", labels)
        except DecodeError as error:
            payload.reject(f"{run.check[:80]!r}: {error}")
    return payload


def decode_event(body: bytes, facts: Facts) -> Payload:
    """The body of `/api/v1/events`: one event; raises `DecodeError`."""
    payload = Payload(facts)
    for posted in items(body, _events, "", _Event, payload):
        put_event(payload, msgspec.to_builtins(posted))
    if not payload.events:
        raise DecodeError(payload.first or "expected an event")
    return payload


def put_event(payload: Payload, said: dict[str, Any]) -> None:
    """An event by the keys of the API; raises `DecodeError`."""
    title = said.get("title")
    if not isinstance(title, str) or not title:
        raise DecodeError("an event needs a title")
    more = {"aggregation_key": said.get("aggregation_key"), "priority": said.get("priority")}
    if more["priority"] == "normal":
        del more["priority"]
    labels = payload.labels(
        said.get("tags"),
        said.get("host"),
        {key: value for key, value in more.items() if isinstance(value, str)},
    )
    kind = said.get("alert_type")
    payload.events.append(
        Event(
            payload.time(said.get("date_happened")),
            title,
            _text(said.get("text")),
            kind if isinstance(kind, str) and kind in EVENT_KINDS else "info",
            _text(said.get("source_type_name")),
            labels_of(labels),
        )
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
