"""Walks the tree and computes each node over all steps at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from gnomon.server.query.promql.aggregate import aggregate
from gnomon.server.query.promql.binary import scalar_scalar, vector_scalar, vector_vector
from gnomon.server.query.promql.call import Call as FunctionCall
from gnomon.server.query.promql.context import Context, without_stale
from gnomon.server.query.promql.errors import EvaluationError
from gnomon.server.query.promql.extended import extended_samples, interpolated
from gnomon.server.query.promql.functions.catalogue import FUNCTIONS
from gnomon.server.query.promql.invariance import is_invariant
from gnomon.server.query.promql.labelsets import cleaned
from gnomon.server.query.promql.syntax import (
    Aggregate,
    Binary,
    Call,
    Expr,
    MatrixSelector,
    NumberLiteral,
    Paren,
    StringLiteral,
    Subquery,
    Unary,
    VectorSelector,
    unwrapped,
)
from gnomon.server.query.promql.value import STALE_BITS, Samples, Scalar, Value, Vector
from gnomon.server.query.promql.windows import RangeVector, blocks, bounds
from gnomon.server.query.series import Int64s, TimeGrid


def evaluate(expr: Expr, context: Context) -> Value:
    """The value of an expression at every step of the context."""
    context.asked.check()
    if context.steps > 1 and is_invariant(expr):
        return _stretched(evaluate(expr, _first_step(context)), context)
    return _NODES[type(expr)](expr, context)


def instant(selector: VectorSelector, context: Context) -> Vector:
    """The newest sample of each series within the look-back, at every step."""
    return _looked_up(selector, context)[0]


def instant_stamps(selector: VectorSelector, context: Context) -> tuple[Vector, Int64s]:
    """As `instant`, and beside it the timestamp of each sample found."""
    return _looked_up(selector, context)


def range_vector(expr: Expr, context: Context) -> RangeVector:
    """The samples a range vector looks at, and where the window of each step ends."""
    inner = unwrapped(expr)
    if isinstance(inner, Subquery):
        return _subquery(inner, context)
    matrix = cast(MatrixSelector, inner)
    ends = _reference_times(matrix.selector, context)
    length = context.milliseconds(matrix.range, positive=True)
    extend, lookback = matrix.selector.extend, context.asked.lookback
    before = lookback if extend else 0
    after = lookback if extend == "smoothed" else 0
    samples = context.load(
        matrix.selector.matchers, int(ends[0]) - length - before, int(ends[-1]) + after
    )
    return RangeVector(without_stale(samples), ends, length, extend, lookback)


def _looked_up(selector: VectorSelector, context: Context) -> tuple[Vector, Int64s]:
    times = _reference_times(selector, context)
    if selector.extend == "smoothed":
        return _smoothed(selector, times, context)
    lookback = context.asked.lookback
    samples = context.load(selector.matchers, int(times[0]) - lookback, int(times[-1]))
    moments = times[:1] if int(times[0]) == int(times[-1]) else times
    shape = (len(samples.names), len(moments))
    values, stamps = np.zeros(shape), np.zeros(shape, dtype=np.int64)
    found = np.zeros(shape, dtype=np.bool_)
    for part, block in blocks(samples, len(moments)):
        if len(block.values):
            context.asked.check()
            last = bounds(block, moments) - 1
            values[part] = block.values.take(last, mode="clip")
            stamps[part] = block.timestamps.take(last, mode="clip")
            found[part] = last >= block.offsets[:-1, None]
            found[part] &= stamps[part] > moments - lookback
    if bool((samples.values.view(np.int64) == STALE_BITS).any()):
        found &= values.view(np.int64) != STALE_BITS
    vector = Vector(samples.names, samples.labels, values, found, samples.drop)
    if len(moments) != len(times):
        shape = (len(samples.names), len(times))
        vector, stamps = vector.stretched(len(times)), np.broadcast_to(stamps, shape)
    alive = np.logical_or.reduce(found, axis=1)
    if bool(alive.all()):
        return vector, stamps
    rows = np.flatnonzero(alive)
    return vector.take(rows), stamps[rows]


def _smoothed(selector: VectorSelector, times: Int64s, context: Context) -> tuple[Vector, Int64s]:
    """Between two samples the value on the straight line; behind the last one its value."""
    lookback = context.asked.lookback
    found = context.load(selector.matchers, int(times[0]) - lookback, int(times[-1]) + lookback)
    samples = without_stale(found)
    ranged = RangeVector(samples, times, 0, "smoothed", lookback)
    values, present = interpolated(ranged)
    vector = Vector(samples.names, samples.labels, values, present, samples.drop)
    return vector.without_empty(), np.broadcast_to(times, values.shape)


def _reference_times(node: VectorSelector | Subquery, context: Context) -> Int64s:
    """The times a selector looks at: those of the steps, or that of `@`, less the offset."""
    times = context.times()
    if node.at is not None:
        asked = context.asked.grid
        moment = {"start": asked.start, "end": asked.end, "time": node.at.time}[node.at.kind]
        times = np.full(context.steps, moment, dtype=np.int64)
    if node.offset is not None:
        times = times - context.milliseconds(node.offset, positive=False)
    return times


def _number(node: NumberLiteral, context: Context) -> Scalar:
    return np.full(context.steps, node.value)


def _text(node: StringLiteral, context: Context) -> str:
    del context
    return node.value


def _paren(node: Paren, context: Context) -> Value:
    return evaluate(node.expr, context)


def _range_alone(node: MatrixSelector | Subquery, context: Context) -> Samples:
    found = range_vector(node, context)
    return extended_samples(found) if found.extend else found.samples


def _call(node: Call, context: Context) -> Value:
    function = FUNCTIONS[node.function]
    call = FunctionCall(node, context, evaluate, range_vector, instant_stamps)
    for index in range(len(call)):
        extend = call.extends(index)
        if extend and extend not in function.extends:
            able = sorted(one.name for one in FUNCTIONS.values() if extend in one.extends)
            raise EvaluationError(
                f"{extend} modifier can only be used with: {', '.join(able)} - "
                f"not with {function.name}"
            )
    return function.run(call)


def _subquery(node: Subquery, context: Context) -> RangeVector:
    ends = _reference_times(node, context)
    length = context.milliseconds(node.range, positive=True)
    step = context.asked.subquery_step
    if node.step is not None:
        step = context.milliseconds(node.step, positive=True)
    first = step * ((int(ends[0]) - length) // step + 1)
    last = int(ends[-1])
    if first > last:
        none = np.empty(0, dtype=np.int64)
        empty = np.empty(0)
        samples = Samples([], [], empty > 0, np.zeros(1, dtype=np.int64), none, empty)
        return RangeVector(samples, ends, length)
    inner = Context(context.asked, TimeGrid.between(first, last, step))
    inner.check_cells(1)
    vector = cast(Vector, evaluate(node.expr, inner))
    rows, columns = np.nonzero(vector.present)
    counts = np.bincount(rows, minlength=len(vector.names))
    offsets = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts)))
    samples = Samples(
        vector.names,
        vector.labels,
        vector.drop,
        offsets,
        inner.times()[columns],
        vector.values[rows, columns],
    )
    return RangeVector(samples, ends, length)


def _aggregate(node: Aggregate, context: Context) -> Vector:
    param: Scalar | str | None = None
    if node.param is not None:
        value = evaluate(unwrapped(node.param), context)
        param = value if isinstance(value, str) else cast(Scalar, value)
    vector = cast(Vector, evaluate(node.expr, context))
    return aggregate(node, vector, param, context)


def _negated(node: Unary, context: Context) -> Value:
    value = evaluate(node.expr, context)
    if node.op == "+":
        return value
    if isinstance(value, Vector):
        return value.transformed(-value.values)
    return -cast(Scalar, value)


def _binary(node: Binary, context: Context) -> Value:
    left, right = evaluate(node.lhs, context), evaluate(node.rhs, context)
    if isinstance(left, Vector):
        if isinstance(right, Vector):
            return vector_vector(node, left, right, context)
        return vector_scalar(node, left, cast(Scalar, right), context)
    if isinstance(right, Vector):
        return vector_scalar(node, right, cast(Scalar, left), context, swapped=True)
    return scalar_scalar(node.op, cast(Scalar, left), cast(Scalar, right))


def _first_step(context: Context) -> Context:
    return context._replace(grid=TimeGrid(context.grid.start, context.grid.step, 1))


def _stretched(value: Value, context: Context) -> Value:
    if isinstance(value, Vector):
        context.check_cells(len(value.names))
        return value.stretched(context.steps)
    if isinstance(value, np.ndarray):
        return np.broadcast_to(value, context.steps)
    return value


def finished(value: Value) -> Value:
    """An answer as it leaves: names dropped, empty series gone."""
    return cleaned(value).without_empty() if isinstance(value, Vector) else value


_NODES: dict[type, Callable[[Any, Context], Value]] = {
    NumberLiteral: _number,
    StringLiteral: _text,
    Paren: _paren,
    VectorSelector: instant,
    MatrixSelector: _range_alone,
    Subquery: _range_alone,
    Call: _call,
    Aggregate: _aggregate,
    Unary: _negated,
    Binary: _binary,
}
