"""Which series of the two sides of an operator belong together.

Every pair of series of one match group becomes a row; presence decides step by step which pair
really meets. So series that come and go match as they would at each step alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gnomon.core.model import Labels
from gnomon.server.query.promql.context import Context
from gnomon.server.query.promql.errors import EvaluationError
from gnomon.server.query.promql.labelsets import (
    any_of,
    joined,
    kept,
    relabelled,
    removed,
    signatures,
)
from gnomon.server.query.promql.render import render_labels
from gnomon.server.query.promql.syntax import Binary, Matching
from gnomon.server.query.promql.value import (
    METADATA_LABELS,
    Bools,
    Identity,
    Vector,
    ints,
    label_of,
    split_name,
)
from gnomon.server.query.series import Float64s, Int64s

_CHANGES_MEANING = frozenset(("+", "-", "*", "/", "%", "^", "atan2"))
_AMBIGUOUS = (
    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
)
_NOT_UNIQUE = "multiple matches for labels: grouping labels must ensure unique matches"


class Pairs(NamedTuple):
    """What meets: a row for each pair of series. Shapes: n, n x steps."""

    names: list[str]
    labels: list[Labels]
    left: Float64s
    right: Float64s
    present: Bools
    drop: Bools


class _Rows(NamedTuple):
    """Which row of each side makes each row of the answer; -1 where a value is filled in."""

    many: Int64s
    one: Int64s
    group: Int64s
    present: Bools


class _Sides(NamedTuple):
    """The two sides, ordered by how many of a group may meet one of the other."""

    many: Vector
    one: Vector
    many_group: Int64s
    one_group: Int64s
    groups: int
    swapped: bool


def matched(node: Binary, left: Vector, right: Vector, context: Context) -> Pairs:
    """All pairs that meet at some step; raises `EvaluationError` where matching is ambiguous."""
    matching = node.matching
    count, (left_group, right_group) = joined(
        signatures(left, matching.labels, on=matching.on),
        signatures(right, matching.labels, on=matching.on),
    )
    if matching.group == "right":
        sides = _Sides(right, left, right_group, left_group, count, swapped=True)
    else:
        sides = _Sides(left, right, left_group, right_group, count, swapped=False)
    _check_one_side(node, sides)
    sizes = np.bincount(sides.one_group, minlength=sides.groups)
    context.check_cells(int(sizes[sides.many_group].sum()))
    many, one = _pair_rows(sides)
    rows = _with_filled(matching, sides, many, one)
    pairs = _paired(node, sides, rows)
    if matching.group:
        _check_unique(pairs, rows.group)
    else:
        _check_single(pairs, rows.group)
    return pairs


def _pair_rows(sides: _Sides) -> tuple[Int64s, Int64s]:
    """Rows of both sides that share a group: every combination."""
    order = np.argsort(sides.one_group, kind="stable")
    sizes = np.bincount(sides.one_group, minlength=sides.groups)
    first = np.cumsum(sizes) - sizes
    repeats = sizes[sides.many_group]
    many = np.repeat(np.arange(len(sides.many_group)), repeats)
    within = np.arange(len(many)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    one = order[first[sides.many_group[many]] + within]
    return many.astype(np.int64), one.astype(np.int64)


def _with_filled(matching: Matching, sides: _Sides, many: Int64s, one: Int64s) -> _Rows:
    """The pairs, and rows without a partner (-1) where a fill value stands in for it.

    As in Prometheus, `fill_right` stands in for the "one" side and `fill_left` for the other,
    whichever side of the operator that is.
    """
    parts = [
        _Rows(many, one, sides.many_group[many], sides.many.present[many] & sides.one.present[one])
    ]
    if matching.fill_right is not None:
        rows = np.arange(len(sides.many_group), dtype=np.int64)
        met = any_of(sides.one, sides.one_group, sides.groups)[sides.many_group]
        alone = sides.many.present & ~met
        parts.append(_Rows(rows, np.full_like(rows, -1), sides.many_group, alone))
    if matching.fill_left is not None:
        rows = np.arange(len(sides.one_group), dtype=np.int64)
        met = any_of(sides.many, sides.many_group, sides.groups)[sides.one_group]
        alone = sides.one.present & ~met
        parts.append(_Rows(np.full_like(rows, -1), rows, sides.one_group, alone))
    if len(parts) == 1:
        return parts[0]
    return _Rows(
        np.concatenate([part.many for part in parts]),
        np.concatenate([part.one for part in parts]),
        np.concatenate([part.group for part in parts]),
        np.concatenate([part.present for part in parts]),
    )


def _paired(node: Binary, sides: _Sides, rows: _Rows) -> Pairs:
    matching, many, one = node.matching, rows.many, rows.one
    many_identities, one_identities = sides.many.identities(), sides.one.identities()
    identities: list[Identity] = []
    for m, o in zip(ints(many), ints(one), strict=True):
        many_labels = many_identities[m] if m >= 0 else _match_labels(matching, one_identities[o])
        one_labels = one_identities[o] if o >= 0 else _match_labels(matching, many_identities[m])
        identities.append(_result(node, many_labels, one_labels))
    many_values = _filled(sides.many, many, matching.fill_left)
    one_values = _filled(sides.one, one, matching.fill_right)
    left, right = (one_values, many_values) if sides.swapped else (many_values, one_values)
    return Pairs(
        [name for name, _ in identities],
        [labels for _, labels in identities],
        left,
        right,
        rows.present,
        np.zeros(len(identities), dtype=np.bool_),
    )


def _filled(vector: Vector, rows: Int64s, value: float | None) -> Float64s:
    if value is None:
        same = len(rows) == len(vector.values) and bool((rows[1:] > rows[:-1]).all())
        return vector.values if same else vector.values[rows]
    if not len(vector.names):
        return np.full((len(rows), vector.steps), value)
    return np.where((rows >= 0)[:, None], vector.values[rows], value)


def _result(node: Binary, many: Identity, one: Identity) -> Identity:
    """The labels of the answer: those of the "many" side, and what `group_` includes of the other."""
    matching = node.matching
    name, labels = many
    if node.op in _CHANGES_MEANING:
        name, labels = "", removed(labels, frozenset(METADATA_LABELS))
    if not matching.group:
        chosen = frozenset(matching.labels)
        if matching.on:
            name, labels = split_name(kept((name, labels), chosen))
        elif chosen:
            name, labels = "" if "__name__" in chosen else name, removed(labels, chosen)
    result = (name, labels)
    for label in matching.include:
        result = relabelled(result, label, label_of(one, label))
    return result


def _check_one_side(node: Binary, sides: _Sides) -> None:
    """At no step may two series of the "one" side share a group."""
    if int(np.bincount(sides.one_group, minlength=1).max()) <= 1:
        return
    count = np.zeros((sides.groups, sides.one.steps), dtype=np.int64)
    np.add.at(count, sides.one_group, sides.one.present)
    if not bool((count > 1).any()):
        return
    group, step = np.argwhere(count > 1)[0]
    rows = np.flatnonzero((sides.one_group == group) & sides.one.present[:, step])
    identities = sides.one.identities()
    shown = sorted(render_labels(identities[row]) for row in ints(rows[:2]))
    key = _match_labels(node.matching, identities[int(rows[0])])
    side = "left" if sides.swapped else "right"
    raise EvaluationError(
        f"found duplicate series for the match group {render_labels(key)} on the {side} hand-side "
        f"of the operation: [{', '.join(shown)}];many-to-many matching not allowed: matching "
        "labels must be unique on one side"
    )


def _match_labels(matching: Matching, identity: Identity) -> Identity:
    chosen = frozenset(matching.labels)
    if matching.on:
        return split_name(kept(identity, chosen))
    return "", removed(identity[1], chosen)


def _check_single(pairs: Pairs, group: Int64s) -> None:
    """One to one: a group may give one result at a step."""
    if len(np.unique(group)) == len(group):
        return
    _, number = np.unique(group, return_inverse=True)
    count = np.zeros((int(number.max(initial=0)) + 1, pairs.present.shape[1]), dtype=np.int64)
    np.add.at(count, number, pairs.present)
    if bool((count > 1).any()):
        raise EvaluationError(_AMBIGUOUS)


def _check_unique(pairs: Pairs, group: Int64s) -> None:
    """Many to one: within a group the results of a step must differ by their labels."""
    keys: Sequence[object] = list(zip(ints(group), pairs.names, pairs.labels, strict=True))
    table: dict[object, int] = {}
    number = np.array([table.setdefault(key, len(table)) for key in keys], dtype=np.int64)
    if len(table) == len(keys):
        return
    count = np.zeros((len(table), pairs.present.shape[1]), dtype=np.int64)
    np.add.at(count, number, pairs.present)
    if bool((count > 1).any()):
        raise EvaluationError(_NOT_UNIQUE)
