"""A tree as text again: on one line, or laid out for reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gnomon.core.model import NAME_LABEL
from gnomon.server.query.promql.render import is_classic_metric, render_label
from gnomon.server.query.promql.syntax import (
    Aggregate,
    At,
    Binary,
    Call,
    Duration,
    DurationExpr,
    Expr,
    Matching,
    MatrixSelector,
    NumberLiteral,
    Paren,
    StringLiteral,
    Subquery,
    Unary,
    VectorSelector,
    children,
)
from gnomon.server.query.promql.text import format_duration, format_value, quote

_WIDTH = 100


def render(expr: Expr) -> str:
    """On one line."""
    return _RENDERED[type(expr)](expr)


def pretty(expr: Expr, indent: int = 0) -> str:
    """Broken into lines where it would be longer than a line is wide."""
    line = "  " * indent + render(expr)
    broken = _BROKEN.get(type(expr))
    return line if len(line) <= _WIDTH or broken is None else broken(expr, indent)


def _pretty_paren(node: Paren, indent: int) -> str:
    pad = "  " * indent
    return f"{pad}(\n{pretty(node.expr, indent + 1)}\n{pad})"


def _pretty_call(node: Call, indent: int) -> str:
    return _spread(node.function, node.args, indent)


def _pretty_aggregate(node: Aggregate, indent: int) -> str:
    return _spread(_aggregation(node), children(node), indent)


def _pretty_subquery(node: Subquery, indent: int) -> str:
    return pretty(node.expr, indent) + _subquery(node)


def _pretty_unary(node: Unary, indent: int) -> str:
    return f"{'  ' * indent}{node.op}{pretty(node.expr, indent).lstrip()}"


def _pretty_binary(node: Binary, indent: int) -> str:
    left, right = pretty(node.lhs, indent + 1), pretty(node.rhs, indent + 1)
    return f"{left}\n{'  ' * indent}{_operator(node)}\n{right}"


def _spread(head: str, args: tuple[Expr, ...], indent: int) -> str:
    pad, inner = "  " * indent, ",\n".join(pretty(arg, indent + 1) for arg in args)
    return f"{pad}{head}(\n{inner}\n{pad})"


def render_duration(duration: Duration) -> str:
    """As it was written, or nearly so."""
    if isinstance(duration, NumberLiteral):
        if not duration.duration:
            return format_value(duration.value)
        return format_duration(round(duration.value * 1000))
    text = _duration_operator(duration)
    return f"({text})" if duration.wrapped else text


def _duration_operator(node: DurationExpr) -> str:
    left = "" if node.lhs is None else render_duration(node.lhs)
    right = "" if node.rhs is None else render_duration(node.rhs)
    if node.op in ("step", "range"):
        return f"{node.op}()"
    if node.op in ("min_of", "max_of"):
        return f"{node.op}({left}, {right})"
    if node.lhs is None:
        return right if node.op == "+" else f"-{right}"
    return f"{left} {node.op} {right}"


def _selector(selector: VectorSelector) -> str:
    shown: list[str] = []
    name = selector.name
    for matcher in selector.matchers[: -1 if name else None]:
        exact_name = matcher.label == NAME_LABEL and matcher.op == "="
        if exact_name and not is_classic_metric(matcher.value):
            shown.append(quote(matcher.value))
        else:
            shown.append(f"{render_label(matcher.label)}{matcher.op}{quote(matcher.value)}")
    return f"{name}{{{','.join(shown)}}}" if shown or not name else name


def _modifiers(node: VectorSelector | Subquery) -> str:
    text = ""
    if isinstance(node, VectorSelector) and node.extend:
        text += f" {node.extend}"
    if node.at is not None:
        text += f" @ {_at(node.at)}"
    if node.offset is not None:
        text += f" offset {render_duration(node.offset)}"
    return text


def _at(at: At) -> str:
    return f"{at.time / 1000:.3f}" if at.kind == "time" else f"{at.kind}()"


def _subquery(node: Subquery) -> str:
    step = "" if node.step is None else render_duration(node.step)
    return f"[{render_duration(node.range)}:{step}]{_modifiers(node)}"


def _aggregation(node: Aggregate) -> str:
    if not node.without and not node.grouping:
        return node.op
    word = "without" if node.without else "by"
    labels = ", ".join(render_label(label) for label in node.grouping)
    return f"{node.op} {word} ({labels}) "


def _operator(node: Binary) -> str:
    parts = [node.op]
    if node.return_bool:
        parts.append("bool")
    parts += _matching(node.matching)
    return " ".join(parts)


def _matching(matching: Matching) -> list[str]:
    parts: list[str] = []
    if matching.written:
        labels = ", ".join(render_label(label) for label in matching.labels)
        parts.append(f"{'on' if matching.on else 'ignoring'} ({labels})")
    if matching.group:
        labels = ", ".join(render_label(label) for label in matching.include)
        parts.append(f"group_{matching.group} ({labels})")
    left, right = matching.fill_left, matching.fill_right
    if left is not None and left == right:
        return [*parts, f"fill ({format_value(left)})"]
    for word, value in (("fill_left", left), ("fill_right", right)):
        if value is not None:
            parts.append(f"{word} ({format_value(value)})")
    return parts


_RENDERED: dict[type, Callable[[Any], str]] = {
    NumberLiteral: render_duration,
    DurationExpr: render_duration,
    StringLiteral: lambda node: quote(node.value),
    VectorSelector: lambda node: _selector(node) + _modifiers(node),
    MatrixSelector: lambda node: (
        f"{_selector(node.selector)}[{render_duration(node.range)}]{_modifiers(node.selector)}"
    ),
    Subquery: lambda node: render(node.expr) + _subquery(node),
    Call: lambda node: f"{node.function}({_arguments(node)})",
    Aggregate: lambda node: f"{_aggregation(node)}({_arguments(node)})",
    Unary: lambda node: f"{node.op}{render(node.expr)}",
    Paren: lambda node: f"({render(node.expr)})",
    Binary: lambda node: f"{render(node.lhs)} {_operator(node)} {render(node.rhs)}",
}
_BROKEN: dict[type, Callable[[Any, int], str]] = {
    Paren: _pretty_paren,
    Call: _pretty_call,
    Aggregate: _pretty_aggregate,
    Subquery: _pretty_subquery,
    Unary: _pretty_unary,
    Binary: _pretty_binary,
}


def _arguments(node: Call | Aggregate) -> str:
    return ", ".join(render(part) for part in children(node))
