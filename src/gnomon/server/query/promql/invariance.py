"""Which expressions have the same value at every step, so that one evaluation is enough."""

from __future__ import annotations

from gnomon.server.query.promql.functions.catalogue import FUNCTIONS
from gnomon.server.query.promql.syntax import (
    Call,
    Expr,
    MatrixSelector,
    Subquery,
    VectorSelector,
    children,
    unwrapped,
)


def is_invariant(expr: Expr) -> bool:
    """Whether every selector in it is pinned by `@` and nothing in it depends on the time."""
    match expr:
        case VectorSelector() | Subquery():
            return expr.at is not None
        case MatrixSelector():
            return expr.selector.at is not None
        case Call():
            return _steady(expr) and all(is_invariant(arg) for arg in expr.args)
        case _:
            return all(is_invariant(part) for part in children(expr))


def _steady(call: Call) -> bool:
    if call.function == "timestamp":
        return isinstance(unwrapped(call.args[0]), VectorSelector)
    return not FUNCTIONS[call.function].depends_on_time
