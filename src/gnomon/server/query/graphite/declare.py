"""How a function says what it is: name, family, parameters.

The declaration is all there is: the evaluator converts arguments by it, and `/functions`, the
reference page and completion are made from it. The docstring is the help text a person reads.
Types, options and suggestions carry the names graphite-web gives them, for Grafana's editor.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar


class ParamType(StrEnum):
    """What an argument may be; the value is the word of `/functions`."""

    ANY = "any"
    AGGREGATION = "aggFunc"
    AGGREGATION_OR_FUNCTION = "aggOrSeriesFunc"
    BOOLEAN = "boolean"
    DATE = "date"
    FLOAT = "float"
    INTEGER = "integer"
    INTERVAL = "interval"
    INTEGER_OR_INTERVAL = "intOrInterval"
    INTEGER_OR_INFINITY = "intOrInf"
    NODE = "node"
    NUMBER = "number"
    """Only as what a parameter `accepts`: whole or not, as it was written."""
    NODE_OR_TAG = "nodeOrTag"
    SERIES_LIST = "seriesList"
    SERIES_LISTS = "seriesLists"
    STRING = "string"
    TAG = "tag"


class Group(StrEnum):
    """The families, as `/functions?grouped=1` shows them."""

    ALIAS = "Alias"
    CALCULATE = "Calculate"
    COMBINE = "Combine"
    FILTER_DATA = "Filter Data"
    FILTER_SERIES = "Filter Series"
    GRAPH = "Graph"
    SORTING = "Sorting"
    SPECIAL = "Special"
    TRANSFORM = "Transform"


class Param(NamedTuple):
    """One parameter, under its graphite name (which also is its keyword in a target)."""

    name: str
    type: ParamType
    required: bool = False
    default: Any = None
    """What `/functions` shows; the Python default is what a call without it gets."""
    multiple: bool = False
    """Takes all further arguments."""
    options: Sequence[Any] = ()
    suggestions: Sequence[Any] = ()
    deferred: bool = False
    """Handed over as a `Deferred`: the function asks for another window than the graph's."""
    accepts: ParamType | None = None
    """What it is converted to where that is more than its type says."""
    synonyms: Sequence[str] = ()
    """Other keywords it goes by."""


@dataclass(frozen=True, slots=True)
class Function:
    """A declared function."""

    name: str
    group: Group
    params: tuple[Param, ...]
    call: Callable[..., Any]
    aliases: tuple[str, ...] = ()
    aggregates: bool = False
    """May be the callback of `groupByNode` and its kin."""

    @property
    def takes_context(self) -> bool:
        """Whether the call begins with the `Context`."""
        return next(iter(inspect.signature(self.call).parameters), "") == CONTEXT

    @property
    def python_parameters(self) -> list[inspect.Parameter]:
        """The Python parameters that stand for `params`, one each."""
        return list(inspect.signature(self.call).parameters.values())[self.takes_context :]

    @property
    def description(self) -> str:
        """The help text."""
        return inspect.getdoc(self.call) or ""

    def signature(self, name: str) -> str:
        """How a call looks: `movingAverage(seriesList, windowSize, xFilesFactor=None)`."""
        shown: list[str] = []
        for param, actual in zip(self.params, self.python_parameters, strict=True):
            if actual.kind is inspect.Parameter.VAR_POSITIONAL:
                shown.append(f"*{param.name}")
            elif actual.default is inspect.Parameter.empty:
                shown.append(param.name)
            else:
                shown.append(f"{param.name}={actual.default!r}")
        return f"{name}({', '.join(shown)})"


C = TypeVar("C", bound=Callable[..., Any])

CONTEXT = "context"
"""The name of the first parameter of a function that needs the `Context`."""

DECLARATION = "__graphite_function__"
"""The attribute a declared function carries; `catalogue` collects by it."""


def function(
    name: str,
    group: Group,
    *params: Param,
    aliases: Sequence[str] = (),
    aggregates: bool = False,
) -> Callable[[C], C]:
    """Declares the decorated function; its parameters are those of `params`, in their order.

    If it needs the request (window, source, other functions), `context` comes before them.
    """

    def declare(call: C) -> C:
        declared = Function(name, group, params, call, tuple(aliases), aggregates)
        declared.signature(name)  # fails at import when the two lists differ
        setattr(call, DECLARATION, declared)
        return call

    return declare


# Parameters many functions share.
SERIES = Param("seriesList", ParamType.SERIES_LIST, required=True)
DEFERRED = Param("seriesList", ParamType.SERIES_LIST, required=True, deferred=True)
SERIES_LISTS = Param("seriesLists", ParamType.SERIES_LIST, required=True, multiple=True)
X_FILES_FACTOR = Param("xFilesFactor", ParamType.FLOAT)
