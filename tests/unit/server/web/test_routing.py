from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from gnomon.server.web.routing import by_path
from gnomon.testing.asgi import Client


def route(path: str, says: str, *methods: str) -> Route:
    async def endpoint(request):
        return PlainTextResponse(f"{says} {dict(request.path_params)}")

    return Route(path, endpoint, methods=list(methods) or ["GET"])


ROUTES = [
    route("/things/{name}", "pattern"),
    route("/things/one", "read"),
    route("/things/one", "write", "POST"),
    route("/things/one", "never"),
    route("/", "root"),
]


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("GET", "/things/one", 200, "read {}"),
        ("HEAD", "/things/one", 200, "read {}"),
        ("POST", "/things/one", 200, "write {}"),
        ("DELETE", "/things/one", 405, "Method Not Allowed"),
        ("GET", "/things/two", 200, "pattern {'name': 'two'}"),
        ("POST", "/things/two", 405, "Method Not Allowed"),
        ("GET", "/", 200, "root {}"),
        ("GET", "/nothing", 404, "Not Found"),
        ("GET", "/things/one/", 307, ""),
    ],
)
def test_routes_are_found(method, path, status, says):
    with Client(Starlette(routes=by_path(ROUTES))) as client:
        answer = client.request(method, path)
        assert (answer.status, answer.body.decode()) == (status, says)
