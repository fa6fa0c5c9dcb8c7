"""The addresses of the web page: one HTML shell each, filled by the page's own module.

A shell is the same for everybody and says nothing about the data: what is shown comes from the
HTTP API, so a person sees on the page what a script sees.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from string import Template
from typing import NamedTuple, TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gnomon.server.web.context import Server
from gnomon.server.web.pages.assets import FOREVER, REVALIDATE, Asset, Assets, respond

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

STATIC = Path(__file__).parent.parent / "static"
SHELL = Path(__file__).parent / "shell.html"

SECURITY = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    ),
    "Referrer-Policy": "same-origin",
}
"""No inline script or style and nothing from elsewhere: text in a metric name stays text."""


class Page(NamedTuple):
    """What one shell loads beside the parts all pages share."""

    path: str
    name: str
    """Of its module, its style sheet and its entry in the navigation."""
    charts: bool = False


PAGES = (
    Page("/", "overview"),
    Page("/host/{name:path}", "host", charts=True),
    Page("/explore", "explore", charts=True),
    Page("/agents", "agents"),
)


def routes(server: Server) -> list[BaseRoute]:
    """The pages and `/static`."""
    del server  # what is shown comes from the API
    assets = Assets(STATIC)
    template = Template(SHELL.read_text(encoding="utf-8"))
    pages = [Route(page.path, _shell(page, assets, template), name=page.name) for page in PAGES]
    return [*pages, Route("/static/{version}/{path:path}", _static(assets), name="static")]


def _shell(page: Page, assets: Assets, template: Template) -> Endpoint:
    asset = Asset.of(render(page, assets, template).encode(), "text/html; charset=utf-8")

    async def endpoint(request: Request) -> Response:
        return respond(request, asset, REVALIDATE, SECURITY)

    return endpoint


def _static(assets: Assets) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        asset = assets.get(request.path_params["path"])
        if asset is None:
            return Response("no such file\n", status_code=404, media_type="text/plain")
        current = request.path_params["version"] == assets.version
        return respond(request, asset, FOREVER if current else REVALIDATE)

    return endpoint


def render(page: Page, assets: Assets, template: Template) -> str:
    """The HTML of a page."""
    base = f"/static/{assets.version}"
    styles = ["base.css", *(["vendor/uPlot.min.css", "chart.css"] * page.charts)]
    lines = [
        f'<link rel="stylesheet" href="{base}/{path}">' for path in (*styles, f"{page.name}.css")
    ]
    lines.append(f'<script src="{base}/early.js"></script>')
    lines += [
        f'<link rel="modulepreload" href="{base}/{path}">'
        for path in assets.modules(f"{page.name}.js")
    ]
    if page.charts:
        lines.append(f'<script defer src="{base}/vendor/uPlot.iife.min.js"></script>')
    lines.append(f'<script type="module" src="{base}/{page.name}.js"></script>')
    return template.substitute(base=base, page=page.name, head="\n".join(lines))
