"""Checks a tree: types of operands and arguments, and what may stand together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from gnomon.core.model import NAME_LABEL
from gnomon.server.query.promql.errors import ParseError
from gnomon.server.query.promql.functions.catalogue import FUNCTIONS
from gnomon.server.query.promql.functions.declare import Function
from gnomon.server.query.promql.syntax import (
    AGGREGATIONS,
    COMPARISONS,
    SET_OPERATORS,
    Aggregate,
    Binary,
    Call,
    DurationExpr,
    Expr,
    MatrixSelector,
    NumberLiteral,
    Paren,
    Span,
    StringLiteral,
    Subquery,
    Unary,
    ValueType,
    VectorSelector,
    unwrapped,
)
from gnomon.server.query.promql.text import quote

_NUMERIC = (ValueType.SCALAR, ValueType.VECTOR)


def check(expr: Expr, query: str) -> ValueType:
    """The type of an expression; raises `ParseError` if something in it does not fit."""
    return _Checker(query).check(expr)


class _Checker:
    def __init__(self, query: str) -> None:
        self.query = query
        self.nodes: dict[type, Callable[[Any], ValueType]] = {
            NumberLiteral: lambda _: ValueType.SCALAR,
            DurationExpr: lambda _: ValueType.SCALAR,
            StringLiteral: lambda _: ValueType.STRING,
            VectorSelector: self.selector,
            MatrixSelector: self.matrix,
            Subquery: self.subquery,
            Call: self.call,
            Aggregate: self.aggregate,
            Unary: self.unary,
            Binary: self.binary,
            Paren: self.paren,
        }

    def check(self, expr: Expr) -> ValueType:
        return self.nodes[type(expr)](expr)

    def paren(self, node: Paren) -> ValueType:
        return self.check(node.expr)

    def matrix(self, node: MatrixSelector) -> ValueType:
        self.selector(node.selector)
        return ValueType.RANGE

    def fail(self, span: Span, what: str) -> NoReturn:
        raise ParseError(what, span, self.query)

    def expect(self, expr: Expr, wanted: ValueType, context: str) -> None:
        found = self.check(expr)
        if found is not wanted:
            self.fail(expr.span, f"expected type {wanted} in {context}, got {found}")

    def selector(self, selector: VectorSelector) -> ValueType:
        if selector.name:
            for matcher in selector.matchers[:-1]:
                if matcher.label == NAME_LABEL:
                    self.fail(
                        selector.span,
                        f"metric name must not be set twice: {quote(selector.name)} or "
                        f"{quote(matcher.value)}",
                    )
        elif all(matcher.matches("") for matcher in selector.matchers):
            self.fail(selector.span, "vector selector must contain at least one non-empty matcher")
        return ValueType.VECTOR

    def subquery(self, node: Subquery) -> ValueType:
        found = self.check(node.expr)
        if found is not ValueType.VECTOR:
            self.fail(node.span, f"subquery is only allowed on instant vector, got {found} instead")
        return ValueType.RANGE

    def unary(self, node: Unary) -> ValueType:
        found = self.check(node.expr)
        if found not in _NUMERIC:
            self.fail(
                node.span,
                "unary expression only allowed on expressions of type scalar or instant vector, "
                f"got {quote(found)}",
            )
        return found

    def aggregate(self, node: Aggregate) -> ValueType:
        self.expect(node.expr, ValueType.VECTOR, "aggregation expression")
        wanted = AGGREGATIONS[node.op].parameter
        if node.param is not None and wanted is not None:
            self.expect(node.param, wanted, "aggregation parameter")
            if node.op == "count_values" and not isinstance(unwrapped(node.param), StringLiteral):
                self.fail(node.param.span, "expected a string literal as aggregation parameter")
        return ValueType.VECTOR

    def call(self, node: Call) -> ValueType:
        function = FUNCTIONS.get(node.function)
        if function is None:
            span = Span(node.span.start, node.span.start + len(node.function))
            self.fail(span, f"unknown function with name {quote(node.function)}")
        self.count(node, function)
        for index, arg in enumerate(node.args):
            if function.bare_selector == index:
                self.label_selector(arg)
                continue
            wanted = function.args[min(index, len(function.args) - 1)]
            self.expect(arg, wanted, f"call to function {quote(function.name)}")
        return function.returns

    def count(self, node: Call, function: Function) -> None:
        given, least, most = len(node.args), function.least, function.most
        about = f"in call to {quote(function.name)}, got {given}"
        if least == most and given != least:
            self.fail(node.span, f"expected {least} argument(s) {about}")
        if given < least:
            self.fail(node.span, f"expected at least {least} argument(s) {about}")
        if most is not None and given > most:
            self.fail(node.span, f"expected at most {most} argument(s) {about}")

    def label_selector(self, arg: Expr) -> None:
        """A selector that may not name a metric outside its braces and may match everything."""
        if not isinstance(arg, VectorSelector):
            self.fail(arg.span, "expected label selectors only")
        if arg.name:
            self.fail(arg.span, "expected label selectors only, got vector selector instead")

    def binary(self, node: Binary) -> ValueType:
        left, right = self.check(node.lhs), self.check(node.rhs)
        both_scalar = left is right is ValueType.SCALAR
        span = Span(node.lhs.span.end, node.rhs.span.start)
        for operand, found in ((node.lhs, left), (node.rhs, right)):
            if found not in _NUMERIC:
                self.fail(
                    operand.span,
                    "binary expression must contain only scalar and instant vector types",
                )
        if node.return_bool and node.op not in COMPARISONS:
            self.fail(span, "bool modifier can only be used on comparison operators")
        if both_scalar and node.op in COMPARISONS and not node.return_bool:
            self.fail(span, "comparisons between scalars must use BOOL modifier")
        if left is right is ValueType.VECTOR:
            self.matching(node, span)
        else:
            self.no_matching(node)
        return ValueType.SCALAR if both_scalar else ValueType.VECTOR

    def matching(self, node: Binary, span: Span) -> None:
        matching = node.matching
        twice = set(matching.labels) & set(matching.include) if matching.on else ()
        for label in sorted(twice):
            self.fail(span, f"label {quote(label)} must not occur in ON and GROUP clause at once")
        if node.op in SET_OPERATORS:
            if matching.group:
                self.fail(node.span, f"no grouping allowed for {quote(node.op)} operation")
            if matching.fill_left is not None or matching.fill_right is not None:
                self.fail(node.span, "filling in missing series not allowed for set operators")

    def no_matching(self, node: Binary) -> None:
        matching = node.matching
        if matching.labels:
            self.fail(node.span, "vector matching only allowed between instant vectors")
        if matching.fill_left is not None or matching.fill_right is not None:
            self.fail(node.span, "filling in missing series only allowed between instant vectors")
        if node.op in SET_OPERATORS:
            self.fail(
                node.span,
                f"set operator {quote(node.op)} not allowed in binary scalar expression",
            )
