"""Noticing what is not there."""

from __future__ import annotations

import numpy as np

from gnomon.core.model import NAME_LABEL, Labels, labels_of
from gnomon.server.query.promql.call import Call
from gnomon.server.query.promql.functions.declare import RANGE, VECTOR, Family
from gnomon.server.query.promql.syntax import Expr, MatrixSelector, VectorSelector
from gnomon.server.query.promql.value import Vector, empty_vector, single
from gnomon.server.store.interface import MatchOp

FAMILY = Family("Absence")


@FAMILY.function("absent", [VECTOR], "1 where the vector is empty, nothing where it is not.")
def absent(call: Call) -> Vector:
    """With the labels the selector asks for."""
    return _missing(call, call.vector(0))


@FAMILY.function(
    "absent_over_time", [RANGE], "1 where no series has a sample in the window, else nothing."
)
def absent_over_time(call: Call) -> Vector:
    """With the labels the selector asks for."""
    found = call.over_time(0, lambda view: (np.ones(view.start.shape), view.filled))
    return _missing(call, found)


def _missing(call: Call, found: Vector) -> Vector:
    missing = ~np.logical_or.reduce(found.present, axis=0)
    if not bool(missing.any()):
        return empty_vector(call.context.steps)
    return single(np.ones(len(missing)), _asked_labels(call.expr(0)), missing)


def _asked_labels(expr: Expr) -> Labels:
    """The labels a selector pins to one value."""
    selector = expr.selector if isinstance(expr, MatrixSelector) else expr
    if not isinstance(selector, VectorSelector):
        return ()
    pinned: dict[str, str] = {}
    for matcher in selector.matchers:
        if matcher.label == NAME_LABEL:
            continue
        once = matcher.op is MatchOp.EQUAL and matcher.label not in pinned
        pinned[matcher.label] = matcher.value if once else ""
    return labels_of(pinned)
