"""Open-Falcon: `/v1/push`, as its agents answer it, and `/api/push`, as its transfer does.

Items that are not valid are counted and left out, the others are stored; a 2xx means durable.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

from gnomon.codecs.falcon import metric_value
from gnomon.codecs.falcon.metric_value import Decoded
from gnomon.core.errors import DecodeError
from gnomon.server.ingest.answer import as_json
from gnomon.server.ingest.interface import Handler, Ingest
from gnomon.server.store.interface import Write

NAME = "falcon"


def component(ingest: Ingest) -> Sequence[BaseRoute]:
    """Both paths."""

    async def agent(request: Request) -> Response:
        await _taken(ingest, request, ("body is blank", "connot decode body"))
        return PlainTextResponse("success")

    async def transfer(request: Request) -> Response:
        began = ingest.clock.monotonic()
        decoded = await _taken(ingest, request, ("blank body", "decode error"))
        counts = {
            "Message": "ok",
            "Total": decoded.total,
            "Invalid": decoded.invalid,
            "Latency": round((ingest.clock.monotonic() - began) * 1000),
        }
        return as_json({"msg": "success", "data": counts})

    routes: tuple[tuple[str, Handler], ...] = (("/v1/push", agent), ("/api/push", transfer))
    return [ingest.route(NAME, path, _in_words(handle)) for path, handle in routes]


def _in_words(handle: Handler) -> Handler:
    """What is wrong with a body is answered as text, as Open-Falcon does."""

    async def answering(request: Request) -> Response:
        try:
            return await handle(request)
        except HTTPException as error:
            if error.status_code != 400:
                raise
            return PlainTextResponse(f"{error.detail}\n", 400)

    return answering


async def _taken(ingest: Ingest, request: Request, words: tuple[str, str]) -> Decoded:
    """Stores what is valid; `words` for a body without anything and for one that is no list."""
    blank, wrong = words
    async with ingest.bodies.read(request) as body:
        if not body:
            raise HTTPException(400, blank)
        try:
            decoded = await ingest.compute(metric_value.decode, body, ingest.clock.now())
        except DecodeError as error:
            raise HTTPException(400, f"{wrong}: {error}") from None
    if decoded.invalid:
        ingest.count_dropped(NAME, {"invalid": decoded.invalid}, decoded.first)
    batch, dropped, example = ingest.admission.admit(decoded.batch)
    if dropped:
        ingest.count_dropped(NAME, dropped, example)
    if batch:
        await ingest.store(NAME, [Write(batch)])
    return decoded._replace(invalid=decoded.invalid + sum(dropped.values()))
