"""Aggregations that choose series (`topk`, `limitk` ...) or count values, rather than fold them."""

from __future__ import annotations

import numpy as np

from gnomon.core.model import NAME_LABEL, Labels
from gnomon.server.query.promql.context import Context
from gnomon.server.query.promql.errors import EvaluationError
from gnomon.server.query.promql.hashing import label_hash
from gnomon.server.query.promql.labelsets import (
    Groups,
    changed,
    grouped,
    kept,
    named,
    removed,
    rows_of,
)
from gnomon.server.query.promql.syntax import Aggregate
from gnomon.server.query.promql.text import format_short, format_value, is_label_name, quote
from gnomon.server.query.promql.value import Bools, Scalar, Vector, empty_vector, full_labels, ints
from gnomon.server.query.series import Float64s, Int64s

_INT64 = 2.0**63
_WORTH_PARTITION = 4
_LARGEST_HASH = float(2**64 - 1)


def topk(
    node: Aggregate, vector: Vector, groups: Groups, wanted: Scalar, context: Context
) -> Vector:
    """The k largest (or smallest) of each group at every step; NaN is chosen last."""
    limits = _limits(wanted)
    if limits is None or not len(vector.names):
        return empty_vector(vector.steps)
    values = vector.values if node.op == "bottomk" else -vector.values
    values = np.where(vector.present, values, np.nan)
    rows = _candidates(values, groups, int(limits.max()))
    vector, values = vector.take(rows), values[rows]
    groups = groups._replace(of_row=groups.of_row[rows])
    rank = _ranks(values, vector.present, groups)
    chosen = vector.with_values(vector.values, vector.present & (rank < limits))
    if context.asked.grid.points > 1:
        return chosen.without_empty()
    rows = np.lexsort((rank[:, 0], groups.of_row))
    return chosen.take(rows[chosen.present[rows, 0]])


def limitk(
    node: Aggregate, vector: Vector, groups: Groups, wanted: Scalar, context: Context
) -> Vector:
    """Any k of each group: the first ones."""
    del node, context
    limits = _limits(wanted)
    if limits is None or not len(vector.names):
        return empty_vector(vector.steps)
    rank = _ranks(np.zeros_like(vector.values), vector.present, groups)
    return vector.with_values(vector.values, vector.present & (rank < limits)).without_empty()


def limit_ratio(
    node: Aggregate, vector: Vector, groups: Groups, wanted: Scalar, context: Context
) -> Vector:
    """A share of the series, chosen by a hash of their labels; a negative share is the rest."""
    del groups
    if bool(np.isnan(wanted).any()):
        raise EvaluationError("Ratio value is NaN")
    if node.param is not None:
        for extreme, bound in ((float(wanted.max()), 1), (float(wanted.min()), -1)):
            if extreme * bound > 1:
                context.asked.notes.warn(
                    "ratio value should be between -1 and 1, "
                    f"got {format_short(extreme)}, capping to {bound}",
                    node.param.span,
                )
    hashes = [label_hash(full_labels(name, labels)) for name, labels in vector.identities()]
    place = np.array(hashes, dtype=np.float64)[:, None] / _LARGEST_HASH
    chosen = np.where(wanted >= 0, place < wanted, place >= 1 + wanted)
    return vector.with_values(vector.values, vector.present & chosen).without_empty()


def count_values(node: Aggregate, vector: Vector, label: str) -> Vector:
    """How many series have each value; the value goes into a label."""
    if not is_label_name(label):
        raise EvaluationError(f"invalid label name {quote(label)}")
    rows, columns = np.nonzero(vector.present)
    distinct, which = np.unique(vector.values[rows, columns], return_inverse=True)
    pairs, of_cell = np.unique(rows * max(len(distinct), 1) + which, return_inverse=True)
    texts = [format_value(float(value)) for value in distinct]
    chosen = frozenset(node.grouping)
    wanted = chosen | {label}
    identities = vector.identities()
    keys: list[Labels] = []
    for pair in ints(pairs):
        name, labels = identities[pair // len(distinct)]
        marked = changed(labels, label, texts[pair % len(distinct)])
        keys.append(
            removed(marked, chosen | {NAME_LABEL}) if node.without else kept((name, marked), wanted)
        )
    groups = grouped(keys)
    counts = np.zeros((len(groups.keys), vector.steps))
    if len(pairs):
        np.add.at(counts, (groups.of_row[of_cell], columns), 1.0)
    names, found = named(groups.keys)
    return Vector(names, found, counts, counts > 0, np.zeros(len(names), dtype=np.bool_))


def _limits(wanted: Scalar) -> Int64s | None:
    """The k of each step; None when nothing is to be chosen at any step."""
    if not bool((wanted >= 1).any()) and not bool(np.isnan(wanted).any()):
        return None
    if bool(np.isnan(wanted).any()):
        raise EvaluationError("Parameter value is NaN")
    for extreme, word in ((float(wanted.min()), "underflows"), (float(wanted.max()), "overflows")):
        if abs(extreme) >= _INT64:
            raise EvaluationError(f"Scalar value {format_short(extreme)} {word} int64")
    return wanted.astype(np.int64)


def _candidates(values: Float64s, groups: Groups, limit: int) -> Int64s:
    """Rows that can be among the smallest `limit` of their group at some step.

    A partition finds them in one pass, so that only they have to be sorted.
    """
    found: list[Int64s] = []
    for rows in rows_of(groups):
        if len(rows) <= limit * _WORTH_PARTITION:
            found.append(rows)
            continue
        part = values[rows]
        columns = np.array(part.T, order="C")
        columns.partition(limit - 1, axis=1)
        within = ~(part > columns[:, limit - 1])
        found.append(rows[within.any(axis=1)])
    return np.sort(np.concatenate(found))


def _ranks(values: Float64s, present: Bools, groups: Groups) -> Int64s:
    """The place of each cell among the present ones of its group and step, smallest first.

    Equal ones keep their order; NaN comes last.
    """
    order = np.argsort(values, axis=0, kind="stable")
    if len(groups.keys) > 1:
        regroup = np.argsort(groups.of_row[order], axis=0, kind="stable")
        order = np.take_along_axis(order, regroup, axis=0)
    shown = np.take_along_axis(present, order, axis=0)
    running = np.cumsum(shown, axis=0) - shown
    if len(groups.keys) > 1:
        sizes = np.bincount(groups.of_row, minlength=len(groups.keys))
        first = np.concatenate(([0], np.cumsum(sizes)[:-1]))
        running = running - np.repeat(running[first], sizes, axis=0)
    rank = np.empty_like(running)
    np.put_along_axis(rank, order, running, axis=0)
    return rank
