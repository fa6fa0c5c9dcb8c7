"""What agents say of themselves: they post it, the agents page and `gnomon up` read it."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gnomon.core.errors import DecodeError, LimitExceeded
from gnomon.server.fleet.inventory import AgentStatus
from gnomon.server.ingest.answer import as_json, failure
from gnomon.server.web.context import Server

LARGEST = 1 << 20
"""Bytes of a status document."""
LONGEST_NAME = 256

_decoder = msgspec.json.Decoder(dict[str, Any])


def routes(server: Server) -> list[BaseRoute]:
    """Posting and listing."""

    async def report(request: Request) -> Response:
        agent = request.path_params["agent"]
        document = _document(await _body(request))
        host = document.get("hostname")
        if not isinstance(host, str) or not 0 < len(host) <= LONGEST_NAME:
            raise DecodeError("hostname: expected a name")
        if len(agent) > LONGEST_NAME:
            raise DecodeError(f"an agent's id has at most {LONGEST_NAME} characters")
        server.inventory.report(AgentStatus(agent, host, server.clock.now(), document))
        return Response(status_code=204)

    async def listed(request: Request) -> Response:
        del request
        return as_json(server.inventory.agents())

    async def one(request: Request) -> Response:
        wanted = request.path_params["agent"]
        for status in server.inventory.agents():
            if status.agent == wanted:
                return as_json(status)
        return failure(404, "not_found", "no such agent has reported")

    return [
        Route("/api/v1/agents", listed, name="agents"),
        Route("/api/v1/agents/{agent}/status", report, methods=["POST"], name="agent-report"),
        Route("/api/v1/agents/{agent}/status", one, methods=["GET"], name="agent-status"),
    ]


async def _body(request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST:
            raise LimitExceeded(f"a status is at most {LARGEST} bytes")
        parts.append(part)
    return b"".join(parts)


def _document(body: bytes) -> dict[str, Any]:
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"not a JSON object: {error}".replace("`", "")) from None
