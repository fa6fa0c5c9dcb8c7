"""Lines and curves through the samples of a window."""

from __future__ import annotations

import numpy as np

from gnomon.server.query.promql import combine
from gnomon.server.query.promql.call import Call
from gnomon.server.query.promql.errors import EvaluationError
from gnomon.server.query.promql.functions.declare import RANGE, SCALAR, Family
from gnomon.server.query.promql.value import Bools, Scalar, Vector
from gnomon.server.query.promql.windows import Windows, fold
from gnomon.server.query.series import Float64s

FAMILY = Family("Trends")


@FAMILY.function("deriv", [RANGE], "Slope per second of the regression line through the window.")
def deriv(call: Call) -> Vector:
    """Simple linear regression."""

    def compute(view: Windows) -> tuple[Float64s, Bools]:
        slope, _ = _line(view)
        return slope, view.counts > 1

    return call.over_time(0, compute)


@FAMILY.function(
    "predict_linear",
    [RANGE, SCALAR],
    "Value of the regression line so many seconds from now.",
    depends_on_time=True,
)
def predict_linear(call: Call) -> Vector:
    """From the time of evaluation, not from the end of the window."""
    ahead = call.scalar(1)

    def compute(view: Windows) -> tuple[Float64s, Bools]:
        slope, now = _line(view)
        return slope * ahead + now, view.counts > 1

    return call.over_time(0, compute)


@FAMILY.function(
    "double_exponential_smoothing",
    [RANGE, SCALAR, SCALAR],
    "Value smoothed by a smoothing and a trend factor, both between 0 and 1.",
)
def double_exponential_smoothing(call: Call) -> Vector:
    """Holt's linear method."""
    smoothing, trend = call.scalar(1), call.scalar(2)

    def compute(view: Windows) -> tuple[Float64s, Bools]:
        if bool((view.counts > 1).any()):
            _check_factor("smoothing factor. Expected: 0 < sf < 1", smoothing)
            _check_factor("trend factor. Expected: 0 < tf < 1", trend)
        return _smoothed(view, smoothing, trend), view.counts > 1

    return call.over_time(0, compute)


def _line(view: Windows) -> tuple[Float64s, Float64s]:
    """Slope per second, and value at the time of evaluation, of the least-squares line."""
    origin = int(view.timestamps[0])
    x = (view.timestamps - origin) / 1000
    parts = (np.ones_like(x), x, view.values, np.zeros_like(x), combine.undefined(view.values))
    _, mean_x, mean_y, square, product = fold(view, parts, combine.line, (0.0,) * 5)
    slope = product / square
    constant = _constant(view)
    first = view.first(view.values)
    flat = np.where(np.isfinite(first), 0.0, np.nan)
    slope = np.where(constant, flat, slope)
    now = mean_y + slope * ((view.times - origin) / 1000 - mean_x)
    return slope, np.where(constant, first + flat, now)


def _constant(view: Windows) -> Bools:
    """Windows whose values are all the same."""
    changed = np.zeros(len(view.values) + 1, dtype=np.int64)
    np.cumsum(view.values[1:] != view.values[:-1], out=changed[2:])
    return changed.take(view.stop) <= changed.take(view.start + 1, mode="clip")


def _smoothed(view: Windows, smoothing: Scalar, trend: Scalar) -> Float64s:
    """Steps through the positions of a window, all windows at once."""
    counts = view.counts
    level = view.first(view.values)
    second = view.values.take(view.start + 1, mode="clip")
    slope = second - level
    before = np.zeros_like(level)
    for position in range(1, int(counts.max(initial=0))):
        inside = counts > position
        value = view.values.take(view.start + position, mode="clip")
        if position > 1:
            slope = np.where(inside, trend * (level - before) + (1 - trend) * slope, slope)
        smoothed = smoothing * value + (1 - smoothing) * (level + slope)
        before = np.where(inside, level, before)
        level = np.where(inside, smoothed, level)
    return level


def _check_factor(what: str, factor: Scalar) -> None:
    wrong = factor[~((factor > 0) & (factor < 1))]
    if len(wrong):
        raise EvaluationError(f"invalid {what}, got: {float(wrong[0]):f}")
