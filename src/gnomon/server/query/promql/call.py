"""What the implementation of a function is handed: its arguments, evaluated when it asks for them.

Nothing but functions of this shape is needed to add to the language: see `functions/declare.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, cast

import numpy as np

from gnomon.server.query.promql import syntax
from gnomon.server.query.promql.context import Context
from gnomon.server.query.promql.extended import Extended, extended_windows
from gnomon.server.query.promql.value import Bools, Scalar, Value, Vector
from gnomon.server.query.promql.windows import RangeVector, Windows, blocks, windows
from gnomon.server.query.series import Float64s, Int64s

Evaluate: TypeAlias = Callable[[syntax.Expr, Context], Value]
EvaluateRange: TypeAlias = Callable[[syntax.Expr, Context], RangeVector]
EvaluateStamps: TypeAlias = Callable[[syntax.VectorSelector, Context], tuple[Vector, Int64s]]
OverExtended: TypeAlias = Callable[[Extended], tuple[Float64s, Bools]]
OverTime: TypeAlias = Callable[[Windows], tuple[Float64s, Bools]]
"""Values and presence for each window; rows x steps."""


class Call:
    """One call of a function over the steps of a context."""

    def __init__(
        self,
        node: syntax.Call,
        context: Context,
        evaluate: Evaluate,
        evaluate_range: EvaluateRange,
        evaluate_stamps: EvaluateStamps,
    ) -> None:
        self.node = node
        self.context = context
        self._evaluate = evaluate
        self._evaluate_range = evaluate_range
        self._evaluate_stamps = evaluate_stamps

    def __len__(self) -> int:
        """How many arguments were given."""
        return len(self.node.args)

    def expr(self, index: int) -> syntax.Expr:
        """An argument as it was written, without parentheses around it."""
        return syntax.unwrapped(self.node.args[index])

    def vector(self, index: int) -> Vector:
        """An instant vector argument."""
        return cast(Vector, self._evaluate(self.expr(index), self.context))

    def scalar(self, index: int) -> Scalar:
        """A scalar argument: one value for each step."""
        return cast(Scalar, self._evaluate(self.expr(index), self.context))

    def text(self, index: int) -> str:
        """A string argument."""
        return cast(str, self._evaluate(self.expr(index), self.context))

    def stamped(self, index: int) -> tuple[Vector, Int64s | None]:
        """A vector and, if the argument is a selector, the timestamps of its samples (ms)."""
        expr = self.expr(index)
        if isinstance(expr, syntax.VectorSelector):
            return self._evaluate_stamps(expr, self.context)
        return self.vector(index), None

    def over_time(
        self,
        index: int,
        compute: OverTime,
        extended: OverExtended | None = None,
        *,
        keep_name: bool = False,
    ) -> Vector:
        """A function of the windows of a range vector argument, block by block.

        `extended` is how it is computed on an `anchored` or `smoothed` range.
        """
        ranged = self._evaluate_range(self.expr(index), self.context)
        samples = ranged.samples
        rows, steps = len(samples.names), self.context.steps
        self.context.check_cells(rows)
        values = np.zeros((rows, steps))
        present = np.zeros((rows, steps), dtype=np.bool_)
        times = self.context.times()
        for part, block in blocks(samples, steps):
            if not len(block.values):
                continue
            self.context.asked.check()
            if ranged.extend and extended is not None:
                view = extended_windows(ranged._replace(samples=block), times)
                values[part], present[part] = extended(view)
            else:
                view = windows(block, times, ranged.ends, ranged.length)
                values[part], present[part] = compute(view)
        drop = samples.drop if keep_name else np.ones(rows, dtype=np.bool_)
        return Vector(samples.names, samples.labels, values, present, drop).without_empty()

    def extends(self, index: int) -> str:
        """The modifier of a range vector argument: `anchored`, `smoothed` or ""."""
        expr = self.expr(index)
        return expr.selector.extend if isinstance(expr, syntax.MatrixSelector) else ""

    def instant(self, selector: syntax.VectorSelector) -> tuple[Vector, Int64s]:
        """Another selector than was written, with the timestamps of its samples (ms)."""
        return self._evaluate_stamps(selector, self.context)

    def warn(self, index: int, message: str, detail: str = "") -> None:
        """A warning about an argument."""
        self.context.asked.notes.warn(message, self.node.args[index].span, detail)

    def info(self, index: int, message: str, detail: str = "") -> None:
        """A remark about an argument."""
        self.context.asked.notes.info(message, self.node.args[index].span, detail)
