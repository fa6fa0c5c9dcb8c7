"""Graphite's HTTP API: `/render`, `/metrics/*`, `/functions`, `/tags/*`, `/events/*`, `/version`.

Parameters may come in the query or in a form, as Grafana sends them; a path may end in a slash.
Errors are a line of text with status 400, as graphite-web's are.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from gnomon.server.query.graphite import description
from gnomon.server.web.context import Server
from gnomon.server.web.graphite import events, metrics, render, tags
from gnomon.server.web.graphite.parameters import Handler, answering, as_json, parameters
from gnomon.server.web.graphite.shared import Shared

VERSION = "1.1.10"
"""The graphite-web whose behaviour this is; Grafana asks for it to know what it may use."""

_BOTH = ("GET", "POST")


def routes(server: Server) -> list[BaseRoute]:
    """The routes."""
    shared = Shared(server)
    return [
        *_route("/render", render.handler(shared), *_BOTH),
        *_route("/metrics/find", metrics.find(shared), *_BOTH),
        *_route("/metrics/expand", metrics.expand(shared), *_BOTH),
        *_route("/metrics/index.json", metrics.index(shared), *_BOTH),
        *_route("/functions", _functions(), "GET"),
        *_route("/functions/{name}", _function(), "GET"),
        *_route("/tags", tags.names(shared), "GET"),
        *_route("/tags/findSeries", tags.find_series(shared), *_BOTH),
        *_route("/tags/autoComplete/tags", tags.complete_tags(shared), *_BOTH),
        *_route("/tags/autoComplete/values", tags.complete_values(shared), *_BOTH),
        *_route("/tags/tagSeries", tags.take(), "POST"),
        *_route("/tags/tagMultiSeries", tags.take(), "POST"),
        *_route("/tags/{tag}", tags.details(shared), "GET"),
        *_route("/events", events.take(shared), "POST"),
        *_route("/events/get_data", events.get_data(shared), *_BOTH),
        *_route("/events/{id:int}", events.detail(shared), "GET"),
        *_route("/version", _version, "GET"),
        Route("/version/{rest:path}", _version, methods=["GET"]),
    ]


def _route(path: str, handler: Handler, *methods: str) -> list[BaseRoute]:
    """A path with and without a slash at its end."""
    return [Route(form, handler, methods=list(methods)) for form in (path, f"{path}/")]


def _functions() -> Handler:
    @answering
    async def answer(request: Request) -> Response:
        given = await parameters(request)
        if given.get("type") == "pie":
            return as_json(given, {})
        found = description.all_described(group=given.get("group"))
        if given.get("grouped", "").lower() in ("1", "true"):
            return as_json(given, description.grouped(found))
        return as_json(given, found)

    return answer


def _function() -> Handler:
    @answering
    async def answer(request: Request) -> Response:
        name = request.path_params["name"]
        given = await parameters(request)
        try:
            return as_json(given, description.described(name))
        except KeyError:
            return PlainTextResponse(f"Function not found: {name}", 404)

    return answer


async def _version(request: Request) -> Response:
    del request
    return PlainTextResponse(VERSION)
