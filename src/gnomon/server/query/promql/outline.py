"""A tree as plain data, in the form of Prometheus' `parse_query`: for query builders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from gnomon.server.query.promql.functions.catalogue import FUNCTIONS
from gnomon.server.query.promql.syntax import (
    SET_OPERATORS,
    Aggregate,
    At,
    Binary,
    Call,
    Duration,
    DurationExpr,
    Expr,
    MatrixSelector,
    NumberLiteral,
    Paren,
    StringLiteral,
    Subquery,
    Unary,
    ValueType,
    VectorSelector,
)
from gnomon.server.query.promql.text import format_value

Outline: TypeAlias = dict[str, Any]
_TYPES = {
    ValueType.SCALAR: "scalar",
    ValueType.VECTOR: "vector",
    ValueType.RANGE: "matrix",
    ValueType.STRING: "string",
}
_CARDINALITY = {"": "one-to-one", "left": "many-to-one", "right": "one-to-many"}


def outline(expr: Expr) -> Outline:
    """The tree below a node; `type` says what it is."""
    return _OUTLINES[type(expr)](expr)


def _number(node: NumberLiteral) -> Outline:
    return {"type": "numberLiteral", "val": format_value(node.value)}


def _string(node: StringLiteral) -> Outline:
    return {"type": "stringLiteral", "val": node.value}


def _vector(node: VectorSelector) -> Outline:
    return {
        "type": "vectorSelector",
        "name": node.name,
        "matchers": _matchers(node),
        "anchored": node.extend == "anchored",
        "smoothed": node.extend == "smoothed",
        **_moved(node.offset, node.at),
    }


def _matrix(node: MatrixSelector) -> Outline:
    return {**_vector(node.selector), "type": "matrixSelector", **_length("range", node.range)}


def _subquery(node: Subquery) -> Outline:
    return {
        "type": "subquery",
        "expr": outline(node.expr),
        **_length("range", node.range),
        **_length("step", node.step),
        **_moved(node.offset, node.at),
    }


def _call(node: Call) -> Outline:
    function = FUNCTIONS[node.function]
    about = {
        "name": function.name,
        "argTypes": [_TYPES[kind] for kind in function.args],
        "variadic": -1 if function.more < 0 else function.more + function.optional,
        "returnType": _TYPES[function.returns],
    }
    return {"type": "call", "func": about, "args": [outline(arg) for arg in node.args]}


def _aggregate(node: Aggregate) -> Outline:
    return {
        "type": "aggregation",
        "op": node.op,
        "expr": outline(node.expr),
        "param": None if node.param is None else outline(node.param),
        "grouping": list(node.grouping),
        "without": node.without,
    }


def _unary(node: Unary) -> Outline:
    return {"type": "unaryExpr", "op": node.op, "expr": outline(node.expr)}


def _paren(node: Paren) -> Outline:
    return {"type": "parenExpr", "expr": outline(node.expr)}


def _binary(node: Binary) -> Outline:
    matching = node.matching
    card = "many-to-many" if node.op in SET_OPERATORS else _CARDINALITY[matching.group]
    return {
        "type": "binaryExpr",
        "op": node.op,
        "lhs": outline(node.lhs),
        "rhs": outline(node.rhs),
        "matching": {
            "card": card,
            "labels": list(matching.labels),
            "on": matching.on,
            "include": list(matching.include),
            "fillValues": {"lhs": matching.fill_left, "rhs": matching.fill_right},
        },
        "bool": node.return_bool,
    }


def _matchers(node: VectorSelector) -> Sequence[Outline]:
    return [{"name": m.label, "value": m.value, "type": str(m.op)} for m in node.matchers]


def _moved(offset: Duration | None, at: At | None) -> Outline:
    return {
        **_length("offset", offset),
        "timestamp": at.time if at and at.kind == "time" else None,
        "startOrEnd": at.kind if at and at.kind != "time" else None,
    }


def _length(name: str, duration: Duration | None) -> Outline:
    """Milliseconds, or 0 and the expression they come from."""
    if isinstance(duration, NumberLiteral):
        return {name: round(duration.value * 1000), f"{name}Expr": None}
    return {name: 0, f"{name}Expr": _duration(duration)}


def _duration(node: Duration | None) -> Outline | None:
    if node is None:
        return None
    if isinstance(node, NumberLiteral):
        return {**_number(node), "duration": node.duration}
    return {
        "type": "durationExpr",
        "op": node.op,
        "lhs": _duration(node.lhs),
        "rhs": _duration(node.rhs),
        "wrapped": node.wrapped,
    }


_OUTLINES: dict[type, Callable[[Any], Outline]] = {
    NumberLiteral: _number,
    StringLiteral: _string,
    DurationExpr: lambda node: _duration(node) or {},
    VectorSelector: _vector,
    MatrixSelector: _matrix,
    Subquery: _subquery,
    Call: _call,
    Aggregate: _aggregate,
    Unary: _unary,
    Paren: _paren,
    Binary: _binary,
}
