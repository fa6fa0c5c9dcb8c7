"""All series as a tree of dotted paths, for `find` and for globs in targets.

`refresh` takes what the store knows now and adds what is new, so that it costs little to call
before each request. One thread refreshes at a time; finding goes on meanwhile and sees a node
before or after it was added.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from gnomon.core.model import Series
from gnomon.server.query.graphite.glob import expand_braces, is_literal, matcher, split_nodes
from gnomon.server.query.graphite.names import tree_path


class Node:
    """A place in the tree: a branch when it has children, a leaf when it has series."""

    __slots__ = ("children", "series")

    def __init__(self) -> None:
        self.children: dict[str, Node] = {}
        self.series: list[Series] = []
        """Usually one; more when different labels make the same path."""


class Found(NamedTuple):
    """A match of a pattern."""

    path: str
    node: Node

    @property
    def name(self) -> str:
        """The last node of the path."""
        return self.path.rpartition(".")[2]


class Tree:
    """The index of names."""

    def __init__(self, series: Iterable[Series] = ()) -> None:
        self._root = Node()
        self._known: set[Series] = set()
        self._add(series)

    def __len__(self) -> int:
        """How many series."""
        return len(self._known)

    def refresh(self, series: Sequence[Series]) -> None:
        """Makes the tree that of these series: all that there are."""
        new = [one for one in series if one not in self._known]
        if len(self._known) + len(new) > len(series):  # some are gone: start over
            fresh = Tree(series)
            self._root, self._known = fresh._root, fresh._known
        else:
            self._add(new)

    def _add(self, series: Iterable[Series]) -> None:
        for one in series:
            node = self._root
            for part in tree_path(one).split("."):
                following = node.children.get(part)
                if following is None:
                    following = node.children[part] = Node()
                node = following
            node.series.append(one)
            self._known.add(one)

    def find(self, pattern: str) -> list[Found]:
        """Branches and leaves that match, sorted by path; each once."""
        found: dict[str, Node] = {}
        for variant in expand_braces(pattern):
            nodes = split_nodes(variant)
            found.update(_walk(self._root, nodes, ""))
        return [Found(path, found[path]) for path in sorted(found)]

    def leaves(self, pattern: str) -> list[Found]:
        """Only what has series."""
        return [found for found in self.find(pattern) if found.node.series]

    def paths(self) -> list[str]:
        """All leaves, sorted."""
        return sorted(path for path, node in _below(self._root, "") if node.series)


def _walk(node: Node, patterns: Sequence[str], prefix: str) -> Iterator[tuple[str, Node]]:
    """What matches the patterns below a node."""
    pattern, rest = patterns[0], patterns[1:]
    for name, child in _matching(node, pattern):
        path = prefix + name
        if rest:
            yield from _walk(child, rest, path + ".")
        else:
            yield path, child


def _matching(node: Node, pattern: str) -> Iterator[tuple[str, Node]]:
    if is_literal(pattern):
        child = node.children.get(pattern)
        if child is not None:
            yield pattern, child
    elif pattern == "**":
        yield from _below(node, "")
    elif pattern == "*":
        yield from list(node.children.items())
    else:
        fits = matcher(pattern).match
        for name, child in list(node.children.items()):
            if fits(name):
                yield name, child


def _below(node: Node, prefix: str) -> Iterator[tuple[str, Node]]:
    """Everything under a node."""
    for name, child in list(node.children.items()):
        yield prefix + name, child
        yield from _below(child, f"{prefix}{name}.")
