"""Parts of names: the nodes of a path, the path inside `sumSeries(a.b.c)`, lists of paths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gnomon.server.query.graphite.grammar import Call, Expression, Path, SyntaxProblem, parse_prefix
from gnomon.server.query.graphite.timeseries import SeriesList, TimeSeries

Node = int | float | str


def first_path(name: str) -> str | None:
    """The first metric path in a name that looks like a target."""
    try:
        expression: Expression | None = parse_prefix(name)
    except SyntaxProblem:
        return None
    while isinstance(expression, Call):
        expression = expression.arguments[0] if expression.arguments else None
    return expression.text if isinstance(expression, Path) else None


def node_key(series: TimeSeries, nodes: Sequence[Node]) -> str:
    """Nodes and tag values joined by dots: what series are grouped and renamed by.

    A whole number is a place in the path (from the end when negative), anything else a tag's name;
    what is not there is empty.
    """
    path = first_path(series.name) if series.name.endswith(")") else None
    parts = (path or series.name).split(";", 1)[0].split(".")
    return ".".join(_node_or_tag(series, parts, node) for node in nodes)


def _node_or_tag(series: TimeSeries, parts: Sequence[str], node: Node) -> str:
    if isinstance(node, (int, float)) and node == int(node):
        place = int(node)
        if -len(parts) <= place < len(parts):
            return parts[place]
    return series.tags.get(str(node), "")


def grouped(series_list: SeriesList, nodes: Sequence[Node]) -> dict[str, SeriesList]:
    """Series by their key, in the order the keys were first seen."""
    groups: dict[str, SeriesList] = {}
    for series in series_list:
        groups.setdefault(node_key(series, nodes), []).append(series)
    return groups


def joined_paths(series_list: Iterable[TimeSeries]) -> str:
    """What was asked for, each once: the inside of `sumSeries(...)`."""
    return ",".join(dict.fromkeys(series.path_expression for series in series_list))


def sub_path(name: str, start: int, stop: int) -> str:
    """Nodes `start` to `stop` (0 means to the end) of the path inside a name's brackets."""
    left, right = name.rfind("(") + 1, name.find(")")
    nodes = name[left : right if right >= 0 else None].split(".")
    return re.sub(",.*$", "", ".".join(nodes[start : stop or None]))
