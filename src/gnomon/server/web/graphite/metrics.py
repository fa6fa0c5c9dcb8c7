"""`/metrics/find`, `/metrics/expand`, `/metrics/index.json`: the tree of names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gnomon.server.query.graphite.tree import Found
from gnomon.server.web.graphite.parameters import (
    BadRequest,
    Handler,
    Parameters,
    answering,
    as_json,
    number,
    parameters,
)
from gnomon.server.web.graphite.shared import Shared

_BRANCH = {"allowChildren": 1, "expandable": 1, "leaf": 0}
_LEAF = {"allowChildren": 0, "expandable": 0, "leaf": 1}


def find(shared: Shared) -> Handler:
    """`/metrics/find?query=servers.*`."""

    @answering
    async def answer(request: Request) -> Response:
        given = await parameters(request)
        query = given.get("query", "")
        if not query:
            raise BadRequest("Invalid parameters (Missing required parameter 'query')")
        name = given.get("format", "treejson")
        write = _FORMATS.get(name)
        if write is None:
            raise BadRequest("Invalid value for 'format' parameter")
        number(given, "wildcards")
        pattern = _completing(query, given) if name == "completer" else query
        found = await shared.compute(lambda: shared.engine().tree.find(pattern))
        if number(given, "leavesOnly", 0):
            found = [one for one in found if one.node.series]
        return as_json(given, write(found, given))

    return answer


def expand(shared: Shared) -> Handler:
    """`/metrics/expand?query=servers.*`: the paths that match."""

    @answering
    async def answer(request: Request) -> Response:
        given = await parameters(request)
        leaves_only = number(given, "leavesOnly", 0)
        results: dict[str, list[str]] = {}
        for query in given.getlist("query"):
            found = await shared.compute(lambda query=query: shared.engine().tree.find(query))
            results[query] = [one.path for one in found if one.node.series or not leaves_only]
        if number(given, "groupByExpr", 0):
            return as_json(given, {"results": results})
        merged = sorted({path for paths in results.values() for path in paths})
        return as_json(given, {"results": merged})

    return answer


def index(shared: Shared) -> Handler:
    """`/metrics/index.json`: all paths."""

    @answering
    async def answer(request: Request) -> Response:
        given = await parameters(request)
        paths = await shared.compute(shared.paths)
        return as_json(given, paths)

    return answer


def _completing(query: str, given: Parameters) -> str:
    """The pattern a person is in the middle of typing."""
    pattern = query.replace("..", "*.")
    if not pattern.endswith("*"):
        pattern += "*"
    if number(given, "automatic_variants", 0):
        parts = pattern.split(".")
        pattern = ".".join(
            f"{{{part}}}" if "," in part and "{" not in part else part for part in parts
        )
    return pattern


def _treejson(found: Sequence[Found], given: Parameters) -> Any:
    """Branches, then leaves; what is both is in both."""
    base = given.get("query", "").rpartition(".")[0]
    base = f"{base}." if base else ""
    branches = [one for one in found if one.node.children]
    leaves = [one for one in found if one.node.series]
    results: list[dict[str, Any]] = []
    if len(found) > 1 and number(given, "wildcards", 0):
        kind = _BRANCH if branches else _LEAF
        results.append({"text": "*", "id": f"{base}*", **kind})
    for members, kind in ((branches, _BRANCH), (leaves, _LEAF)):
        names = dict.fromkeys(sorted(one.name for one in members))
        results += [{"text": name, "id": base + name, **kind} for name in names]
    return results


def _completer(found: Sequence[Found], given: Parameters) -> Any:
    """Paths to go on with; those of branches end in a dot."""
    results: list[dict[str, str]] = []
    for one in sorted(found, key=lambda one: one.name):
        if one.node.children:
            results.append({"path": f"{one.path}.", "name": one.name, "is_leaf": "0"})
        if one.node.series:
            results.append({"path": one.path, "name": one.name, "is_leaf": "1"})
    if len(results) > 1 and number(given, "wildcards", 0):
        results.append({"name": "*"})
    return {"metrics": results}


def _nodelist(found: Sequence[Found], given: Parameters) -> Any:
    """The nodes at one position of the paths."""
    position = number(given, "position", -1) or 0
    nodes: set[str] = set()
    for one in found:
        parts = one.path.split(".")
        if -len(parts) <= position < len(parts):
            nodes.add(parts[position])
    return {"nodes": sorted(nodes)}


def _json(found: Sequence[Found], _: Parameters) -> Any:
    """Paths, and whether they are leaves."""
    return [{"path": one.path, "is_leaf": bool(one.node.series)} for one in found]


_FORMATS: Mapping[str, Callable[[Sequence[Found], Parameters], Any]] = {
    "treejson": _treejson,
    "completer": _completer,
    "nodelist": _nodelist,
    "json": _json,
}
