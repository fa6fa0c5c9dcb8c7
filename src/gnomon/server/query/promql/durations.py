"""Durations and duration expressions: `[5m]`, `[1h:step()]`, `offset -(2 * 5m)`."""

from __future__ import annotations

import math

from gnomon.server.query.promql.errors import ParseError, QueryError
from gnomon.server.query.promql.stream import Stream
from gnomon.server.query.promql.syntax import Duration, DurationExpr, NumberLiteral, Span

_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "^": 3}
_UNARY = 2
_MAX_SECONDS = float(1 << 63) / 1e9
_EXPECTED = "number, duration, step(), or range()"


def parse_bracketed(stream: Stream) -> tuple[Duration, Duration | None, bool]:
    """What stands between brackets: range, step, and whether there was a colon."""
    if not _starts(stream):
        stream.fail("subquery or range selector", _EXPECTED)
    written = _positive(_expression(stream, 0), stream)
    if not stream.take(":"):
        if stream.peek().kind != "]":
            stream.fail("subquery or range", '":" or "]"')
        return written, None, False
    if stream.peek().kind == "]":
        return written, None, True
    if not _starts(stream):
        stream.fail("subquery selector", 'number, duration, step(), range(), or "]"')
    step = _positive(_expression(stream, 0), stream)
    if stream.peek().kind != "]":
        stream.fail("subquery selector", '"]"')
    return written, step, True


def parse_offset(stream: Stream) -> Duration:
    """Behind `offset`: one operand with its sign; anything longer needs parentheses."""
    sign = stream.take("-") or stream.take("+")
    if not _starts(stream) or stream.peek().kind in ("+", "-"):
        stream.fail("offset", _EXPECTED)
    operand = _operand(stream)
    if sign is None:
        return operand
    span = Span(sign.start, operand.span.end)
    return _signed(sign.kind, operand, span)


def milliseconds(duration: Duration, *, step: int, query_range: int, positive: bool) -> int:
    """The value of a duration when the query is asked; raises `DurationError`."""
    seconds = _value(duration, step / 1000, query_range / 1000)
    if not math.isfinite(seconds):
        raise DurationError("duration is NaN or infinite", duration)
    if positive and seconds <= 0:
        raise DurationError("duration must be greater than 0", duration)
    if abs(seconds) > _MAX_SECONDS:
        raise DurationError("duration is out of range", duration)
    if isinstance(duration, NumberLiteral):
        return round(seconds * 1000)
    return math.trunc(seconds * 1000)


class DurationError(QueryError):
    """A duration expression without a sensible value."""

    def __init__(self, what: str, duration: Duration) -> None:
        super().__init__(f"{duration.span.start}:{duration.span.end}: {what}")


def _starts(stream: Stream) -> bool:
    token = stream.peek()
    if token.kind in ("number", "duration", "(", "+", "-"):
        return True
    word = token.text.lower()
    return word in ("inf", "nan") or (
        word in ("step", "range", "min_of", "max_of") and stream.peek(1).kind == "("
    )


def _expression(stream: Stream, above: int) -> Duration:
    left = _unary(stream)
    while (power := _PRECEDENCE.get(stream.peek().kind, 0)) > above:
        op = stream.next()
        if not _starts(stream):
            stream.fail("duration expression", _EXPECTED)
        right = _expression(stream, power - 1 if op.kind == "^" else power)
        if op.kind in "/%" and isinstance(right, NumberLiteral) and right.value == 0:
            what = "division by zero" if op.kind == "/" else "modulo by zero"
            raise ParseError(what, op.span, stream.query)
        span = Span(left.span.start, right.span.end)
        left = DurationExpr(op=op.kind, lhs=left, rhs=right, span=span)
    return left


def _unary(stream: Stream) -> Duration:
    sign = stream.take("-") or stream.take("+")
    if sign is None:
        return _operand(stream)
    operand = _expression(stream, _UNARY)
    return _signed(sign.kind, operand, Span(sign.start, operand.span.end))


def _signed(sign: str, operand: Duration, span: Span) -> Duration:
    if isinstance(operand, NumberLiteral):
        value = -operand.value if sign == "-" else operand.value
        return NumberLiteral(value=value, duration=operand.duration, span=span)
    return DurationExpr(op=sign, rhs=operand, span=span)


def _operand(stream: Stream) -> Duration:
    token = stream.peek()
    word = token.text.lower()
    if token.kind == "(":
        stream.next()
        inner = _expression(stream, 0)
        closing = stream.expect(")", "duration expression", '")"')
        span = Span(token.start, closing.start + 1)
        if isinstance(inner, NumberLiteral):
            return DurationExpr(op="+", rhs=inner, wrapped=True, span=span)
        return DurationExpr(op=inner.op, lhs=inner.lhs, rhs=inner.rhs, wrapped=True, span=span)
    if token.kind == "word" and word not in ("inf", "nan"):
        return _call(stream, word)
    if token.kind not in ("number", "duration", "word"):
        stream.fail("duration expression", _EXPECTED)
    literal = stream.number()
    if not abs(literal.value) <= _MAX_SECONDS:
        raise ParseError("duration out of range", literal.span, stream.query)
    return literal


def _call(stream: Stream, word: str) -> DurationExpr:
    start = stream.next().start
    lhs = rhs = None
    stream.expect("(", "duration expression", '"("')
    if word in ("min_of", "max_of"):
        lhs = _expression(stream, 0)
        stream.expect(",", "duration expression", '","')
        rhs = _expression(stream, 0)
    closing = stream.expect(")", "duration expression", '")"')
    return DurationExpr(op=word, lhs=lhs, rhs=rhs, span=Span(start, closing.start + 1))


def _positive(duration: Duration, stream: Stream) -> Duration:
    if isinstance(duration, NumberLiteral) and not duration.value > 0:
        raise ParseError("duration must be greater than 0", duration.span, stream.query)
    return duration


def _value(duration: Duration, step: float, query_range: float) -> float:
    if isinstance(duration, NumberLiteral):
        return duration.value
    if duration.op in ("step", "range"):
        return step if duration.op == "step" else query_range
    left = 0.0 if duration.lhs is None else _value(duration.lhs, step, query_range)
    right = 0.0 if duration.rhs is None else _value(duration.rhs, step, query_range)
    if duration.op in "/%" and right == 0:
        what = "division by zero" if duration.op == "/" else "modulo by zero"
        raise DurationError(what, duration)
    if duration.op == "^":
        return float(abs(left) ** right) if left >= 0 else math.pow(left, right)
    return {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: left / right,
        "%": lambda: math.fmod(left, right),
        "min_of": lambda: min(left, right),
        "max_of": lambda: max(left, right),
    }[duration.op]()
