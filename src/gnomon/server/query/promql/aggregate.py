"""Aggregation over series: `sum by (host) (...)`, `topk(3, ...)`.

Rows of a group are folded pairwise, as a tree: log2(largest group) passes, whatever the number of
groups, and sums that stay exact (see `combine`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, cast

import numpy as np

from gnomon.server.query.promql import combine
from gnomon.server.query.promql.context import Context
from gnomon.server.query.promql.functions.quantiles import check_quantiles, quantiles
from gnomon.server.query.promql.labelsets import Groups, grouped, named, signatures
from gnomon.server.query.promql.selection import count_values, limit_ratio, limitk, topk
from gnomon.server.query.promql.syntax import Aggregate
from gnomon.server.query.promql.value import Scalar, Vector, empty_vector
from gnomon.server.query.promql.windows import CELLS_PER_BLOCK
from gnomon.server.query.series import Float64s, Int64s

Parts: TypeAlias = tuple[Float64s, ...]
Reduce: TypeAlias = Callable[[Vector, Groups, Float64s], Float64s]
"""From a vector, its groups and the number of values in each, to a value for each group."""


def aggregate(
    node: Aggregate, vector: Vector, param: Scalar | str | None, context: Context
) -> Vector:
    """The aggregation a node asks for."""
    if isinstance(param, str):
        return count_values(node, vector, param)
    groups = grouped(signatures(vector, node.grouping, on=not node.without))
    pick = _PICKS.get(node.op)
    if pick is not None:
        return pick(node, vector, groups, cast(Scalar, param), context)
    if not len(vector.names):
        return empty_vector(vector.steps)
    counts = _folded(groups, (vector.present.astype(np.float64),), _plus)[0]
    if node.op == "quantile":
        values = _quantile(node, vector, groups, cast(Scalar, param), context)
    else:
        values = _REDUCTIONS[node.op](vector, groups, counts)
    names, labels = named(groups.keys)
    drop = np.zeros(len(names), dtype=np.bool_)
    np.logical_or.at(drop, groups.of_row, vector.drop)
    return Vector(names, labels, values, counts > 0, drop).without_empty()


def _sum(vector: Vector, groups: Groups, counts: Float64s) -> Float64s:
    del counts
    return combine.total(*_sums(vector, groups, 1.0))


def _avg(vector: Vector, groups: Groups, counts: Float64s) -> Float64s:
    total, error = _sums(vector, groups, 1.0)
    mean = combine.mean(total, error, np.maximum(counts, 1))
    if not bool(np.isfinite(total).all()):
        total, error = _sums(vector, groups, combine.SMALL)
        scaled = combine.mean(total, error, np.maximum(counts, 1))
        mean = np.where(np.isfinite(mean), mean, scaled / combine.SMALL)
    return mean


def _sums(vector: Vector, groups: Groups, scale: float) -> Parts:
    values = np.where(vector.present, vector.values * scale, 0.0)
    return _folded(groups, (values, np.zeros_like(values)), combine.added)


def _count(vector: Vector, groups: Groups, counts: Float64s) -> Float64s:
    del vector, groups
    return counts


def _group(vector: Vector, groups: Groups, counts: Float64s) -> Float64s:
    del vector, groups
    return np.ones_like(counts)


def _min(vector: Vector, groups: Groups, counts: Float64s) -> Float64s:
    del counts
    return _folded(groups, (np.where(vector.present, vector.values, np.nan),), combine.smaller)[0]


def _max(vector: Vector, groups: Groups, counts: Float64s) -> Float64s:
    del counts
    return _folded(groups, (np.where(vector.present, vector.values, np.nan),), combine.larger)[0]


def _variance(vector: Vector, groups: Groups, counts: Float64s) -> Float64s:
    values = np.where(vector.present, vector.values, 0.0)
    parts = (vector.present.astype(np.float64), values, combine.undefined(values))
    return _folded(groups, parts, combine.moments)[2] / np.maximum(counts, 1)


def _deviation(vector: Vector, groups: Groups, counts: Float64s) -> Float64s:
    return np.sqrt(_variance(vector, groups, counts))


_REDUCTIONS: dict[str, Reduce] = {
    "sum": _sum,
    "avg": _avg,
    "count": _count,
    "group": _group,
    "min": _min,
    "max": _max,
    "stdvar": _variance,
    "stddev": _deviation,
}
_PICKS: dict[str, Callable[[Aggregate, Vector, Groups, Scalar, Context], Vector]] = {
    "topk": topk,
    "bottomk": topk,
    "limitk": limitk,
    "limit_ratio": limit_ratio,
}


def _plus(a: Parts, b: Parts) -> Parts:
    return (a[0] + b[0],)


def _folded(groups: Groups, parts: Parts, join: Callable[[Parts, Parts], Parts]) -> Parts:
    """Folds the rows of each group into one; in chunks that stay in the processor's cache."""
    of_row = groups.of_row
    if len(of_row) > 1 and bool((of_row[1:] < of_row[:-1]).any()):
        order = np.argsort(of_row, kind="stable")
        of_row = of_row[order]
        parts = tuple(part[order] for part in parts)
    while len(of_row) > len(groups.keys):
        size = max(2, CELLS_PER_BLOCK // parts[0].shape[1])
        done = [
            _folded_chunk(
                of_row[at : at + size], tuple(part[at : at + size] for part in parts), join
            )
            for at in range(0, len(of_row), size)
        ]
        of_row = np.concatenate([rows for rows, _ in done])
        columns = zip(*(chunk for _, chunk in done), strict=True)
        parts = tuple(np.concatenate(column) for column in columns)
    return parts


def _folded_chunk(
    of_row: Int64s, parts: Parts, join: Callable[[Parts, Parts], Parts]
) -> tuple[Int64s, Parts]:
    """Folds neighbours of one group until each group has one row."""
    while len(of_row) > 1:
        rows = np.arange(len(of_row))
        first = np.concatenate(([0], np.flatnonzero(of_row[1:] != of_row[:-1]) + 1))
        if len(first) == len(of_row):
            break
        lengths = np.diff(np.concatenate((first, [len(of_row)])))
        even = rows[(rows - np.repeat(first, lengths)) % 2 == 0]
        partner = np.minimum(even + 1, len(of_row) - 1)
        paired = (partner > even) & (of_row[partner] == of_row[even])
        left, right = even[paired], partner[paired]
        joined = join(tuple(part[left] for part in parts), tuple(part[right] for part in parts))
        kept = tuple(part[even] for part in parts)
        for target, value in zip(kept, joined, strict=True):
            target[paired] = value
        of_row, parts = of_row[even], kept
    return of_row, parts


def _quantile(
    node: Aggregate, vector: Vector, groups: Groups, wanted: Scalar, context: Context
) -> Float64s:
    if node.param is not None:
        span = node.param.span
        check_quantiles(wanted, lambda message: context.asked.notes.warn(message, span))
    result = np.empty((len(groups.keys), vector.steps))
    order = np.argsort(groups.of_row, kind="stable")
    sizes = np.bincount(groups.of_row, minlength=len(groups.keys))
    for group, rows in enumerate(np.split(order, np.cumsum(sizes)[:-1])):
        present = vector.present[rows]
        values = np.where(present, vector.values[rows], np.nan)
        counts = present.sum(axis=0)
        result[group] = quantiles(np.ascontiguousarray(values.T), counts, wanted)
    return result
