"""How a function is added: one entry in the `Family` of its file.

The entry is all there is: the parser checks calls by it, the evaluator runs it, the reference page
and the completion are made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from gnomon.server.query.promql.call import Call
from gnomon.server.query.promql.syntax import ValueType
from gnomon.server.query.promql.value import Value

SCALAR, VECTOR, RANGE, STRING = (
    ValueType.SCALAR,
    ValueType.VECTOR,
    ValueType.RANGE,
    ValueType.STRING,
)
Implementation: TypeAlias = Callable[[Call], Value]


class Function(NamedTuple):
    """One function of the language."""

    name: str
    args: tuple[ValueType, ...]
    """Types of the arguments; the last one repeats where more may follow."""
    help: str
    """What it gives, in one sentence."""
    run: Implementation
    returns: ValueType = VECTOR
    optional: int = 0
    """How many of the last arguments may be left out."""
    more: int = 0
    """How many further arguments may follow; -1 for any number."""
    depends_on_time: bool = False
    """Its value may change from step to step though its arguments do not."""
    bare_selector: int = -1
    """Position of an argument that is only label matchers and is not evaluated."""
    extends: tuple[str, ...] = ()
    """Range modifiers it understands: `anchored`, `smoothed`."""

    @property
    def least(self) -> int:
        """The fewest arguments."""
        return len(self.args) - self.optional

    @property
    def most(self) -> int | None:
        """The most arguments; None for any number."""
        return None if self.more < 0 else len(self.args) + self.more


class Family:
    """The functions of one file."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.functions: list[Function] = []

    def add(self, function: Function) -> None:
        """For families that are tables."""
        self.functions.append(function)

    def function(
        self,
        name: str,
        args: Sequence[ValueType],
        help_: str,
        **more: object,
    ) -> Callable[[Implementation], Implementation]:
        """Declares the decorated implementation; `more` as in `Function`."""

        def declare(run: Implementation) -> Implementation:
            self.add(Function(name, tuple(args), help_, run)._replace(**more))
            return run

        return declare
