"""`GET /api/v1/events`: what happened, newest first; `POST` is `ingest/routes/events.py`."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gnomon.core.errors import DecodeError
from gnomon.core.model import Event
from gnomon.server.ingest.answer import as_json
from gnomon.server.web.context import Server
from gnomon.server.web.times import milliseconds

MOST = 10_000
DAY = 86_400_000


def routes(server: Server) -> list[BaseRoute]:
    """The route that reads events."""

    async def events(request: Request) -> Response:
        params, now = request.query_params, server.clock.now()
        start = milliseconds(params.get("from") or "-1d", now, "from")
        end = milliseconds(params.get("to") or "now", now, "to")
        labels = wanted_labels(",".join(params.getlist("tags")))
        most = limit_of(params.get("limit", ""))
        found = await run_in_threadpool(server.store.events, start, end, labels, most)
        return as_json([plain(event) for event in found])

    return [Route("/api/v1/events", events, methods=["GET"], name="events")]


def wanted_labels(tags: str) -> dict[str, str]:
    """`env:prod,canary` → labels an event must carry; a bare tag is the label `canary="true"`."""
    pairs = (tag.strip().partition(":") for tag in tags.split(","))
    return {name: value if colon else "true" for name, colon, value in pairs if name}


def limit_of(text: str) -> int:
    """How many events at most."""
    if not text:
        return 1000
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= MOST:
        raise DecodeError(f"limit: expected a number from 1 to {MOST}, got {text[:20]!r}")
    return int(text)


def plain(event: Event) -> dict[str, object]:
    """An event as it is answered, and as it may be posted again."""
    return {
        "timestamp": event.timestamp,
        "title": event.title,
        "text": event.text,
        "kind": event.kind,
        "source": event.source,
        "labels": dict(event.labels),
    }
