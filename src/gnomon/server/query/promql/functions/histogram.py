"""Classic histograms: a counter for each upper bound, told apart by the label `le`.

All histograms with the same bounds are computed at once, a column for each histogram and step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from gnomon.core.model import Labels
from gnomon.server.query.promql.call import Call
from gnomon.server.query.promql.errors import EvaluationError
from gnomon.server.query.promql.functions.buckets import Fixed, bucket_fraction, bucket_quantile
from gnomon.server.query.promql.functions.declare import SCALAR, STRING, VECTOR, Family
from gnomon.server.query.promql.functions.quantiles import check_quantiles
from gnomon.server.query.promql.labelsets import changed, merged, removed
from gnomon.server.query.promql.text import format_short, format_value, is_label_name, quote
from gnomon.server.query.promql.value import Bools, Identity, Scalar, Vector, concatenated, label_of
from gnomon.server.query.series import Float64s, Int64s

FAMILY = Family("Histograms")
BOUND = "le"
_FORCED = (
    "input to histogram_quantile needed to be fixed for monotonicity "
    "(see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
)


class Layout(NamedTuple):
    """Histograms with the same bounds. Shapes: bounds, and bounds x histograms x steps."""

    rows: list[int]
    """Positions of the histograms in the answer."""
    bounds: Float64s
    counts: Float64s
    present: Bools


class Histograms(NamedTuple):
    """All classic histograms of a vector."""

    identities: list[Identity]
    layouts: list[Layout]
    steps: int


@FAMILY.function(
    "histogram_quantile",
    [SCALAR, VECTOR],
    "The φ-quantile of each histogram, interpolated within its bucket.",
)
def histogram_quantile(call: Call) -> Vector:
    """Of classic histograms."""
    wanted = call.scalar(0)
    check_quantiles(wanted, lambda message: call.warn(0, message))
    return _quantile(call, _histograms(call, 1), wanted, 1)


@FAMILY.function(
    "histogram_quantiles",
    [VECTOR, STRING, SCALAR],
    "Several φ-quantiles of each histogram, told apart by the label named.",
    more=9,
)
def histogram_quantiles(call: Call) -> Vector:
    """A series for each quantile."""
    label = call.text(1)
    found = _histograms(call, 0)
    parts: list[Vector] = []
    for index in range(2, len(call)):
        wanted = call.scalar(index)
        check_quantiles(wanted, lambda message, index=index: call.warn(index, message))
        part = _quantile(call, found, wanted, 0)
        parts.append(_labelled(part, label, wanted))
    result = parts[0]
    for part in parts[1:]:
        result = concatenated(result, part)
    return merged(result)


@FAMILY.function(
    "histogram_fraction",
    [SCALAR, SCALAR, VECTOR],
    "The fraction of observations between two values.",
)
def histogram_fraction(call: Call) -> Vector:
    """Of classic histograms."""
    low, high = call.scalar(0), call.scalar(1)

    def compute(part: Columns) -> Float64s:
        return bucket_fraction(low[part.step], high[part.step], part.bounds, part.counts)

    return _each(_histograms(call, 2), compute)


class Columns(NamedTuple):
    """Histograms at single steps, all with the same buckets: a column each."""

    bounds: Float64s
    counts: Float64s
    """bounds x columns"""
    row: Int64s
    """Which histogram of the answer."""
    step: Int64s


def _quantile(call: Call, found: Histograms, wanted: Scalar, index: int) -> Vector:
    fixed: dict[str, Fixed] = {}
    times = call.context.times()

    def compute(part: Columns) -> Float64s:
        values, changes = bucket_quantile(wanted[part.step], part.bounds, part.counts)
        for column in np.flatnonzero(changes.forced).tolist():
            name = found.identities[int(part.row[column])][0]
            one = changes.at(column, int(times[part.step[column]]))
            fixed[name] = fixed[name].joined(one) if name in fixed else one
        return values

    result = _each(found, compute)
    for name, one in fixed.items():
        about = f" for metric name {quote(name)}" if name else ""
        call.info(index, _FORCED + about, one.describe())
    return result


def _each(found: Histograms, compute: Callable[[Columns], Float64s]) -> Vector:
    count = len(found.identities)
    values = np.zeros((count, found.steps))
    present = np.zeros((count, found.steps), dtype=np.bool_)
    for layout in found.layouts:
        for part in _columns(layout):
            values[part.row, part.step] = compute(part)
            present[part.row, part.step] = True
    result = Vector(
        [name for name, _ in found.identities],
        [labels for _, labels in found.identities],
        values,
        present,
        np.ones(count, dtype=np.bool_),
    )
    return result.without_empty()


def _columns(layout: Layout) -> Iterator[Columns]:
    """Splits by which buckets are there: mostly all of them at every step."""
    size = len(layout.bounds)
    flat_present = layout.present.reshape(size, -1)
    flat_counts = layout.counts.reshape(size, -1)
    steps = layout.counts.shape[2]
    patterns, which = np.unique(flat_present, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        if pattern.any():
            at = np.flatnonzero(which.reshape(-1) == number)
            row = np.array(layout.rows, dtype=np.int64)[at // steps]
            yield Columns(layout.bounds[pattern], flat_counts[pattern][:, at], row, at % steps)


def _histograms(call: Call, index: int) -> Histograms:
    """Brings the buckets of each histogram together."""
    vector = call.vector(index)
    members: dict[Identity, list[tuple[float, int]]] = {}
    for row, identity in enumerate(vector.identities()):
        text = label_of(identity, BOUND)
        bound = _bound(text)
        if bound is None:
            about = f" for metric name {quote(identity[0])}" if identity[0] else ""
            call.warn(
                index,
                f'bucket label "le" is missing or has a malformed value of {quote(text)}{about}',
            )
            continue
        key = (identity[0], removed(identity[1], frozenset((BOUND,))))
        members.setdefault(key, []).append((bound, row))
    by_bounds: dict[tuple[float, ...], list[tuple[int, list[int]]]] = {}
    for position, buckets in enumerate(members.values()):
        buckets.sort()
        bounds = tuple(bound for bound, _ in buckets)
        by_bounds.setdefault(bounds, []).append((position, [row for _, row in buckets]))
    layouts: list[Layout] = []
    for bounds, found in by_bounds.items():
        rows = np.array([rows for _, rows in found], dtype=np.int64).T
        layouts.append(
            Layout(
                [position for position, _ in found],
                np.array(bounds),
                vector.values[rows],
                vector.present[rows],
            )
        )
    return Histograms(list(members), layouts, vector.steps)


def _bound(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _labelled(vector: Vector, label: str, wanted: Scalar) -> Vector:
    """Each series with the quantile as a label; split where the quantile changes over time."""
    if not is_label_name(label):
        raise EvaluationError("invalid label name in histogram_quantiles()")
    parts: list[Vector] = []
    for text in dict.fromkeys(_quantile_text(float(one)) for one in wanted):
        same = np.array([_quantile_text(float(one)) == text for one in wanted])
        labels: list[Labels] = [changed(one, label, text) for one in vector.labels]
        parts.append(vector._replace(labels=labels, present=vector.present & same))
    result = parts[0]
    for part in parts[1:]:
        result = concatenated(result, part)
    return result.without_empty()


def _quantile_text(value: float) -> str:
    """As OpenMetrics writes it: whole numbers with `.0`."""
    text = format_short(value)
    return f"{text}.0" if format_value(value).lstrip("-").isdigit() and "e" not in text else text
