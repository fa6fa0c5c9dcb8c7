"""Labels of info metrics, joined to other series."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gnomon.core.model import NAME_LABEL
from gnomon.server.query.promql.call import Call
from gnomon.server.query.promql.errors import EvaluationError
from gnomon.server.query.promql.functions.declare import VECTOR, Family
from gnomon.server.query.promql.labelsets import merged, relabelled
from gnomon.server.query.promql.render import render_labels
from gnomon.server.query.promql.syntax import (
    At,
    Expr,
    NumberLiteral,
    Subquery,
    VectorSelector,
    children,
)
from gnomon.server.query.promql.value import Bools, Identity, Vector, ints, label_of
from gnomon.server.query.series import Int64s
from gnomon.server.store.interface import Matcher, MatchOp

FAMILY = Family("Info metrics")
TARGET_INFO = "target_info"
IDENTIFYING = ("instance", "job")
"""The labels by which a series finds its info metrics."""
_POSITIVE = (MatchOp.EQUAL, MatchOp.REGEX)


class _Wanted(NamedTuple):
    """What the second argument asks for."""

    names: list[Matcher]
    """Which info metrics."""
    data: dict[str, list[Matcher]]
    """Which of their labels; all when empty."""

    @property
    def optional(self) -> bool:
        """Whether a series without info metric fits."""
        return all(one.matches("") for matchers in self.data.values() for one in matchers)


class _Info(NamedTuple):
    """The info series, and when their samples were taken."""

    vector: Vector
    identities: list[Identity]
    stamps: Int64s


@FAMILY.function(
    "info",
    [VECTOR, VECTOR],
    "Adds the labels of info metrics (`target_info` unless others are matched) with the same "
    "instance and job.",
    optional=1,
    bare_selector=1,
)
def info(call: Call) -> Vector:
    """Step by step: a series changes its labels when the info series does."""
    base = call.vector(0)
    wanted = _wanted(call)
    identities = base.identities()
    itself = [all(one.matches(name) for one in wanted.names) for name in base.names]
    info_series = _fetched(
        call, wanted, [i for i, own in zip(identities, itself, strict=True) if not own]
    )
    by_signature: dict[tuple[str, ...], list[tuple[dict[str, str], Bools]]] = {}
    rows: list[int] = []
    renamed: list[Identity] = []
    present: list[Bools] = []
    for row, identity in enumerate(identities):
        if itself[row]:
            variants = [(dict[str, str](), np.ones(base.steps, dtype=np.bool_))]
        else:
            key = tuple(label_of(identity, label) for label in IDENTIFYING)
            if key not in by_signature:
                by_signature[key] = list(_variants(info_series, key, wanted, base.steps))
            variants = by_signature[key]
        for added, when in variants:
            rows.append(row)
            renamed.append(_enriched(identity, added))
            present.append(base.present[row] & when)
    chosen = base.take(rows)
    shown = np.array(present, dtype=np.bool_).reshape(chosen.present.shape)
    return merged(
        chosen._replace(
            names=[name for name, _ in renamed],
            labels=[labels for _, labels in renamed],
            present=shown,
        ).without_empty()
    )


def _wanted(call: Call) -> _Wanted:
    matchers: tuple[Matcher, ...] = ()
    if len(call) > 1:
        selector = call.expr(1)
        matchers = selector.matchers if isinstance(selector, VectorSelector) else ()
    names = [one for one in matchers if one.label == NAME_LABEL]
    if not names:
        names = [Matcher(NAME_LABEL, MatchOp.EQUAL, TARGET_INFO)]
    elif all(one.op not in _POSITIVE for one in names):
        names = [Matcher(NAME_LABEL, MatchOp.REGEX, ".+_info"), *names]
    data: dict[str, list[Matcher]] = {}
    for one in matchers:
        if one.label != NAME_LABEL:
            data.setdefault(one.label, []).append(one)
    return _Wanted(names, data)


def _fetched(call: Call, wanted: _Wanted, identities: list[Identity]) -> _Info | None:
    """The info series of all these, at the times the first argument looks at."""
    matchers = list(wanted.names)
    for label in IDENTIFYING:
        values = {label_of(identity, label) for identity in identities} - {""}
        if values:
            pattern = "|".join(re.escape(value) for value in sorted(values))
            matchers.append(Matcher(label, MatchOp.REGEX, pattern))
    if len(matchers) == len(wanted.names):
        return None
    matchers += [one for several in wanted.data.values() for one in several]
    at, offset = _looked_at(call.expr(0), call) or (None, 0)
    selector = VectorSelector(
        name="",
        matchers=tuple(matchers),
        at=at,
        offset=NumberLiteral(value=offset / 1000, span=call.node.span),
        span=call.node.span,
    )
    vector, stamps = call.instant(selector)
    return _Info(vector, vector.identities(), stamps)


def _looked_at(expr: Expr, call: Call) -> tuple[At | None, int] | None:
    """`@` and offset of the first selector, those of subqueries around it added up."""
    if isinstance(expr, VectorSelector):
        offset = expr.offset
        moved = 0 if offset is None else call.context.milliseconds(offset, positive=False)
        return expr.at, moved
    for part in children(expr):
        found = _looked_at(part, call)
        if found is not None:
            at, moved = found
            if isinstance(expr, Subquery) and at is None:
                if expr.offset is not None:
                    moved += call.context.milliseconds(expr.offset, positive=False)
                at = expr.at
            return at, moved
    return None


def _variants(
    found: _Info | None, key: tuple[str, ...], wanted: _Wanted, steps: int
) -> Iterator[tuple[dict[str, str], Bools]]:
    """The labels that series with this signature are given, and at which steps."""
    rows = (
        []
        if found is None
        else [
            row
            for row, identity in enumerate(found.identities)
            if tuple(label_of(identity, label) for label in IDENTIFYING) == key
        ]
    )
    if found is None or not rows:
        if wanted.optional:
            yield {}, np.ones(steps, dtype=np.bool_)
        return
    by_name: dict[str, list[int]] = {}
    for row in rows:
        by_name.setdefault(found.identities[row][0], []).append(row)
    chosen = np.stack([_newest(found, same) for same in by_name.values()])
    patterns, which = np.unique(chosen, axis=1, return_inverse=True)
    for number in range(patterns.shape[1]):
        used = [row for row in ints(patterns[:, number]) if row >= 0]
        if used or wanted.optional:
            added = _labels([found.identities[row] for row in used], wanted)
            yield added, which.reshape(-1) == number


def _newest(found: _Info, rows: list[int]) -> Int64s:
    """Which of several series of one info metric counts at each step; -1 for none."""
    present = found.vector.present[rows]
    stamps = np.where(present, found.stamps[rows], np.iinfo(np.int64).min)
    best = np.argmax(stamps, axis=0)
    newest = stamps.max(axis=0)
    twice = ((stamps == newest) & present).sum(axis=0) > 1
    if bool(twice.any()):
        step = int(np.argmax(twice))
        pair = [rows[at] for at in ints(np.flatnonzero(stamps[:, step] == newest[step]))][:2]
        first, second = (render_labels(found.identities[row]) for row in pair)
        time = int(newest[step])
        raise EvaluationError(
            f"found duplicate series for info metric: existing {first} @ {time}, "
            f"new {second} @ {time}"
        )
    chosen = np.array(rows, dtype=np.int64)[best]
    return np.where(present.any(axis=0), chosen, -1)


def _labels(identities: list[Identity], wanted: _Wanted) -> dict[str, str]:
    added: dict[str, str] = {}
    for _, labels in identities:
        for name, value in labels:
            if wanted.data and name not in wanted.data:
                continue
            if added.setdefault(name, value) != value:
                raise EvaluationError(f"conflicting label: {name}")
    return added


def _enriched(identity: Identity, added: dict[str, str]) -> Identity:
    """Labels that are there already stay as they are."""
    for name, value in added.items():
        if not label_of(identity, name):
            identity = relabelled(identity, name, value)
    return identity
