"""Aggregation over series: `sum by (host) (...)`, `topk(3, ...)`.

Rows of a group are folded pairwise, as a tree: log2(largest group) passes, whatever the number of
groups, and sums that stay exact (see `combine`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias, cast

import numpy as np

from gnomon.server.query.promql import combine
from gnomon.server.query.promql.context import Context
from gnomon.server.query.promql.functions.quantiles import check_quantiles, quantiles
from gnomon.server.query.promql.labelsets import Groups, grouped, named, rows_of, signatures
from gnomon.server.query.promql.selection import count_values, limit_ratio, limitk, topk
from gnomon.server.query.promql.syntax import Aggregate
from gnomon.server.query.promql.value import Scalar, Vector, empty_vector
from gnomon.server.query.promql.windows import CELLS_PER_BLOCK
from gnomon.server.query.series import Float64s, Int64s

Parts: TypeAlias = tuple[Float64s, ...]
_LARGE_GROUP = 8
"""Rows of a group from which on a loop over groups costs less than folding pairs."""


class _Cells(NamedTuple):
    """What is aggregated."""

    vector: Vector
    groups: Groups
    counts: Float64s
    """Values in each group; groups x steps."""
    full: bool
    """No cell is missing."""

    def filled(self, value: float) -> Float64s:
        """The values, with something else where there is none."""
        if self.full:
            return self.vector.values
        return np.where(self.vector.present, self.vector.values, value)


Reduce: TypeAlias = Callable[[_Cells], Float64s]
"""To a value for each group and step."""


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
    cells = _cells(vector, groups)
    if node.op == "quantile":
        values = _quantile(node, cells, cast(Scalar, param), context)
    else:
        values = _REDUCTIONS[node.op](cells)
    names, labels = named(groups.keys)
    drop = np.zeros(len(names), dtype=np.bool_)
    np.logical_or.at(drop, groups.of_row, vector.drop)
    return Vector(names, labels, values, cells.counts > 0, drop).without_empty()


def _cells(vector: Vector, groups: Groups) -> _Cells:
    full = bool(vector.present.all())
    sizes = np.bincount(groups.of_row, minlength=len(groups.keys)).astype(np.float64)
    if full:
        counts = np.broadcast_to(sizes[:, None], (len(sizes), vector.steps))
    else:
        counts = _folded(groups, (vector.present.astype(np.float64),), combine.plus)[0]
    return _Cells(vector, groups, counts, full)


def _sum(cells: _Cells) -> Float64s:
    total, error = _sums(cells, 1.0)
    return total + error


def _avg(cells: _Cells) -> Float64s:
    counts = np.maximum(cells.counts, 1)
    total, error = _sums(cells, 1.0)
    mean = combine.mean(total, error, counts)
    if not bool(np.isfinite(total).all()):
        # The sum may have overflowed where the mean does not.
        total, error = _sums(cells, combine.SMALL)
        scaled = combine.mean(total, error, counts) / combine.SMALL
        mean = np.where(np.isfinite(mean), mean, scaled)
    return mean


def _sums(cells: _Cells, scale: float) -> tuple[Float64s, Float64s | float]:
    values = cells.filled(0.0)
    if scale != 1.0:
        values = values * scale
    if combine.of_one_sign(values):
        return _reduced(cells.groups, values, np.add, combine.plus), 0.0
    total, error = _folded(cells.groups, (values, np.zeros_like(values)), combine.added)
    return total, error


def _count(cells: _Cells) -> Float64s:
    return cells.counts


def _group(cells: _Cells) -> Float64s:
    return np.ones_like(cells.counts)


def _min(cells: _Cells) -> Float64s:
    return _reduced(cells.groups, cells.filled(np.nan), np.fmin, combine.smaller)


def _max(cells: _Cells) -> Float64s:
    return _reduced(cells.groups, cells.filled(np.nan), np.fmax, combine.larger)


def _variance(cells: _Cells) -> Float64s:
    values = cells.filled(0.0)
    parts = (cells.vector.present.astype(np.float64), values, combine.undefined(values))
    return _folded(cells.groups, parts, combine.moments)[2] / np.maximum(cells.counts, 1)


def _deviation(cells: _Cells) -> Float64s:
    return np.sqrt(_variance(cells))


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


def _reduced(
    groups: Groups, values: Float64s, ufunc: np.ufunc, join: Callable[[Parts, Parts], Parts]
) -> Float64s:
    """Reduces the rows of each group; by NumPy itself where groups are large."""
    if len(values) < _LARGE_GROUP * len(groups.keys):
        return _folded(groups, (values,), join)[0]
    if len(groups.keys) == 1:
        return ufunc.reduce(values, axis=0, keepdims=True)
    result = np.empty((len(groups.keys), values.shape[1]))
    for group, rows in enumerate(rows_of(groups)):
        ufunc.reduce(values[rows], axis=0, out=result[group])
    return result


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


def _quantile(node: Aggregate, cells: _Cells, wanted: Scalar, context: Context) -> Float64s:
    if node.param is not None:
        span = node.param.span
        check_quantiles(wanted, lambda message: context.asked.notes.warn(message, span))
    values = cells.filled(np.nan)
    result = np.empty((len(cells.groups.keys), cells.vector.steps))
    for group, rows in enumerate(rows_of(cells.groups)):
        column = np.ascontiguousarray(values[rows].T)
        result[group] = quantiles(column, cells.counts[group].astype(np.int64), wanted)
    return result
