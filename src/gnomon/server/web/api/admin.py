"""`POST /api/v1/admin/tsdb/delete_series`: removes samples for good, as in Prometheus."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gnomon.core.errors import DecodeError
from gnomon.server.ingest.limits import LATEST
from gnomon.server.query.promql.parser import parse_selector
from gnomon.server.web.context import Server
from gnomon.server.web.times import milliseconds


def routes(server: Server) -> list[BaseRoute]:
    """The one route."""

    async def delete(request: Request) -> Response:
        params, now = request.query_params, server.clock.now()
        texts = params.getlist("match[]")
        if not texts:
            raise DecodeError('match[]: a selector is needed, such as {host="gone"}')
        selectors = [parse_selector(text) for text in texts]
        start = milliseconds(params["start"], now, "start") if params.get("start") else 0
        end = milliseconds(params["end"], now, "end") if params.get("end") else LATEST
        for text, selector in zip(texts, selectors, strict=True):
            removed = await run_in_threadpool(server.store.delete, selector, start, end)
            server.log.info("deleted %d samples of %s by request", removed, text)
        return Response(status_code=204)

    return [
        Route(
            "/api/v1/admin/tsdb/delete_series",
            delete,
            methods=["POST", "PUT"],
            name="delete-series",
        )
    ]
