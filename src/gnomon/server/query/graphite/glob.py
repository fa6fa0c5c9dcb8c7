"""Patterns over nodes of a path: `*`, `?`, `[a-z]`, `{web,db}`, and `**` for any depth."""

from __future__ import annotations

import re
from fnmatch import translate

from gnomon.server.query.graphite.grammar import TargetError

_BRACES = re.compile(r"\{([^{}]*)\}")
_WILD = re.compile(r"[*?\[]")
_MOST_VARIANTS = 10_000


def expand_braces(pattern: str) -> list[str]:
    """`a{b,c}d` → `abd`, `acd`; nested too, each once, in order."""
    done: dict[str, None] = {}
    open_: list[str] = [pattern]
    while open_:
        text = open_.pop(0)
        found = _BRACES.search(text)
        if found is None:
            done[text] = None
            continue
        open_ += [
            text[: found.start()] + part + text[found.end() :] for part in found[1].split(",")
        ]
        if len(open_) + len(done) > _MOST_VARIANTS:
            raise TargetError(f"more than {_MOST_VARIANTS} variants in {pattern[:80]!r}")
    return list(done)


def split_nodes(pattern: str) -> list[str]:
    """The nodes of a pattern; a dot between braces does not part them."""
    nodes, depth, current = list[str](), 0, ""
    for char in pattern:
        depth += {"{": 1, "}": -1}.get(char, 0)
        if char == "." and depth == 0:
            nodes.append(current)
            current = ""
        else:
            current += char
    return [*nodes, current]


def is_literal(node: str) -> bool:
    """Whether a node (braces expanded) matches only itself."""
    return _WILD.search(node) is None


def matcher(node: str) -> re.Pattern[str]:
    """A node's pattern (braces expanded) as a regular expression for the whole node."""
    return re.compile(translate(node))
