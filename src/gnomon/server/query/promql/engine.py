"""PromQL, asked from outside: an expression and a time, or a range of times, to an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from gnomon.server.query.promql.annotations import Annotations, Severity
from gnomon.server.query.promql.context import (
    LOOKBACK,
    SUBQUERY_STEP,
    Asked,
    Context,
    QueryLimits,
    Source,
    Statistics,
)
from gnomon.server.query.promql.errors import ParseError, TooFine
from gnomon.server.query.promql.evaluator import evaluate, finished
from gnomon.server.query.promql.parser import parse
from gnomon.server.query.promql.syntax import Span, ValueType
from gnomon.server.query.promql.types import check
from gnomon.server.query.promql.value import Value, Vector, full_labels
from gnomon.server.query.series import TimeGrid


class Answer(NamedTuple):
    """What a query gives."""

    kind: Literal["scalar", "vector", "matrix", "string"]
    value: Value
    """A float for each step, a `Vector`, raw `Samples` (an instant query for a range), a text."""
    grid: TimeGrid
    warnings: list[str]
    infos: list[str]
    statistics: Statistics


class Engine:
    """Evaluates PromQL over a source of samples. Holds no state between queries."""

    def __init__(
        self,
        source: Source,
        limits: QueryLimits = QueryLimits(),  # noqa: B008  an immutable tuple
        *,
        lookback: int = LOOKBACK,
        subquery_step: int = SUBQUERY_STEP,
    ) -> None:
        self.source = source
        self.limits = limits
        self.lookback = lookback
        self.subquery_step = subquery_step

    def instant(self, query: str, time: int, stop: Callable[[], None] = lambda: None) -> Answer:
        """The value at one time (ms). `stop` is called often and may raise to end it."""
        return self._ask(query, TimeGrid(time, 1, 1), stop)

    def range(
        self,
        query: str,
        start: int,
        end: int,
        step: int,
        stop: Callable[[], None] = lambda: None,
    ) -> Answer:
        """The values at `start`, `start + step` ... up to `end` (ms)."""
        grid = TimeGrid.between(start, end, step)
        if grid.points > self.limits.max_points:
            raise TooFine(
                f"exceeded maximum resolution of {self.limits.max_points:,} points per timeseries. "
                "Try decreasing the query resolution (?step=XX)"
            )
        kind = check(parse(query), query)
        if kind not in (ValueType.SCALAR, ValueType.VECTOR):
            raise ParseError(
                f'invalid expression type "{kind}" for range query, must be Scalar or instant Vector',
                Span(0, len(query)),
                query,
            )
        return self._ask(query, grid, stop, ranged=True)

    def _ask(
        self, query: str, grid: TimeGrid, stop: Callable[[], None], *, ranged: bool = False
    ) -> Answer:
        expr = parse(query)
        notes, statistics = Annotations(), Statistics()
        asked = Asked(
            query,
            grid,
            self.source,
            self.limits,
            stop,
            notes,
            statistics,
            self.lookback,
            self.subquery_step,
        )
        with np.errstate(all="ignore"):
            value = finished(evaluate(expr, Context(asked, grid)))
        kind = check(expr, query)
        if ranged and isinstance(value, Vector):
            value = ordered(value)
        return Answer(
            "matrix" if ranged or kind is ValueType.RANGE else _KINDS[kind],
            value,
            grid,
            notes.rendered(Severity.WARNING, query),
            notes.rendered(Severity.INFO, query),
            statistics,
        )


_KINDS: dict[ValueType, Literal["scalar", "vector", "string"]] = {
    ValueType.SCALAR: "scalar",
    ValueType.VECTOR: "vector",
    ValueType.STRING: "string",
}


def ordered(vector: Vector) -> Vector:
    """By labels, the name among them, as range queries answer."""
    keys = [full_labels(name, labels) for name, labels in vector.identities()]
    return vector.take(sorted(range(len(keys)), key=keys.__getitem__))
