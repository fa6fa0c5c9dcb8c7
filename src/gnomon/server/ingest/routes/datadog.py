"""Datadog's HTTP API below `/datadog`, for agents and clients whose `dd_url` ends in it.

What is good in a body is stored, what is not is counted; a body without anything good is refused. A 2xx
means durable. Errors have the form that Datadog's clients know: `{"errors":["..."]}`. A body with
events whose times all came with it is stored once, however often it is sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from gnomon.codecs.datadog import calls
from gnomon.codecs.datadog.payload import Facts, Payload
from gnomon.core.errors import DecodeError, GnomonError
from gnomon.server.ingest.answer import as_json, error_answer
from gnomon.server.ingest.interface import DROPPED, Handler, Ingest
from gnomon.server.store.interface import Write

PREFIX = "/datadog"
NAME = "datadog"


def component(ingest: Ingest) -> Sequence[BaseRoute]:
    """All paths, each with and without a slash at its end."""
    return list(_routes(ingest))


def _routes(ingest: Ingest) -> Iterator[BaseRoute]:
    async def validate(request: Request) -> Response:
        del request  # a wrong key does not come so far
        return as_json({"valid": True})

    for call in calls.CALLS:
        for path in call.paths:
            for spelled in (path, f"{path}/"):
                yield ingest.route(NAME, PREFIX + spelled, _answering(_taking(ingest, call)))
    yield ingest.route(NAME, PREFIX + calls.VALIDATE, validate, methods=("GET",))


def _taking(ingest: Ingest, call: calls.Call) -> Handler:
    async def handle(request: Request) -> Response:
        content_type = request.headers.get("content-type", "")
        facts = Facts(ingest.clock.now(), content_type=content_type)
        async with ingest.bodies.read(request) as body:
            payload = await ingest.compute(call.decode, body, facts)
            key = once(body) if payload.events and payload.dated else ""
        _count(ingest, payload)
        batch, dropped, example = ingest.admission.admit(payload.batch)
        if dropped:
            ingest.count_dropped(NAME, dropped, example)
        if batch:
            await ingest.store(NAME, [Write(batch, key=key)])
        elif payload.rejected or dropped:
            raise DecodeError(payload.first or example)
        return as_json(call.answer(payload), calls.ACCEPTED)

    return handle


def once(body: bytes) -> str:
    """The key of a body that says the same whenever it is sent."""
    return f"datadog:{hashlib.blake2b(body, digest_size=16).hexdigest()}"


def _count(ingest: Ingest, payload: Payload) -> None:
    if payload.rejected:
        ingest.count_dropped(NAME, {"malformed": payload.rejected}, payload.first)
    for part, amount in payload.ignored.items():
        ingest.telemetry.value(DROPPED, route=NAME, reason=part).add(amount)


def _answering(handle: Handler) -> Handler:
    """Errors in the form of Datadog's API, with the status and headers they have everywhere."""

    async def answering(request: Request) -> Response:
        try:
            return await handle(request)
        except (GnomonError, HTTPException) as error:
            usual = error_answer(error)
            message = error.detail if isinstance(error, HTTPException) else str(error)
            said = calls.error(message.encode("utf-8", "replace").decode())
            kept = {
                name: usual.headers[name]
                for name in ("retry-after", "connection")
                if name in usual.headers
            }
            return as_json(said, usual.status_code, kept)

    return answering
