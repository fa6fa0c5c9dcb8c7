"""Finds a route by one look-up, where Starlette would try one regular expression after the other.

Agents post to a few fixed paths all day, among a hundred that other systems know us by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

_FOUND = "gnomon.route"


class FixedPaths(BaseRoute):
    """All routes whose path has no parameters, as one; the first that fits wins, as elsewhere."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes: dict[str, list[Route]] = {}
        for route in routes:
            self._routes.setdefault(route.path, []).append(route)

    def matches(self, scope: Scope) -> tuple[Match, dict[str, Any]]:
        """See Starlette; a route of another method is only better than none."""
        best: tuple[Match, dict[str, Any]] = (Match.NONE, {})
        if scope["type"] != "http":
            return best
        for route in self._routes.get(scope["path"], ()):
            match, found = route.matches(scope)
            if match.value > best[0].value:
                best = match, {**found, _FOUND: route}
            if match is Match.FULL:
                break
        return best

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hands on to the route that was found."""
        await scope[_FOUND].handle(scope, receive, send)


def by_path(routes: Sequence[BaseRoute]) -> list[BaseRoute]:
    """The same routes, those with a fixed path first."""
    fixed = [route for route in routes if isinstance(route, Route) and "{" not in route.path]
    return [FixedPaths(fixed), *(route for route in routes if route not in fixed)]
