"""Tag expressions: `name=system.load.1`, `host=~web`, `env!=test`, `rack!=~a.*`.

A regular expression is anchored at its start only. A condition that the empty value meets also
meets series without that tag; at least one must not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gnomon.server.query.graphite.grammar import TargetError
from gnomon.server.query.graphite.names import label_of
from gnomon.server.query.graphite.pattern import regex
from gnomon.server.store.interface import Matcher, MatchOp

_EXPRESSION = re.compile(r"([^;!=]+)(!?=~?)([^;]*)")
_OPERATORS = {
    "=": MatchOp.EQUAL,
    "!=": MatchOp.NOT_EQUAL,
    "=~": MatchOp.REGEX,
    "!=~": MatchOp.NOT_REGEX,
}


def matchers(expressions: Sequence[str]) -> list[Matcher]:
    """The label matchers of all expressions; raises `TargetError` when they select everything."""
    found = [matcher(expression) for expression in expressions]
    if all(one.matches("") for one in found):
        raise TargetError("at least one tag expression must not match the empty value")
    return found


def matcher(expression: str) -> Matcher:
    """One expression as a label matcher."""
    parts = _EXPRESSION.fullmatch(expression)
    if parts is None:
        raise TargetError(
            f"invalid tag expression {expression!r}; expected tag=value, !=, =~ or !=~"
        )
    tag, operator, value = parts.groups()
    if operator.endswith("~"):
        regex(value)
        value = f"(?:{value.removeprefix('^')}).*"
    return Matcher(label_of(tag), _OPERATORS[operator], value)
