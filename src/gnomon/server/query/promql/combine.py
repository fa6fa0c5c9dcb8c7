"""Associative operations on parts of an aggregation, for folds over time and over series.

Sums carry the rounding error of each addition beside them (Knuth's two-sum), so that
`1e100 + 1 - 1e100` is 1, in whatever order the parts come together.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from gnomon.server.query.series import Float64s, Int64s

Parts: TypeAlias = tuple[Float64s, ...]
SMALL = 2.0**-64
"""A power of two: scaling by it loses nothing and keeps sums far from the largest float."""


def undefined(values: Float64s) -> Float64s:
    """0, but NaN for infinities and NaN: what they contribute to a sum of squares."""
    return np.where(np.isfinite(values), 0.0, np.nan)


def added(a: Parts, b: Parts) -> Parts:
    """(sum, error): the error holds what rounding lost."""
    total = a[0] + b[0]
    shadow = total - a[0]
    error = (a[0] - (total - shadow)) + (b[0] - shadow)
    # Infinities have no rounding error, but inf - inf above made a NaN of it.
    error = np.where(np.isfinite(total), error, 0.0)
    return total, a[1] + b[1] + error


def plus(a: Parts, b: Parts) -> Parts:
    """(sum,): for values of one sign, whose rounding errors stay small beside their sum."""
    return (a[0] + b[0],)


def of_one_sign(values: Float64s) -> bool:
    """Whether nothing can cancel out."""
    return bool(values.min(initial=0.0) >= 0.0) or bool(values.max(initial=0.0) <= 0.0)


def mean(value: Float64s, error: Float64s | float, count: Int64s | Float64s) -> Float64s:
    """The mean, of a sum with its error."""
    return value / count + error / count


def smaller(a: Parts, b: Parts) -> Parts:
    """NaN only where both are."""
    return (np.fmin(a[0], b[0]),)


def larger(a: Parts, b: Parts) -> Parts:
    """NaN only where both are."""
    return (np.fmax(a[0], b[0]),)


def last_smallest(a: Parts, b: Parts) -> Parts:
    """(value, what belongs to it): the later one of equals."""
    later = (b[0] <= a[0]) | np.isnan(a[0])
    return np.where(later, b[0], a[0]), np.where(later, b[1], a[1])


def last_largest(a: Parts, b: Parts) -> Parts:
    """(value, what belongs to it): the later one of equals."""
    later = (b[0] >= a[0]) | np.isnan(a[0])
    return np.where(later, b[0], a[0]), np.where(later, b[1], a[1])


def moments(a: Parts, b: Parts) -> Parts:
    """(count, mean, sum of squared distances from it), as Chan, Golub and LeVeque merge them."""
    count = a[0] + b[0]
    share = b[0] / np.maximum(count, 1)
    distance = b[1] - a[1]
    return (
        count,
        a[1] + distance * share,
        a[2] + b[2] + distance * distance * a[0] * share,
    )


def line(a: Parts, b: Parts) -> Parts:
    """(count, mean x, mean y, sum of dx*dx, sum of dx*dy), for a regression line."""
    count = a[0] + b[0]
    share = b[0] / np.maximum(count, 1)
    dx, dy = b[1] - a[1], b[2] - a[2]
    weight = a[0] * share
    return (
        count,
        a[1] + dx * share,
        a[2] + dy * share,
        a[3] + b[3] + dx * dx * weight,
        a[4] + b[4] + dx * dy * weight,
    )
