"""Arithmetic on each value by itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gnomon.server.query.promql.call import Call
from gnomon.server.query.promql.functions.declare import SCALAR, VECTOR, Family, Function
from gnomon.server.query.promql.value import Scalar, Vector, single
from gnomon.server.query.series import Float64s

FAMILY = Family("Mathematics")


def _sign(values: Float64s) -> Float64s:
    return np.where(values > 0, 1.0, np.where(values < 0, -1.0, values))


_TABLE: tuple[tuple[str, Callable[[Float64s], Float64s], str], ...] = (
    ("abs", np.abs, "Absolute value."),
    ("acos", np.arccos, "Arc cosine, in radians."),
    ("acosh", np.arccosh, "Inverse hyperbolic cosine."),
    ("asin", np.arcsin, "Arc sine, in radians."),
    ("asinh", np.arcsinh, "Inverse hyperbolic sine."),
    ("atan", np.arctan, "Arc tangent, in radians."),
    ("atanh", np.arctanh, "Inverse hyperbolic tangent."),
    ("ceil", np.ceil, "Rounded up to the next whole number."),
    ("cos", np.cos, "Cosine of radians."),
    ("cosh", np.cosh, "Hyperbolic cosine."),
    ("deg", np.degrees, "Radians to degrees."),
    ("exp", np.exp, "Exponential function."),
    ("floor", np.floor, "Rounded down to the next whole number."),
    ("ln", np.log, "Natural logarithm."),
    ("log10", np.log10, "Decimal logarithm."),
    ("log2", np.log2, "Binary logarithm."),
    ("rad", np.radians, "Degrees to radians."),
    ("sgn", _sign, "1 for positive, -1 for negative values, 0 for zero."),
    ("sin", np.sin, "Sine of radians."),
    ("sinh", np.sinh, "Hyperbolic sine."),
    ("sqrt", np.sqrt, "Square root."),
    ("tan", np.tan, "Tangent of radians."),
    ("tanh", np.tanh, "Hyperbolic tangent."),
)
for _name, _compute, _help in _TABLE:

    def _run(call: Call, compute: Callable[[Float64s], Float64s] = _compute) -> Vector:
        vector = call.vector(0)
        return vector.transformed(compute(vector.values))

    FAMILY.add(Function(_name, (VECTOR,), _help, _run))


@FAMILY.function(
    "round",
    [VECTOR, SCALAR],
    "Rounded to the nearest multiple (1 unless given); ties go up.",
    optional=1,
)
def round_(call: Call) -> Vector:
    """Multiplies by the inverse, which is more exact than dividing."""
    vector = call.vector(0)
    inverse = 1.0 / (call.scalar(1) if len(call) > 1 else np.ones(vector.steps))
    return vector.transformed(np.floor(vector.values * inverse + 0.5) / inverse)


@FAMILY.function("clamp", [VECTOR, SCALAR, SCALAR], "Limited to a smallest and a largest value.")
def clamp(call: Call) -> Vector:
    """Empty where the limits are the wrong way round."""
    return _clamped(call.vector(0), call.scalar(1), call.scalar(2))


@FAMILY.function("clamp_min", [VECTOR, SCALAR], "Limited to a smallest value.")
def clamp_min(call: Call) -> Vector:
    """From below."""
    vector = call.vector(0)
    return _clamped(vector, call.scalar(1), np.full(vector.steps, np.inf))


@FAMILY.function("clamp_max", [VECTOR, SCALAR], "Limited to a largest value.")
def clamp_max(call: Call) -> Vector:
    """From above."""
    vector = call.vector(0)
    return _clamped(vector, np.full(vector.steps, -np.inf), call.scalar(1))


@FAMILY.function("pi", [], "π.", returns=SCALAR)
def pi(call: Call) -> Scalar:
    """At every step."""
    return np.full(call.context.steps, np.pi)


@FAMILY.function("max_of", [SCALAR, SCALAR], "The larger of two scalars.", returns=SCALAR)
def max_of(call: Call) -> Scalar:
    """NaN if either is."""
    return np.maximum(call.scalar(0), call.scalar(1))


@FAMILY.function("min_of", [SCALAR, SCALAR], "The smaller of two scalars.", returns=SCALAR)
def min_of(call: Call) -> Scalar:
    """NaN if either is."""
    return np.minimum(call.scalar(0), call.scalar(1))


@FAMILY.function(
    "scalar", [VECTOR], "The value of a vector of one series, else NaN.", returns=SCALAR
)
def scalar(call: Call) -> Scalar:
    """Step by step."""
    vector = call.vector(0)
    alone = vector.present.sum(axis=0) == 1
    return np.where(alone, np.where(vector.present, vector.values, 0.0).sum(axis=0), np.nan)


@FAMILY.function("vector", [SCALAR], "A vector of one nameless series.")
def vector(call: Call) -> Vector:
    """With the scalar's value at every step."""
    return single(call.scalar(0))


def _clamped(vector: Vector, low: Scalar, high: Scalar) -> Vector:
    values = np.maximum(low, np.minimum(high, vector.values))
    return vector.transformed(values, vector.present & ~(high < low)).without_empty()
