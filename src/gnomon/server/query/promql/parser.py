"""PromQL text to syntax tree: recursive descent, precedence climbing for the operators.

It takes the whole language of Prometheus 3, the parts behind feature flags included (duration
expressions, `anchored` and `smoothed`, `fill`), and names the place of what it cannot read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NoReturn

from msgspec.structs import replace

from gnomon.server.query.promql.durations import parse_bracketed, parse_offset
from gnomon.server.query.promql.errors import ParseError
from gnomon.server.query.promql.lexer import Token, tokenize
from gnomon.server.query.promql.selectors import parse_vector_selector
from gnomon.server.query.promql.stream import RESERVED, Stream
from gnomon.server.query.promql.syntax import (
    AGGREGATIONS,
    Aggregate,
    At,
    Binary,
    Call,
    Expr,
    Matching,
    MatrixSelector,
    Node,
    NumberLiteral,
    Paren,
    Span,
    StringLiteral,
    Subquery,
    Unary,
    VectorSelector,
    children,
)
from gnomon.server.query.promql.text import format_value, quote
from gnomon.server.query.promql.types import check
from gnomon.server.store.interface import Matcher

_PRECEDENCE = {
    "or": 1,
    **dict.fromkeys(("and", "unless"), 2),
    **dict.fromkeys(("==", "!=", "<", ">", "<=", ">=", "</", ">/"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%", "atan2"), 5),
    "^": 6,
}
_UNARY = 5
_MAX_NESTED, _MAX_CHAINED = 100, 250
"""Parentheses in each other, and operators in a row: what evaluation can recurse into."""
_MAX_SECONDS = 2.0**63
_EXTENSIONS = ("anchored", "smoothed")


@lru_cache(maxsize=1024)
def parse(query: str) -> Expr:
    """The checked tree of an expression; raises `ParseError`."""
    stream = Stream(query, tokenize(query))
    if stream.peek().kind == "end":
        raise ParseError("no expression found in input", Span(0, 0), query)
    expr = _Parser(stream).expression(0)
    if stream.peek().kind != "end":
        stream.fail("")
    if not _shallow(expr):
        raise ParseError("too many operators in a row", expr.span, query)
    check(expr, query)
    return expr


@lru_cache(maxsize=1024)
def parse_selector(query: str) -> tuple[Matcher, ...]:
    """The matchers of a series selector (`match[]`); raises `ParseError`."""
    stream = Stream(query, tokenize(query))
    selector = parse_vector_selector(stream)
    if stream.peek().kind != "end":
        stream.fail("")
    check(selector, query)
    return selector.matchers


def _shallow(expr: Expr) -> bool:
    """Whether the tree is no deeper than evaluation can go. A long chain of operators is deep."""
    level: list[Expr] = [expr]
    for _ in range(_MAX_CHAINED):
        level = [part for node in level for part in children(node)]
        if not level:
            return True
    return False


class _Parser:
    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.depth = 0
        self.primaries: dict[str, Callable[[], Expr]] = {
            "number": self.number,
            "duration": self.number,
            "string": self.string,
            "(": self.paren,
            "{": lambda: parse_vector_selector(self.stream),
            "word": self.word,
        }

    # --- operators

    def expression(self, above: int) -> Expr:
        """An expression whose operators all bind tighter than `above`."""
        self.depth += 1
        if self.depth > _MAX_NESTED:
            self.stream.fail("an expression nested this deep")
        left = self.unary()
        while True:
            operator = self.stream.peek()
            name = operator.text.lower() if operator.kind == "word" else operator.kind
            power = _PRECEDENCE.get(name, 0)
            if power <= above:
                break
            self.stream.next()
            left = self.binary(left, name, power)
        self.depth -= 1
        return left

    def binary(self, left: Expr, op: str, power: int) -> Binary:
        matching, return_bool = self.matching()
        right = self.expression(power - 1 if op == "^" else power)
        return Binary(
            op=op,
            lhs=left,
            rhs=right,
            matching=matching,
            return_bool=return_bool,
            span=Span(left.span.start, right.span.end),
        )

    def unary(self) -> Expr:
        token = self.stream.peek()
        if token.kind not in ("+", "-"):
            return self.postfix(self.primary())
        self.stream.next()
        inner = self.expression(_UNARY)
        span = Span(token.start, inner.span.end)
        if isinstance(inner, NumberLiteral):
            value = -inner.value if token.kind == "-" else inner.value
            return replace(inner, value=value, span=span)
        return Unary(op=token.kind, expr=inner, span=span)

    def matching(self) -> tuple[Matching, bool]:
        stream, matching = self.stream, Matching()
        return_bool = stream.take_word("bool")
        word = stream.take_word("on", "ignoring")
        if word:
            labels = self.grouping()
            matching = Matching(on=word == "on", labels=labels, written=True)
            side = stream.take_word("group_left", "group_right")
            if side:
                include = self.grouping() if stream.peek().kind == "(" else ()
                group = "left" if side == "group_left" else "right"
                matching = replace(matching, group=group, include=include)
        return self.fill(matching), bool(return_bool)

    def fill(self, matching: Matching) -> Matching:
        stream = self.stream
        while (
            stream.peek().text.lower() in ("fill", "fill_left", "fill_right")
            and stream.peek(1).kind == "("
            and stream.peek(2).kind in ("number", "duration", "word", "+", "-")
        ):
            word = stream.next().text.lower()
            stream.expect("(", "fill", '"("')
            sign = -1.0 if stream.take("-") else 1.0
            stream.take("+")
            value = sign * self.number().value
            stream.expect(")", "fill", '")"')
            if word != "fill_right":
                matching = replace(matching, fill_left=value)
            if word != "fill_left":
                matching = replace(matching, fill_right=value)
        return matching

    # --- what stands behind an operand

    def postfix(self, expr: Expr) -> Expr:
        while True:
            token = self.stream.peek()
            word = token.text.lower() if token.kind == "word" else token.kind
            if word == "[":
                expr = self.brackets(expr)
            elif word == "offset":
                expr = self.offset(expr)
            elif word == "@":
                expr = self.at(expr)
            elif word in _EXTENSIONS:
                expr = self.extended(expr)
            else:
                return expr

    def brackets(self, expr: Expr) -> Expr:
        stream = self.stream
        opening = stream.next()
        written, step, colon = parse_bracketed(stream)
        closing = stream.next()
        span = Span(expr.span.start, closing.start + 1)
        if colon:
            return Subquery(expr=expr, range=written, step=step, span=span)
        problem = ""
        if not isinstance(expr, VectorSelector):
            problem = "ranges only allowed for vector selectors"
        elif expr.offset is not None:
            problem = "no offset modifiers allowed before range"
        elif expr.at is not None:
            problem = "no @ modifiers allowed before range"
        if problem or not isinstance(expr, VectorSelector):
            raise ParseError(problem, Span(opening.start, span.end), stream.query)
        return MatrixSelector(selector=expr, range=written, span=span)

    def offset(self, expr: Expr) -> Expr:
        self.stream.next()
        offset = parse_offset(self.stream)
        selector = expr.selector if isinstance(expr, MatrixSelector) else expr
        if not isinstance(selector, VectorSelector | Subquery):
            self.refuse(
                expr,
                "offset modifier must be preceded by an instant vector selector or range vector "
                "selector or a subquery",
            )
        if selector.offset is not None:
            self.refuse(expr, "offset may not be set multiple times")
        return self.modified(expr, replace(selector, offset=offset))

    def at(self, expr: Expr) -> Expr:
        self.stream.next()
        at = self.at_time(expr)
        selector = expr.selector if isinstance(expr, MatrixSelector) else expr
        if not isinstance(selector, VectorSelector | Subquery):
            self.refuse(
                expr,
                "@ modifier must be preceded by an instant vector selector or range vector "
                "selector or a subquery",
            )
        if selector.at is not None:
            self.refuse(expr, "@ <timestamp> may not be set multiple times")
        return self.modified(expr, replace(selector, at=at))

    def at_time(self, expr: Expr) -> At:
        stream = self.stream
        word = stream.take_word("start", "end")
        if word:
            stream.expect("(", "@", '"("')
            stream.expect(")", "@", '")"')
            return At("start" if word == "start" else "end")
        sign = -1.0 if stream.take("-") else 1.0
        if sign > 0:
            stream.take("+")
        token = stream.peek()
        numeric = token.kind in ("number", "duration") or token.text.lower() in ("inf", "nan")
        if not numeric:
            stream.fail("@", "timestamp")
        seconds = sign * self.number().value
        if not math.isfinite(seconds) or abs(seconds) >= _MAX_SECONDS:
            shown = f"{seconds:f}" if math.isfinite(seconds) else format_value(seconds)
            self.refuse(expr, f"timestamp out of bounds for @ modifier: {shown}")
        return At("time", round(seconds * 1000))

    def extended(self, expr: Expr) -> Expr:
        word = self.stream.next().text.lower()
        selector = expr.selector if isinstance(expr, MatrixSelector) else expr
        if isinstance(selector, Subquery):
            self.refuse(expr, f"{word} modifier is not supported for subqueries")
        if not isinstance(selector, VectorSelector):
            self.refuse(expr, f"{word} modifier not implemented")
        if selector.extend not in ("", word):
            self.refuse(expr, "anchored and smoothed modifiers cannot be used together")
        extend = "anchored" if word == "anchored" else "smoothed"
        return self.modified(expr, replace(selector, extend=extend))

    def modified(self, expr: Expr, selector: VectorSelector | Subquery) -> Expr:
        """The expression with its new selector, ending where the last token read ends."""
        span = Span(expr.span.start, self.stream.last_end)
        if isinstance(expr, MatrixSelector) and isinstance(selector, VectorSelector):
            return replace(expr, selector=selector, span=span)
        return replace(selector, span=span)

    def refuse(self, node: Node, what: str) -> NoReturn:
        raise ParseError(what, node.span, self.stream.query)

    # --- operands

    def primary(self) -> Expr:
        token = self.stream.peek()
        operand = self.primaries.get(token.kind)
        if operand is None:
            self.stream.fail("")
        return operand()

    def number(self) -> NumberLiteral:
        return self.stream.number()

    def string(self) -> StringLiteral:
        token = self.stream.next()
        return StringLiteral(value=self.stream.unquoted(token), span=token.span)

    def paren(self) -> Paren:
        opening = self.stream.next()
        inner = self.expression(0)
        closing = self.stream.expect(")", "", "")
        return Paren(expr=inner, span=Span(opening.start, closing.start + 1))

    def word(self) -> Expr:
        token, following = self.stream.peek(), self.stream.peek(1)
        lower = token.text.lower()
        if lower in ("inf", "nan"):
            return self.number()
        if lower in AGGREGATIONS and (
            following.kind == "(" or following.text.lower() in ("by", "without")
        ):
            return self.aggregate()
        if following.kind == "(" and lower not in RESERVED:
            return self.call()
        return parse_vector_selector(self.stream)

    def call(self) -> Call:
        name = self.stream.next()
        args, end = self.arguments()
        return Call(function=name.text, args=args, span=Span(name.start, end))

    def arguments(self) -> tuple[tuple[Expr, ...], int]:
        stream = self.stream
        stream.expect("(", "aggregation", "")
        args: list[Expr] = []
        while stream.peek().kind != ")":
            args.append(self.expression(0))
            comma = stream.take(",")
            if comma and stream.peek().kind == ")":
                raise ParseError(
                    "trailing commas not allowed in function call args", comma.span, stream.query
                )
            if not comma and stream.peek().kind != ")":
                stream.fail("")
        return tuple(args), stream.next().start + 1

    def aggregate(self) -> Aggregate:
        stream = self.stream
        token = stream.next()
        op = token.text.lower()
        modifier, grouping = stream.take_word("by", "without"), ()
        if modifier:
            grouping = self.grouping()
        args, end = self.arguments()
        if not modifier:
            modifier = stream.take_word("by", "without")
            if modifier:
                grouping = self.grouping()
                end = stream.last_end
        span = Span(token.start, end)
        wanted = 1 if AGGREGATIONS[op].parameter is None else 2
        if not args:
            raise ParseError("no arguments for aggregate expression provided", span, stream.query)
        if len(args) != wanted:
            raise ParseError(
                "wrong number of arguments for aggregate expression provided, "
                f"expected {wanted}, got {len(args)}",
                span,
                stream.query,
            )
        return Aggregate(
            op=op,
            expr=args[-1],
            param=args[0] if wanted > 1 else None,
            grouping=grouping,
            without=modifier == "without",
            modified=bool(modifier),
            span=span,
        )

    def grouping(self) -> tuple[str, ...]:
        stream = self.stream
        stream.expect("(", "grouping opts", '"("')
        names: list[str] = []
        while stream.peek().kind != ")":
            token = stream.peek()
            if token.kind not in ("word", "string"):
                stream.fail("grouping opts", "label")
            stream.next()
            names.append(self.label_name(token))
            if not stream.take(",") and stream.peek().kind != ")":
                stream.fail("grouping opts", '"," or ")"')
        stream.next()
        return tuple(names)

    def label_name(self, token: Token) -> str:
        name = self.stream.unquoted(token) if token.kind == "string" else token.text
        if not name or (token.kind == "word" and ":" in name):
            raise ParseError(
                f"invalid label name for grouping: {quote(name)}", token.span, self.stream.query
            )
        return name
