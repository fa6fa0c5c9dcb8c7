"""The syntax tree of PromQL: immutable nodes, each with its place in the query.

A duration stands in the tree as it was written: a number of seconds or a duration expression, since
`step()` and `range()` are known only when the query is asked. Types are those of the language:
scalar, instant vector, range vector (`matrix`), string.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, NamedTuple, TypeAlias

import msgspec
from msgspec.structs import replace

from gnomon.server.store.interface import Matcher


class Span(NamedTuple):
    """Where a node stands in the query, in characters: from `start` up to `end`."""

    start: int
    end: int


class ValueType(StrEnum):
    """The types of PromQL, by the names its documentation uses."""

    SCALAR = "scalar"
    VECTOR = "instant vector"
    RANGE = "range vector"
    STRING = "string"


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """Anything in the tree."""

    span: Span


class NumberLiteral(Node, frozen=True, kw_only=True):
    """A number, or a duration in seconds."""

    value: float
    duration: bool = False
    """Written as `5m`, not as `300`."""


class StringLiteral(Node, frozen=True, kw_only=True):
    """A quoted text, unquoted."""

    value: str


class DurationExpr(Node, frozen=True, kw_only=True):
    """Arithmetic on durations: `[5m * 2]`, `offset step()`."""

    op: str
    """`+ - * / % ^`, `step`, `range`, `min_of`, `max_of`."""
    lhs: Duration | None = None
    rhs: Duration | None = None
    wrapped: bool = False
    """Stands in parentheses."""


Duration: TypeAlias = NumberLiteral | DurationExpr


class At(NamedTuple):
    """An `@` modifier: a fixed time, or the start or end of the query."""

    kind: Literal["time", "start", "end"]
    time: int = 0
    """Milliseconds."""


class VectorSelector(Node, frozen=True, kw_only=True):
    """`name{matchers} offset 5m @ 123`; the name is among the matchers."""

    name: str
    """The name outside the braces, or ""."""
    matchers: tuple[Matcher, ...]
    offset: Duration | None = None
    at: At | None = None
    extend: Literal["", "anchored", "smoothed"] = ""


class MatrixSelector(Node, frozen=True, kw_only=True):
    """`selector[5m]`; offset and `@` are those of the selector."""

    selector: VectorSelector
    range: Duration


class Subquery(Node, frozen=True, kw_only=True):
    """`expr[1h:5m]`."""

    expr: Expr
    range: Duration
    step: Duration | None = None
    offset: Duration | None = None
    at: At | None = None


class Call(Node, frozen=True, kw_only=True):
    """A function call."""

    function: str
    args: tuple[Expr, ...]


class Aggregate(Node, frozen=True, kw_only=True):
    """`topk by (host) (3, expr)`."""

    op: str
    expr: Expr
    param: Expr | None = None
    grouping: tuple[str, ...] = ()
    without: bool = False
    modified: bool = False
    """A `by` or `without` was written."""


class Unary(Node, frozen=True, kw_only=True):
    """`-expr` or `+expr`."""

    op: str
    expr: Expr


class Paren(Node, frozen=True, kw_only=True):
    """`(expr)`."""

    expr: Expr


class Matching(msgspec.Struct, frozen=True, kw_only=True):
    """How the series of both sides of an operator find each other."""

    on: bool = False
    labels: tuple[str, ...] = ()
    written: bool = False
    """An `on` or `ignoring` was written."""
    group: Literal["", "left", "right"] = ""
    include: tuple[str, ...] = ()
    fill_left: float | None = None
    fill_right: float | None = None


class Binary(Node, frozen=True, kw_only=True):
    """`lhs op rhs`."""

    op: str
    lhs: Expr
    rhs: Expr
    matching: Matching = Matching()
    return_bool: bool = False


Selector: TypeAlias = VectorSelector | MatrixSelector | Subquery
"""What takes `offset` and `@`."""
Expr: TypeAlias = (
    NumberLiteral
    | StringLiteral
    | DurationExpr
    | VectorSelector
    | MatrixSelector
    | Subquery
    | Call
    | Aggregate
    | Unary
    | Paren
    | Binary
)

COMPARISONS = frozenset(("==", "!=", ">", "<", ">=", "<="))
SET_OPERATORS = frozenset(("and", "or", "unless"))


class Aggregation(NamedTuple):
    """An aggregation as the parser and the reference page know it."""

    help: str
    parameter: ValueType | None = None
    """What stands before the vector, if anything."""


AGGREGATIONS: dict[str, Aggregation] = {
    "sum": Aggregation("Sum of the values."),
    "avg": Aggregation("Mean of the values."),
    "count": Aggregation("Number of series."),
    "min": Aggregation("Smallest value; NaN only where there is no other."),
    "max": Aggregation("Largest value; NaN only where there is no other."),
    "group": Aggregation("1 for every group that is there."),
    "stddev": Aggregation("Population standard deviation."),
    "stdvar": Aggregation("Population variance."),
    "topk": Aggregation("The k series with the largest values.", ValueType.SCALAR),
    "bottomk": Aggregation("The k series with the smallest values.", ValueType.SCALAR),
    "quantile": Aggregation("The φ-quantile, interpolated.", ValueType.SCALAR),
    "count_values": Aggregation(
        "How many series have each value; the value goes into the label named.", ValueType.STRING
    ),
    "limitk": Aggregation("Any k series.", ValueType.SCALAR),
    "limit_ratio": Aggregation(
        "A share of the series, chosen by their labels; a negative share is the rest.",
        ValueType.SCALAR,
    ),
}


def unwrapped(expr: Expr) -> Expr:
    """The expression inside any parentheses."""
    while isinstance(expr, Paren):
        expr = expr.expr
    return expr


def children(expr: Expr) -> tuple[Expr, ...]:
    """The expressions an expression is made of, in the order they stand; durations are not."""
    match expr:
        case Paren() | Unary() | Subquery():
            return (expr.expr,)
        case MatrixSelector():
            return (expr.selector,)
        case Binary():
            return (expr.lhs, expr.rhs)
        case Call():
            return expr.args
        case Aggregate():
            return (expr.expr,) if expr.param is None else (expr.param, expr.expr)
        case _:
            return ()


def with_children(expr: Expr, parts: tuple[Expr, ...]) -> Expr:
    """The same expression made of other parts, given in the order of `children`."""
    match expr:
        case Paren() | Unary() | Subquery():
            return replace(expr, expr=parts[0])
        case MatrixSelector():
            return replace(expr, selector=parts[0])
        case Binary():
            return replace(expr, lhs=parts[0], rhs=parts[1])
        case Call():
            return replace(expr, args=parts)
        case Aggregate():
            return replace(expr, expr=parts[-1], param=parts[0] if len(parts) > 1 else None)
        case _:
            return expr
