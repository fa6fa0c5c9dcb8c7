"""Aggregations over time: one value for the samples in each window."""

from __future__ import annotations

import numpy as np

from gnomon.server.query.promql import combine
from gnomon.server.query.promql.call import Call, OverTime
from gnomon.server.query.promql.functions.declare import RANGE, SCALAR, Family, Function
from gnomon.server.query.promql.functions.quantiles import check_quantiles, quantiles
from gnomon.server.query.promql.value import Bools, Scalar, Vector
from gnomon.server.query.promql.windows import Windows, extremes, fold, padded
from gnomon.server.query.series import Float64s

FAMILY = Family("Aggregation over time")


def _count(view: Windows) -> tuple[Float64s, Bools]:
    return view.counts.astype(np.float64), view.filled


def _present(view: Windows) -> tuple[Float64s, Bools]:
    return np.ones(view.start.shape), view.filled


def _last(view: Windows) -> tuple[Float64s, Bools]:
    return view.last(view.values).astype(np.float64), view.filled


def _first(view: Windows) -> tuple[Float64s, Bools]:
    return view.first(view.values).astype(np.float64), view.filled


def _last_time(view: Windows) -> tuple[Float64s, Bools]:
    return view.last(view.timestamps) / 1000, view.filled


def _first_time(view: Windows) -> tuple[Float64s, Bools]:
    return view.first(view.timestamps) / 1000, view.filled


def _sum(view: Windows) -> tuple[Float64s, Bools]:
    total, error = _totals(view, view.values)
    return total + error, view.filled


def _totals(view: Windows, values: Float64s) -> tuple[Float64s, Float64s | float]:
    """Sum and rounding error of each window."""
    if combine.of_one_sign(values):
        return fold(view, (values,), combine.plus, (0.0,))[0], 0.0
    total, error = fold(view, (values, np.zeros_like(values)), combine.added, (0.0, 0.0))
    return total, error


def _avg(view: Windows) -> tuple[Float64s, Bools]:
    counts = np.maximum(view.counts, 1)
    total, error = _totals(view, view.values)
    mean = combine.mean(total, error, counts)
    if not bool(np.isfinite(total).all()):
        # The sum may have overflowed where the mean does not: add up halves of halves instead.
        total, error = _totals(view, view.values * combine.SMALL)
        scaled = combine.mean(total, error, counts) / combine.SMALL
        mean = np.where(np.isfinite(mean), mean, scaled)
    return mean, view.filled


def _min(view: Windows) -> tuple[Float64s, Bools]:
    return extremes(view, np.fmin, view.values), view.filled


def _max(view: Windows) -> tuple[Float64s, Bools]:
    return extremes(view, np.fmax, view.values), view.filled


def _min_time(view: Windows) -> tuple[Float64s, Bools]:
    parts = (view.values, view.timestamps / 1000)
    return fold(view, parts, combine.last_smallest, (np.nan, 0.0))[1], view.filled


def _max_time(view: Windows) -> tuple[Float64s, Bools]:
    parts = (view.values, view.timestamps / 1000)
    return fold(view, parts, combine.last_largest, (np.nan, 0.0))[1], view.filled


def _variance(view: Windows) -> tuple[Float64s, Bools]:
    parts = (np.ones_like(view.values), view.values, combine.undefined(view.values))
    count, _, squares = fold(view, parts, combine.moments, (0.0, 0.0, 0.0))
    return squares / np.maximum(count, 1), view.filled


def _deviation(view: Windows) -> tuple[Float64s, Bools]:
    variance, filled = _variance(view)
    return np.sqrt(variance), filled


def _mad(view: Windows) -> tuple[Float64s, Bools]:
    result = np.zeros(view.start.shape)
    half = np.array(0.5)
    for at, values in padded(view):
        counts = view.counts[at]
        undefined = np.isnan(values).sum(axis=1) > values.shape[1] - counts
        median = quantiles(values, counts, half)
        deviation = quantiles(np.abs(values - median[:, None]), counts, half)
        result[at] = np.where(undefined, np.nan, deviation)
    return result, view.filled


_TABLE: tuple[tuple[str, OverTime, str], ...] = (
    ("avg_over_time", _avg, "Mean of the values in the window."),
    ("count_over_time", _count, "Number of samples in the window."),
    ("mad_over_time", _mad, "Median absolute deviation of the values in the window."),
    ("max_over_time", _max, "Largest value in the window."),
    ("min_over_time", _min, "Smallest value in the window."),
    ("present_over_time", _present, "1 for every series with a sample in the window."),
    ("stddev_over_time", _deviation, "Population standard deviation of the values in the window."),
    ("stdvar_over_time", _variance, "Population variance of the values in the window."),
    ("sum_over_time", _sum, "Sum of the values in the window."),
    ("ts_of_first_over_time", _first_time, "Time of the first sample in the window, in seconds."),
    ("ts_of_last_over_time", _last_time, "Time of the last sample in the window, in seconds."),
    ("ts_of_max_over_time", _max_time, "Time of the last largest sample in the window."),
    ("ts_of_min_over_time", _min_time, "Time of the last smallest sample in the window."),
)
for _name, _compute, _help in _TABLE:

    def _run(call: Call, compute: OverTime = _compute) -> Vector:
        return call.over_time(0, compute)

    FAMILY.add(Function(_name, (RANGE,), _help, _run))


@FAMILY.function("last_over_time", [RANGE], "Newest value in the window.")
def last_over_time(call: Call) -> Vector:
    """Keeps the name: the value means what it meant."""
    return call.over_time(0, _last, keep_name=True)


@FAMILY.function("first_over_time", [RANGE], "Oldest value in the window.")
def first_over_time(call: Call) -> Vector:
    """Keeps the name: the value means what it meant."""
    return call.over_time(0, _first, keep_name=True)


@FAMILY.function(
    "quantile_over_time", [SCALAR, RANGE], "The φ-quantile of the values in the window."
)
def quantile_over_time(call: Call) -> Vector:
    """Interpolated between neighbours; NaN values count as smallest."""
    wanted: Scalar = call.scalar(0)

    def compute(view: Windows) -> tuple[Float64s, Bools]:
        result = np.zeros(view.start.shape)
        for at, values in padded(view):
            result[at] = quantiles(values, view.counts[at], wanted[at[1]])
        return result, view.filled

    result = call.over_time(1, compute)
    if len(result.names):
        check_quantiles(wanted, lambda message: call.warn(0, message))
    return result
