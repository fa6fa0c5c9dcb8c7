"""Walks a target's tree and computes its series."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np

from gnomon.server.query.graphite.binding import bind
from gnomon.server.query.graphite.catalogue import lookup
from gnomon.server.query.graphite.context import Context, Deferred
from gnomon.server.query.graphite.declare import Function
from gnomon.server.query.graphite.grammar import (
    Call,
    Expression,
    Literal,
    Path,
    Scalar,
    TargetError,
    Template,
    parse,
)
from gnomon.server.query.graphite.timeseries import SeriesList, TimeSeries

_NUMERIC = re.compile(r"-?[\d.]+")
Replacements = Mapping[str, Scalar]


def evaluate(context: Context, target: Expression | str) -> SeriesList:
    """The series of one target; raises `TargetError`."""
    expression = parse(target) if isinstance(target, str) else target
    with np.errstate(all="ignore"):
        result = compute(context, expression, {})
    if not isinstance(result, list):
        raise TargetError(f"a target must give series, not {result!r}")
    return list(_flat(cast(Any, result)))


def call(context: Context, name: str, *arguments: Any) -> SeriesList:
    """Another function by its name, as `groupByNode` calls its callback."""
    function = lookup(name)
    return bind(function, name, arguments, {}).call(context)


def compute(context: Context, expression: Expression, replacements: Replacements) -> Any:
    """A list of series, or the scalar a literal stands for."""
    if isinstance(expression, Literal):
        return expression.value
    if isinstance(expression, Template):
        values = {**expression.values, **context.template}
        return compute(context, expression.expression, values)
    if isinstance(expression, Path):
        return _path(context, expression.text, replacements)
    if expression.name == "seriesByTag":
        return context.fetch(_replaced(expression.raw, replacements))
    return _call(context, expression, replacements)


def _call(context: Context, expression: Call, replacements: Replacements) -> Any:
    function = lookup(expression.name)
    arguments = [
        compute(context, argument, replacements)
        if not _deferred(function, position)
        else Deferred(argument, context, replacements, compute)
        for position, argument in enumerate(expression.arguments)
    ]
    deferred = {param.name for param in function.params if param.deferred}
    keywords = {
        word: compute(context, argument, replacements)
        if word not in deferred
        else Deferred(argument, context, replacements, compute)
        for word, argument in expression.keywords.items()
    }
    return bind(function, expression.name, arguments, keywords).call(context)


def _deferred(function: Function, position: int) -> bool:
    return position < len(function.params) and function.params[position].deferred


def _path(context: Context, text: str, replacements: Replacements) -> Any:
    for name, value in replacements.items():
        if text == f"${name}":
            if isinstance(value, str) and _NUMERIC.fullmatch(value):
                return float(value)
            return value
    return context.fetch(_replaced(text, replacements))


def _replaced(text: str, replacements: Replacements) -> str:
    for name, value in replacements.items():
        text = text.replace(f"${name}", str(value))
    return text


def _flat(result: Any) -> Iterator[TimeSeries]:
    """`mapSeries` gives lists of lists; a graph wants lines."""
    if isinstance(result, TimeSeries):
        yield result
    else:
        for item in result:
            yield from _flat(item)
