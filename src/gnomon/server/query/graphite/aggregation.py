"""The ways several values become one: `average`, `sum`, `last`, ... over columns of an array.

Every function takes a k x n array (NaN = no value) and folds it along its first axis into n
values, so the same code sums series, buckets of time and windows. Rows are added one after the
other, as a loop would, so that results equal graphite-web's to the last bit in the usual case.
Where values may be missing because a bucket is shorter than the array, `sizes` says how many of
the k rows are meant in each column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from gnomon.server.query.graphite.grammar import TargetError
from gnomon.server.query.graphite.timeseries import Float64s, Int64s

Sizes = int | Int64s
Aggregation = Callable[[Float64s, Sizes], Float64s]


def count_values(values: Float64s) -> Int64s:
    """How many values each column has."""
    return (~np.isnan(values)).sum(axis=0)


def _sum(values: Float64s, sizes: Sizes) -> Float64s:
    del sizes
    present = ~np.isnan(values)
    return np.where(present.any(axis=0), _added(np.where(present, values, 0.0)), np.nan)


def _added(values: Float64s) -> Float64s:
    """Row after row; NumPy adds a single column in another order."""
    if values.shape[1] == 1 and len(values):
        return np.cumsum(values, axis=0)[-1]
    return values.sum(axis=0)


def _average(values: Float64s, sizes: Sizes) -> Float64s:
    counts = count_values(values)
    return _sum(values, sizes) / np.where(counts, counts, 1)


def _average_zero(values: Float64s, sizes: Sizes) -> Float64s:
    return _added(np.where(np.isnan(values), 0.0, values)) / np.maximum(sizes, 1)


def _median(values: Float64s, sizes: Sizes) -> Float64s:
    del sizes
    if not len(values):
        return np.full(values.shape[1:], np.nan)
    ordered = np.sort(values, axis=0)  # NaN comes last
    counts = count_values(values)
    columns = np.arange(values.shape[1], dtype=np.int64)
    high = ordered[np.minimum(counts // 2, len(values) - 1), columns]
    low = ordered[np.maximum(counts // 2 - 1, 0), columns]
    middle = np.where(counts % 2 == 0, (low + high) / 2, high)
    return np.where(counts > 0, middle, np.nan)


def _minimum(values: Float64s, sizes: Sizes) -> Float64s:
    del sizes
    return np.fmin.reduce(values, axis=0, initial=np.nan)


def _maximum(values: Float64s, sizes: Sizes) -> Float64s:
    del sizes
    return np.fmax.reduce(values, axis=0, initial=np.nan)


def _difference(values: Float64s, sizes: Sizes) -> Float64s:
    """The first value less all others."""
    present = ~np.isnan(values)
    first = present & (np.cumsum(present, axis=0) == 1)
    return _sum(np.where(first, values, -values), sizes)


def _deviation(values: Float64s, sizes: Sizes) -> Float64s:
    """The population's standard deviation."""
    counts = count_values(values)
    squares = (values - _average(values, sizes)) ** 2
    return np.sqrt(_sum(squares, sizes) / np.where(counts, counts, 1))


def _count(values: Float64s, sizes: Sizes) -> Float64s:
    del sizes
    return count_values(values).astype(np.float64)


def _range(values: Float64s, sizes: Sizes) -> Float64s:
    return _maximum(values, sizes) - _minimum(values, sizes)


def _product(values: Float64s, sizes: Sizes) -> Float64s:
    """No value when one of the factors is missing."""
    present = ~np.isnan(values)
    product = np.where(present, values, 1.0).prod(axis=0)
    return np.where((present.sum(axis=0) == sizes) & (np.asarray(sizes) > 0), product, np.nan)


def _last(values: Float64s, sizes: Sizes) -> Float64s:
    del sizes
    return _pick(values[::-1])


def _first(values: Float64s, sizes: Sizes) -> Float64s:
    del sizes
    return _pick(values)


def _pick(values: Float64s) -> Float64s:
    """The first value of each column."""
    if not len(values):
        return np.full(values.shape[1:], np.nan)
    place = np.argmax(~np.isnan(values), axis=0)
    return values[place, np.arange(values.shape[1])]


AGGREGATIONS: Mapping[str, Aggregation] = {
    "average": _average,
    "avg_zero": _average_zero,
    "median": _median,
    "sum": _sum,
    "min": _minimum,
    "max": _maximum,
    "diff": _difference,
    "stddev": _deviation,
    "count": _count,
    "range": _range,
    "multiply": _product,
    "last": _last,
}
"""By the names a target uses."""

SYNONYMS: Mapping[str, str] = {
    "rangeOf": "range",
    "avg": "average",
    "total": "sum",
    "current": "last",
}

CONSOLIDATIONS: Mapping[str, Aggregation] = {
    "sum": _sum,
    "average": _average,
    "avg": _average,
    "avg_zero": _average_zero,
    "max": _maximum,
    "min": _minimum,
    "first": _first,
    "last": _last,
}
"""What `consolidateBy` may name."""


def aggregation(name: str) -> Aggregation:
    """The aggregation of this name or synonym."""
    found = AGGREGATIONS.get(SYNONYMS.get(name, name))
    if found is None:
        raise TargetError(f"unsupported aggregation function {name!r}")
    return found


def over_time(name: str, values: Float64s) -> float:
    """One line folded into one number; NaN when there is none."""
    folded = aggregation(name)(values.reshape(-1, 1), len(values))
    return float(folded[0])


def enough(counts: Int64s, total: Sizes | float, x_files_factor: float) -> np.ndarray:
    """Where so many values out of so many suffice: at least one, and the share asked for."""
    whole = np.where(np.asarray(total) == 0, 1, total)
    return (counts > 0) & (np.asarray(total) > 0) & (counts / whole >= x_files_factor)


def consolidate(values: Float64s, per_point: int, how: str, x_files_factor: float) -> Float64s:
    """Every `per_point` values folded into one; a short rest counts as if it were full."""
    if per_point <= 1:
        return values
    fold = CONSOLIDATIONS.get(how)
    if fold is None:
        raise TargetError(f"invalid consolidation function {how!r}")
    points = -(-len(values) // per_point)
    padded = np.full(points * per_point, np.nan)
    padded[: len(values)] = values
    columns = np.ascontiguousarray(padded.reshape(points, per_point).T)
    sizes = np.full(points, per_point, dtype=np.int64)
    if len(values) % per_point:
        sizes[-1] = len(values) % per_point
    kept = enough(count_values(columns), per_point, x_files_factor)
    return np.where(kept, fold(columns, sizes), np.nan)
