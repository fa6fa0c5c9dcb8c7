"""`POST /api/v1/events`: one event or a list of them, in JSON; see `docs/reference/http-api.md`.

All or nothing, durable on 2xx, idempotent with `Idempotency-Key`, as `/api/v1/import`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from gnomon.core.errors import DecodeError, LimitExceeded
from gnomon.core.model import Batch, Event, labels_of
from gnomon.server.ingest.answer import as_json
from gnomon.server.ingest.interface import Ingest
from gnomon.server.ingest.limits import LATEST, Limits
from gnomon.server.store.interface import Write

KINDS = ("info", "success", "warning", "error", "service_check")
MOST_EVENTS = 10_000
"""In one request."""


class PostedEvent(msgspec.Struct):
    """An event as it is posted."""

    title: str
    text: str = ""
    kind: str = "info"
    source: str = ""
    timestamp: int | None = None
    """Milliseconds since the Unix epoch; now, when it is left out."""
    labels: dict[str, str] = {}
    tags: list[str] = []
    """`key:value`; a tag without a colon is the label `tag="true"`."""


_decoder = msgspec.json.Decoder(PostedEvent | list[PostedEvent])


def component(ingest: Ingest) -> Sequence[BaseRoute]:
    """The route of events."""

    async def handle(request: Request) -> Response:
        key = ingest.idempotency_key("events", request)
        async with ingest.bodies.read(request) as body:
            posted = decode(body)
        now = ingest.clock.now()
        events = [event_of(event, now, ingest.limits) for event in posted]
        write = Write(Batch.of([], events), key=key)
        (outcome,) = await ingest.store("events", [write])
        return as_json({"events": len(events), "outcome": outcome.value})

    return [ingest.route("events", "/api/v1/events", handle)]


def decode(body: bytes) -> list[PostedEvent]:
    """What was posted; raises `DecodeError`."""
    try:
        posted = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError(f"not an event or a list of events: {error}".replace("`", "")) from None
    events = cast(list[PostedEvent], posted) if isinstance(posted, list) else [posted]
    if len(events) > MOST_EVENTS:
        raise LimitExceeded(f"{len(events)} events in one request, {MOST_EVENTS} are allowed")
    return events


def event_of(posted: PostedEvent, now: int, limits: Limits) -> Event:
    """The model's event; raises `DecodeError` for what cannot be one."""
    if not posted.title:
        raise DecodeError("an event needs a title")
    if posted.kind not in KINDS:
        raise DecodeError(f"kind {posted.kind[:40]!r} is not one of {', '.join(KINDS)}")
    timestamp = now if posted.timestamp is None else posted.timestamp
    if not 0 <= timestamp <= LATEST:
        raise DecodeError(f"timestamp {timestamp} is not in milliseconds since 1970")
    labels = labels_of({**tag_labels(posted.tags), **posted.labels})
    longest = max((len(text) for pair in labels for text in pair), default=0)
    if len(labels) > limits.labels_per_series or longest > limits.label_length:
        raise LimitExceeded(f"event {posted.title[:80]!r}: too many labels, or too long ones")
    return Event(timestamp, posted.title, posted.text, posted.kind, posted.source, labels)


def tag_labels(tags: Sequence[str]) -> dict[str, str]:
    """Datadog's tags as labels; a key given twice has its values joined by a comma."""
    found: dict[str, str] = {}
    for tag in tags:
        name, colon, value = tag.partition(":")
        value = value if colon else "true"
        if name:
            found[name] = f"{found[name]},{value}" if name in found else value
    return found
