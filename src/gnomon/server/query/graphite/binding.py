"""Arguments of a target become arguments of a function: counted, converted, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from gnomon.server.query.graphite.attime import parse_offset
from gnomon.server.query.graphite.context import Context, Deferred
from gnomon.server.query.graphite.declare import Function, Param, ParamType
from gnomon.server.query.graphite.grammar import TargetError
from gnomon.server.query.graphite.timeseries import TimeSeries


class Bound(NamedTuple):
    """What the Python function is called with."""

    function: Function
    arguments: list[Any]
    keywords: dict[str, Any]

    def call(self, context: Context) -> Any:
        """The result; the context is handed to those that ask for it."""
        head = (context,) if self.function.takes_context else ()
        return self.function.call(*head, *self.arguments, **self.keywords)


def bind(
    function: Function, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any]
) -> Bound:
    """Checked and converted arguments; raises `TargetError` that names function and parameter.

    `name` is what the target calls it by.
    """
    params = function.params
    repeated = bool(params) and params[-1].multiple
    if len(arguments) > len(params) and not repeated:
        raise TargetError(f"{name}() takes at most {len(params)} arguments, got {len(arguments)}")
    bound = Bound(
        function,
        [
            convert(params[min(position, len(params) - 1)], name, value)
            for position, value in enumerate(arguments)
        ],
        {},
    )
    left = dict(keywords)
    pairs = list(zip(params, function.python_parameters, strict=True))
    for param, python in pairs[len(arguments) :]:
        word = next((word for word in (param.name, *param.synonyms) if word in left), None)
        if word is not None and left[word] is not None:
            value = convert(param, name, left[word])
            if param.multiple:
                bound.arguments.append(value)
            else:
                bound.keywords[python.name] = value
        elif param.required:
            raise TargetError(f"{name}() needs the argument {param.name!r}")
        left.pop(word or "", None)
    if left:
        known = ", ".join(param.name for param in params)
        raise TargetError(f"{name}() takes no argument {next(iter(left))!r}; it takes: {known}")
    return bound


def convert(param: Param, function: str, value: Any) -> Any:
    """One argument as its parameter wants it."""
    if isinstance(value, Deferred) or (value is None and not param.required):
        return value
    converter = _CONVERTERS.get(param.accepts or param.type)
    try:
        return converter(value) if converter else value
    except (ValueError, TypeError, OverflowError, TargetError) as error:
        reason = f": {error}" if isinstance(error, TargetError) else ""
        raise TargetError(
            f"{function}(): {_shown(value)} is no {param.type} for {param.name!r}{reason}"
        ) from None


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "a list of series"
    return repr(value)


def _boolean(value: Any) -> bool:
    word = str(value).lower()
    if word in ("true", "1", "1.0"):
        return True
    if word in ("false", "0", "0.0"):
        return False
    raise ValueError


def _float(value: Any) -> float:
    return float(value)


def _number(value: Any) -> int | float:
    return value if isinstance(value, int) else float(value)


def _integer(value: Any) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise ValueError
    return int(value)


def _integer_or_infinity(value: Any) -> int | float:
    if isinstance(value, (str, float)) and float(value) == float("inf"):
        return float("inf")
    return _integer(value)


def _interval(value: Any) -> str:
    parse_offset(str(value))
    return str(value)


def _series_list(value: Any) -> list[TimeSeries]:
    if not isinstance(value, list):
        raise TypeError
    items = cast(list[Any], value)
    if not all(isinstance(item, TimeSeries) for item in items):
        raise TypeError
    return items


def _series_lists(value: Any) -> list[list[TimeSeries]]:
    if not isinstance(value, list):
        raise TypeError
    return [_series_list(item) for item in cast(list[Any], value)]


_CONVERTERS: Mapping[ParamType, Callable[[Any], Any]] = {
    ParamType.BOOLEAN: _boolean,
    ParamType.FLOAT: _float,
    ParamType.INTEGER: _integer,
    ParamType.INTEGER_OR_INFINITY: _integer_or_infinity,
    ParamType.INTERVAL: _interval,
    ParamType.NODE: _integer,
    ParamType.NUMBER: _number,
    ParamType.SERIES_LIST: _series_list,
    ParamType.SERIES_LISTS: _series_lists,
    ParamType.STRING: str,
    ParamType.TAG: str,
}
