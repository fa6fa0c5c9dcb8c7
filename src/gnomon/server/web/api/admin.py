"""`POST /api/v1/admin/tsdb/delete_series`: removes samples for good, as in Prometheus."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gnomon.server.ingest.limits import LATEST
from gnomon.server.web.context import Server
from gnomon.server.web.selecting import read_selectors
from gnomon.server.web.times import milliseconds

EXAMPLE = '{host="gone"}'


def routes(server: Server) -> list[BaseRoute]:
    """The one route."""

    async def delete(request: Request) -> Response:
        params, now = request.query_params, server.clock.now()
        texts = params.getlist("match[]")
        selectors = await run_in_threadpool(read_selectors, texts, server.store, EXAMPLE)
        start = milliseconds(params["start"], now, "start") if params.get("start") else 0
        end = milliseconds(params["end"], now, "end") if params.get("end") else LATEST
        for selector in selectors:
            removed = await run_in_threadpool(server.store.delete, selector, start, end)
            shown = ", ".join(f"{m.label}{m.op}{m.value!r}" for m in selector)
            server.log.info("deleted %d samples of {%s} by request", removed, shown)
        return Response(status_code=204)

    return [
        Route(
            "/api/v1/admin/tsdb/delete_series",
            delete,
            methods=["POST", "PUT"],
            name="delete-series",
        )
    ]
