"""Puts the HTTP application together: APIs, ingest routes, pages, access, errors.

Every module of `web/api` and `web/pages` that has `routes(server) -> list[BaseRoute]` is part of
it, and every ingest route of the registry; no list has to be edited. Where two routes answer one
path the order is API, ingest, pages; a path without parameters comes before one that has some.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gnomon.core.errors import GnomonError, SettingsError
from gnomon.core.registry import INGEST_ROUTES
from gnomon.core.settings import Secret
from gnomon.core.telemetry import Telemetry, counter
from gnomon.server.ingest.answer import error_answer, failure
from gnomon.server.ingest.interface import Ingest
from gnomon.server.web import api, pages
from gnomon.server.web.access import Access
from gnomon.server.web.context import Server
from gnomon.server.web.routing import by_path

ANSWERS = counter("gnomon.http.answers", "Answers by class of status code.")


def build(server: Server, ingest: Ingest, keys: Sequence[Secret] = ()) -> ASGIApp:
    """The application of one server."""
    routes = [*_routes(api, server), *_ingest_routes(ingest), *_routes(pages, server)]
    return Starlette(
        routes=by_path(routes),
        middleware=[
            Middleware(Outermost, telemetry=server.telemetry, log=server.log),
            Middleware(Access, keys=keys, telemetry=server.telemetry),
        ],
        exception_handlers={HTTPException: _answer, GnomonError: _answer},
    )


class Outermost:
    """ASGI middleware: counts answers; a bug is logged and answered as 500, never silence."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry, log: logging.Logger) -> None:
        self._app = app
        self._log = log
        self._answers = {
            klass: telemetry.value(ANSWERS, code=f"{klass}xx") for klass in (1, 2, 3, 4, 5)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the lifespan."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def counted(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._answers[message["status"] // 100].add()
            await send(message)

        try:
            await self._app(scope, receive, counted)
        except Exception:
            self._log.exception("%s %s failed", scope["method"], scope["path"])
            if started:
                raise  # the answer is cut off, which is all that can still be said
            wrong = failure(500, "internal", "an error in the server; its log says more")
            await wrong(scope, receive, counted)


def _routes(package: ModuleType, server: Server) -> Iterator[BaseRoute]:
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        if hasattr(module, "routes"):
            yield from module.routes(server)


def _ingest_routes(ingest: Ingest) -> Iterator[BaseRoute]:
    """All of the registry; one that misses a dependency is left out, and said so."""
    for name in INGEST_ROUTES.names():
        try:
            made: Iterable[BaseRoute] = INGEST_ROUTES.load(name)(ingest)
        except SettingsError as error:
            ingest.log.warning("%s", error)
        else:
            yield from made


async def _answer(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, (GnomonError, HTTPException))
    return error_answer(error)
