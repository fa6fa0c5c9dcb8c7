"""Pins the selectors of an expression to one time, so that it can be asked at any other."""

from __future__ import annotations

from msgspec.structs import replace

from gnomon.server.query.promql.functions.catalogue import FUNCTIONS
from gnomon.server.query.promql.syntax import (
    At,
    Call,
    Expr,
    Subquery,
    VectorSelector,
    children,
    with_children,
)


def pinned(expr: Expr, time: int) -> Expr | None:
    """With `@ time` on each selector that has none; None if it depends on the time all the same."""
    return None if _depends_on_time(expr) else _pinned(expr, At("time", time))


def _pinned(expr: Expr, at: At) -> Expr:
    if isinstance(expr, VectorSelector | Subquery):
        # What is inside a subquery follows the times of the subquery.
        return expr if expr.at else replace(expr, at=at)
    return with_children(expr, tuple(_pinned(part, at) for part in children(expr)))


def _depends_on_time(expr: Expr) -> bool:
    if isinstance(expr, Call) and FUNCTIONS[expr.function].depends_on_time:
        return True
    return any(_depends_on_time(part) for part in children(expr))
