"""From what a target names to stored series, and from those to matchers a store can use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gnomon.core.model import NAME_LABEL, Series
from gnomon.server.query.graphite import tagged
from gnomon.server.query.graphite.grammar import Call, Literal, TargetError, parse
from gnomon.server.query.graphite.names import parse_tagged, tagged_path
from gnomon.server.query.graphite.tree import Tree
from gnomon.server.store.interface import Matcher, MatchOp, Store

_MOST_ALTERNATIVES = 500


class Selection(NamedTuple):
    """What an expression stands for: the series behind each answered name."""

    named: Mapping[str, Sequence[Series]]
    matchers: Sequence[Matcher]
    """Select at least these series."""


def select(expression: str, store: Store, tree: Tree) -> Selection:
    """The series of a path, a glob, a path with tags or a `seriesByTag(...)`."""
    if expression.startswith("seriesByTag("):
        matchers = tagged.matchers(_tag_expressions(expression))
        found = store.series(matchers)
        return Selection({tagged_path(one): (one,) for one in found}, matchers)
    if ";" in expression:
        name, labels = parse_tagged(expression)
        matchers = [Matcher(NAME_LABEL, MatchOp.EQUAL, name)]
        matchers += [Matcher(label, MatchOp.EQUAL, value) for label, value in labels]
        found = [one for one in store.series(matchers) if one.labels == labels]
        return Selection({expression: found} if found else {}, matchers)
    leaves = tree.leaves(expression)
    every = [series for leaf in leaves for series in leaf.node.series]
    return Selection({leaf.path: leaf.node.series for leaf in leaves}, selecting(every))


def selecting(series: Sequence[Series]) -> list[Matcher]:
    """Few matchers that select at least these series, and not many more."""
    found = [_among(NAME_LABEL, {one.name for one in series})]
    for label, _ in series[0].labels if series else ():
        values = {one.label(label) for one in series}
        if "" not in values and len(values) <= _MOST_ALTERNATIVES:
            found.append(_among(label, values))
    return found


def _among(label: str, values: Iterable[str]) -> Matcher:
    distinct = sorted(values)
    if len(distinct) == 1:
        return Matcher(label, MatchOp.EQUAL, distinct[0])
    return Matcher(label, MatchOp.REGEX, "|".join(map(re.escape, distinct)))


def _tag_expressions(expression: str) -> list[str]:
    call = parse(expression)
    if not isinstance(call, Call) or not call.arguments:
        raise TargetError("seriesByTag() needs at least one tag expression")
    found: list[str] = []
    for argument in call.arguments:
        if not isinstance(argument, Literal) or not isinstance(argument.value, str):
            raise TargetError("seriesByTag() takes tag expressions in quotes")
        found.append(argument.value)
    return found
