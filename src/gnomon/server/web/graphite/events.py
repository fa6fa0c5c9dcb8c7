"""`/events`: what happened, taken and answered in Graphite's form."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gnomon.core.model import Batch, Event, Labels, labels_of
from gnomon.server.query.graphite.source import event_tags
from gnomon.server.store.interface import Write
from gnomon.server.web.graphite.parameters import (
    BadRequest,
    Handler,
    Parameters,
    answering,
    as_json,
    body,
    json_object,
    parameters,
    seconds,
    zone_of,
)
from gnomon.server.web.graphite.shared import Shared

_MOST = 10_000


def take(shared: Shared) -> Handler:
    """`POST /events/` with `{"what", "tags", "when", "data"}`; a 200 means it is stored."""

    @answering
    async def answer(request: Request) -> Response:
        event = _event(await body(request), shared.now())
        write = Write(Batch.of((), [event]))
        await asyncio.wrap_future(shared.server.writer.submit(write))
        return Response(status_code=200)

    return answer


def get_data(shared: Shared) -> Handler:
    """`/events/get_data`: events of a time range, oldest first."""

    @answering
    async def answer(request: Request) -> Response:
        given = await parameters(request)
        zone, now = zone_of(given), shared.now()
        start = seconds(given, "from", 0, zone, now) * 1000
        end = seconds(given, "until", now, zone, now) * 1000 + 999
        found = await shared.compute(lambda: shared.server.store.events(start, end, limit=_MOST))
        kept = [event for event in reversed(found) if _wanted(event, given)]
        return as_json(given, [_shown(event) for event in kept])

    return answer


def detail(shared: Shared) -> Handler:
    """`/events/<id>`: one event."""

    @answering
    async def answer(request: Request) -> Response:
        wanted = request.path_params["id"]
        end = (shared.now() + 86400) * 1000
        found = await shared.compute(lambda: shared.server.store.events(0, end, limit=_MOST))
        for event in found:
            if _id(event) == wanted:
                return JSONResponse(_shown(event))
        return JSONResponse({"error": "Event matching query does not exist"}, 404)

    return answer


def _event(data: bytes, now: int) -> Event:
    given = json_object(data)
    tags = given.get("tags")
    words = tags.split() if isinstance(tags, str) else tags or []
    if not isinstance(words, list):
        raise BadRequest('{"error": "\\"tags\\" must be an array or space-separated string"}')
    when = given.get("when", now)
    if isinstance(when, bool) or not isinstance(when, int | float):
        raise BadRequest("when: expected seconds since 1970")
    return Event(
        timestamp=int(when * 1000),
        title=str(given.get("what") or ""),
        text=str(given.get("data") or ""),
        source="graphite",
        labels=_labels(map(str, cast(list[Any], words))),
    )


def _labels(tags: Iterable[str]) -> Labels:
    """`env:prod` is a label with its value, a bare `deploy` is `deploy=true`."""
    pairs = (tag.partition(":") for tag in tags)
    return labels_of({name: value if colon else "true" for name, colon, value in pairs if name})


def _wanted(event: Event, given: Parameters) -> bool:
    """Whether an event has all the tags asked for, or with `set=union` any of them."""
    tags = set(given.get("tags", "").split())
    own = event_tags(event.labels)
    if given.get("set") == "union":
        return not tags or bool(tags & own)
    return tags <= own


def _shown(event: Event) -> dict[str, Any]:
    return {
        "when": event.timestamp // 1000,
        "what": event.title,
        "data": event.text,
        "tags": sorted(event_tags(event.labels)),
        "id": _id(event),
    }


def _id(event: Event) -> int:
    """48 bits of what it says: the same each time it is asked for."""
    text = repr((event.timestamp, event.title, event.text, event.labels))
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=6).digest(), "big")
