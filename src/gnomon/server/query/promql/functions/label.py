"""Writing labels."""

from __future__ import annotations

import re

import numpy as np

from gnomon.core.model import NAME_LABEL
from gnomon.server.query.promql.call import Call
from gnomon.server.query.promql.errors import EvaluationError
from gnomon.server.query.promql.functions.declare import STRING, VECTOR, Family
from gnomon.server.query.promql.labelsets import merged, relabelled
from gnomon.server.query.promql.regex import RegexError, python_regex
from gnomon.server.query.promql.text import is_label_name
from gnomon.server.query.promql.value import Identity, Vector, label_of

FAMILY = Family("Labels")
_TEMPLATE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})")


@FAMILY.function(
    "label_replace",
    [VECTOR, STRING, STRING, STRING, STRING],
    "Sets a label from another one by a regular expression: (v, to, template, from, regex).",
)
def label_replace(call: Call) -> Vector:
    """Where the expression does not match the whole value, a series stays as it is."""
    target, template, source, pattern = (call.text(index) for index in range(1, 5))
    try:
        compiled = re.compile(python_regex(pattern), re.DOTALL)
    except RegexError:
        raise EvaluationError(f"invalid regular expression in label_replace(): {pattern}") from None
    _check_name(target, "destination label name in label_replace()")
    vector = call.vector(0)
    identities = vector.identities()
    touched: list[int] = []
    for row, identity in enumerate(identities):
        match = compiled.fullmatch(label_of(identity, source))
        if match is not None:
            identities[row] = relabelled(identity, target, _expanded(template, match))
            touched.append(row)
    return _renamed(vector, identities, touched if target == NAME_LABEL else [])


@FAMILY.function(
    "label_join",
    [VECTOR, STRING, STRING, STRING],
    "Sets a label to the values of others put together: (v, to, separator, from, ...).",
    optional=1,
    more=-1,
)
def label_join(call: Call) -> Vector:
    """A label that is not there counts as empty."""
    target, separator = call.text(1), call.text(2)
    sources = [call.text(index) for index in range(3, len(call))]
    for source in sources:
        _check_name(source, "source label name in label_join()")
    _check_name(target, "destination label name in label_join()")
    vector = call.vector(0)
    identities = [
        relabelled(one, target, separator.join(label_of(one, source) for source in sources))
        for one in vector.identities()
    ]
    return _renamed(vector, identities, range(len(identities)) if target == NAME_LABEL else [])


def _renamed(vector: Vector, identities: list[Identity], named: object) -> Vector:
    drop = vector.drop.copy()
    drop[np.array(list(named), dtype=np.int64)] = False  # type: ignore[call-overload]
    return merged(
        vector._replace(
            names=[name for name, _ in identities],
            labels=[labels for _, labels in identities],
            drop=drop,
        )
    )


def _expanded(template: str, match: re.Match[str]) -> str:
    def group(found: re.Match[str]) -> str:
        if found.group(1):
            return "$"
        name = found.group(2) or found.group(3)
        try:
            return match.group(int(name) if name.isdigit() else name) or ""
        except IndexError:
            return ""

    return _TEMPLATE.sub(group, template)


def _check_name(name: str, what: str) -> None:
    if not is_label_name(name):
        raise EvaluationError(f"invalid {what}: {name}")
