"""Sorting. It shows in instant queries only: a range query is always ordered by labels."""

from __future__ import annotations

import re

import numpy as np

from gnomon.server.query.promql.call import Call
from gnomon.server.query.promql.functions.declare import STRING, VECTOR, Family
from gnomon.server.query.promql.value import Vector, full_labels, label_of

FAMILY = Family("Order")
_INEFFECTIVE = "sort is ineffective for range queries since results are always ordered by labels"
_DIGITS = re.compile(r"(\d+)")


@FAMILY.function("sort", [VECTOR], "By value, smallest first; NaN last.")
def sort(call: Call) -> Vector:
    """Stable."""
    return _by_value(call, 1.0)


@FAMILY.function("sort_desc", [VECTOR], "By value, largest first; NaN last.")
def sort_desc(call: Call) -> Vector:
    """Stable."""
    return _by_value(call, -1.0)


@FAMILY.function(
    "sort_by_label",
    [VECTOR, STRING],
    "By the values of labels, numbers in them compared as numbers.",
    optional=1,
    more=-1,
)
def sort_by_label(call: Call) -> Vector:
    """Then by all labels."""
    return _by_label(call, reverse=False)


@FAMILY.function(
    "sort_by_label_desc",
    [VECTOR, STRING],
    "By the values of labels, numbers in them compared as numbers, last first.",
    optional=1,
    more=-1,
)
def sort_by_label_desc(call: Call) -> Vector:
    """Then by all labels."""
    return _by_label(call, reverse=True)


def _by_value(call: Call, sign: float) -> Vector:
    vector = _sortable(call)
    return (
        vector.take(np.argsort(vector.values[:, 0] * sign, kind="stable"))
        if _instant(call)
        else vector
    )


def _by_label(call: Call, *, reverse: bool) -> Vector:
    vector = _sortable(call)
    if not _instant(call):
        return vector
    names = [call.text(index) for index in range(1, len(call))]
    keys = [
        ([_natural(label_of(identity, name)) for name in names], full_labels(*identity))
        for identity in vector.identities()
    ]
    return vector.take(sorted(range(len(keys)), key=keys.__getitem__, reverse=reverse))


def _sortable(call: Call) -> Vector:
    if not _instant(call):
        call.context.asked.notes.warn(_INEFFECTIVE, call.node.span)
    return call.vector(0).without_empty()


def _instant(call: Call) -> bool:
    return call.context.steps == 1


def _natural(text: str) -> list[tuple[int, int, str]]:
    """A key that puts `web2` before `web10`."""
    return [
        (0, int(part), part) if part.isdigit() else (1, 0, part)
        for part in _DIGITS.split(text)
        if part
    ]
