"""Binary operators: arithmetic, comparison, and sets of series."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnomon.server.query.promql.context import Context
from gnomon.server.query.promql.labelsets import any_of, joined, merged, signatures
from gnomon.server.query.promql.matching import matched
from gnomon.server.query.promql.syntax import COMPARISONS, SET_OPERATORS, Binary
from gnomon.server.query.promql.value import Scalar, Vector, concatenated
from gnomon.server.query.series import Float64s


class Operator(NamedTuple):
    """An operator on two floats."""

    compute: Callable[[Float64s, Float64s], NDArray[Any]]
    help: str


OPERATORS: dict[str, Operator] = {
    "+": Operator(np.add, "Sum."),
    "-": Operator(np.subtract, "Difference."),
    "*": Operator(np.multiply, "Product."),
    "/": Operator(np.divide, "Quotient; an infinity or NaN for division by zero."),
    "%": Operator(np.fmod, "Remainder, with the sign of the dividend."),
    "^": Operator(np.power, "Power; binds to the right."),
    "atan2": Operator(np.arctan2, "Angle of a point, in radians."),
    "==": Operator(np.equal, "Equal."),
    "!=": Operator(np.not_equal, "Not equal."),
    ">": Operator(np.greater, "Greater."),
    "<": Operator(np.less, "Less."),
    ">=": Operator(np.greater_equal, "Greater or equal."),
    "<=": Operator(np.less_equal, "Less or equal."),
}
SET_HELP = {
    "and": "Series of the left side that have a partner on the right.",
    "or": "Series of the left side, and those of the right without a partner on the left.",
    "unless": "Series of the left side that have no partner on the right.",
}
HISTOGRAM_OPERATORS = frozenset(("</", ">/"))
"""They trim native histograms; on floats they give nothing."""


def scalar_scalar(op: str, left: Scalar, right: Scalar) -> Scalar:
    """A comparison gives 0 or 1."""
    return OPERATORS[op].compute(left, right).astype(np.float64)


def vector_scalar(
    node: Binary, vector: Vector, scalar: Scalar, context: Context, *, swapped: bool = False
) -> Vector:
    """A comparison keeps the series it holds for, or with `bool` gives 0 or 1."""
    if node.op in HISTOGRAM_OPERATORS:
        return _not_for_floats(node, vector, context)
    left, right = (scalar, vector.values) if swapped else (vector.values, scalar)
    result = OPERATORS[node.op].compute(left, right)
    if node.op not in COMPARISONS:
        return vector.transformed(result)
    if node.return_bool:
        return vector.transformed(result.astype(np.float64))
    return vector.with_values(vector.values, vector.present & result).without_empty()


def vector_vector(node: Binary, left: Vector, right: Vector, context: Context) -> Vector:
    """Matches series of both sides by their labels."""
    if node.op in SET_OPERATORS:
        return _set(node, left, right)
    if node.op in HISTOGRAM_OPERATORS:
        return _not_for_floats(node, left, context)
    pairs = matched(node, left, right, context)
    operator = OPERATORS[node.op]
    result = operator.compute(pairs.left, pairs.right)
    present, drop = pairs.present, pairs.drop
    if node.op in COMPARISONS:
        values = result.astype(np.float64) if node.return_bool else pairs.left
        present = present if node.return_bool else present & result
        drop = drop | node.return_bool
    else:
        values = result
    answer = Vector(pairs.names, pairs.labels, values, present, drop)
    return merged(answer.without_empty())


def _not_for_floats(node: Binary, vector: Vector, context: Context) -> Vector:
    op = node.op
    context.asked.notes.info(
        f'incompatible sample types encountered for binary operator "{op}": float {op} float',
        node.span,
    )
    return vector.take([])


def _set(node: Binary, left: Vector, right: Vector) -> Vector:
    matching = node.matching
    count, (left_group, right_group) = joined(
        signatures(left, matching.labels, on=matching.on),
        signatures(right, matching.labels, on=matching.on),
    )
    if node.op == "or":
        there = any_of(left, left_group, count)
        extra = right.with_values(right.values, right.present & ~there[right_group])
        return merged(concatenated(left, extra.without_empty()))
    there = any_of(right, right_group, count)[left_group]
    present = left.present & (there if node.op == "and" else ~there)
    return left.with_values(left.values, present).without_empty()
