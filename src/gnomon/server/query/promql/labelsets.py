"""Operations on the label sets of many series at once: group, match, replace, merge.

These loop over series, never over samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from gnomon.core.model import NAME_LABEL, Labels
from gnomon.server.query.promql.errors import EvaluationError
from gnomon.server.query.promql.value import (
    METADATA_LABELS,
    Bools,
    Identity,
    Vector,
    full_labels,
    split_name,
)
from gnomon.server.query.series import Int64s

SAME_LABELSET = "vector cannot contain metrics with the same labelset"


class Groups(NamedTuple):
    """Which group each row is in."""

    keys: list[Labels]
    """The labels that make each group, the name among them where it takes part."""
    of_row: Int64s


def kept(identity: Identity, wanted: frozenset[str]) -> Labels:
    """Only these labels; the name is `__name__`."""
    name, labels = identity
    chosen = tuple(pair for pair in labels if pair[0] in wanted)
    return full_labels(name, chosen) if NAME_LABEL in wanted else chosen


def removed(labels: Labels, unwanted: frozenset[str]) -> Labels:
    """All labels but these."""
    return tuple(pair for pair in labels if pair[0] not in unwanted)


def changed(labels: Labels, name: str, value: str) -> Labels:
    """With one label set, or removed when the value is empty."""
    rest = [pair for pair in labels if pair[0] != name]
    return tuple(sorted([*rest, (name, value)])) if value else tuple(rest)


def relabelled(identity: Identity, name: str, value: str) -> Identity:
    """With one label set; `__name__` is the name."""
    if name == NAME_LABEL:
        return value, identity[1]
    return identity[0], changed(identity[1], name, value)


def signatures(vector: Vector, names: Iterable[str], *, on: bool) -> list[Labels]:
    """What rows are grouped or matched by: only these labels, or all but these and the name."""
    chosen = frozenset(names)
    if on:
        if not chosen:
            return [()] * len(vector.names)
        if NAME_LABEL not in chosen:
            return [tuple([p for p in labels if p[0] in chosen]) for labels in vector.labels]
        return [kept(identity, chosen) for identity in vector.identities()]
    if not chosen:
        return list(vector.labels)
    return [removed(labels, chosen) for labels in vector.labels]


def grouped(keys: Sequence[Labels]) -> Groups:
    """Numbers the groups in order of first sight."""
    table: dict[Labels, int] = {}
    of_row = [table.setdefault(key, len(table)) for key in keys]
    return Groups(list(table), np.array(of_row, dtype=np.int64))


def rows_of(groups: Groups) -> list[Int64s]:
    """The rows of each group."""
    order = np.argsort(groups.of_row, kind="stable")
    sizes = np.bincount(groups.of_row, minlength=len(groups.keys))
    return np.split(order, np.cumsum(sizes)[:-1])


def joined(*sides: Sequence[Labels]) -> tuple[int, list[Int64s]]:
    """Numbers groups across several lists of keys; how many there are, and each list's numbers."""
    table: dict[Labels, int] = {}
    numbers = [
        np.array([table.setdefault(key, len(table)) for key in side], dtype=np.int64)
        for side in sides
    ]
    return len(table), numbers


def any_of(vector: Vector, group: Int64s, count: int) -> Bools:
    """Whether a group has any value at each step; groups x steps."""
    there = np.zeros((count, vector.steps), dtype=np.bool_)
    np.logical_or.at(there, group, vector.present)
    return there


def named(keys: Sequence[Labels]) -> tuple[list[str], list[Labels]]:
    """Names and labels of keys that may hold a `__name__`."""
    pairs = [split_name(key) for key in keys]
    return [name for name, _ in pairs], [labels for _, labels in pairs]


def merged(vector: Vector) -> Vector:
    """Rows of one identity become one row; two values at one step are an error."""
    identities = vector.identities()
    if len(set(identities)) == len(identities):
        return vector
    table: dict[Identity, int] = {}
    target = np.array(
        [table.setdefault(identity, len(table)) for identity in identities], dtype=np.int64
    )
    counts = np.zeros((len(table), vector.steps), dtype=np.int64)
    np.add.at(counts, target, vector.present)
    if bool((counts > 1).any()):
        raise EvaluationError(SAME_LABELSET)
    values = np.zeros((len(table), vector.steps))
    rows, columns = np.nonzero(vector.present)
    values[target[rows], columns] = vector.values[rows, columns]
    drop = np.zeros(len(table), dtype=np.bool_)
    drop[target[::-1]] = vector.drop[::-1]
    return Vector(
        [name for name, _ in table], [labels for _, labels in table], values, counts > 0, drop
    )


def cleaned(vector: Vector) -> Vector:
    """Drops what was marked for dropping; the last thing done to an answer."""
    if not vector.drop.any():
        return vector
    names, labels = list(vector.names), list(vector.labels)
    metadata = frozenset(METADATA_LABELS)
    for row in np.flatnonzero(vector.drop).tolist():
        names[row] = ""
        if any(pair[0] in metadata for pair in labels[row]):
            labels[row] = removed(labels[row], metadata)
    return merged(vector._replace(names=names, labels=labels))
