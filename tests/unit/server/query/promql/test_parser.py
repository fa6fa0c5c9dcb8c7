"""Reading PromQL, refusing it with the place, and writing it again."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.server.query.promql.errors import ParseError
from gnomon.server.query.promql.parser import parse, parse_selector
from gnomon.server.query.promql.printer import pretty, render
from gnomon.server.query.promql.syntax import Binary, Call, Unary, VectorSelector
from gnomon.server.store.interface import Matcher, MatchOp


def test_precedence_and_associativity():
    assert render(parse("1 - 2 - 3")) == "1 - 2 - 3"
    expr = parse("a or b and c + d * e ^ f ^ g")
    assert isinstance(expr, Binary)
    assert expr.op == "or"
    assert expr.rhs.op == "and"
    assert expr.rhs.rhs.op == "+"
    assert expr.rhs.rhs.rhs.op == "*"
    power = expr.rhs.rhs.rhs.rhs
    assert (power.op, power.lhs.name, power.rhs.op) == ("^", "e", "^")
    minus = parse("-a ^ b")
    assert isinstance(minus, Unary)
    assert minus.expr.op == "^"


def test_keywords_are_names_where_they_can_be():
    for name in ("sum", "by", "offset", "start", "fill", "and", "step"):
        selector = parse(f'{name}{{a="b"}}')
        assert isinstance(selector, VectorSelector)
        assert selector.name == name
    assert isinstance(parse("sum(x)").expr, VectorSelector)


def test_selectors():
    assert parse_selector("""{"a b", c!~'x', "d.e"=`f`}""") == (
        Matcher("__name__", MatchOp.EQUAL, "a b"),
        Matcher("c", MatchOp.NOT_REGEX, "x"),
        Matcher("d.e", MatchOp.EQUAL, "f"),
    )
    assert parse_selector("up") == (Matcher("__name__", MatchOp.EQUAL, "up"),)


def test_places():
    call = parse("sum(\n  rate(x[5m])\n)").expr
    assert isinstance(call, Call)
    assert tuple(call.span) == (7, 18)
    with pytest.raises(ParseError, match=r"^2:3: parse error: unknown function"):
        parse("sum(\n  rating(x[5m])\n)")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "1:1: parse error: no expression found in input"),
        ("sum(x", "1:6: parse error: unclosed left parenthesis"),
        ("x)", "1:2: parse error: unexpected right parenthesis ')'"),
        ('x{a="b"', "1:8: parse error: unexpected end of input inside braces"),
        ('x{a="b}', "1:5: parse error: unterminated quoted string"),
        ("x[5m", "1:5: parse error: unclosed left bracket"),
        ("x[5]m]", "1:6: parse error: unexpected right bracket"),
        ("x[0s]", "1:3: parse error: duration must be greater than 0"),
        ("5 bars", '1:3: parse error: unexpected identifier "bars"'),
        ("sum by x (y)", "1:8: parse error: unexpected identifier"),
        ("x offset", "1:9: parse error: unexpected end of input in offset"),
        ("x offset 5m offset 5m", "1:1: parse error: offset may not be set multiple times"),
        ("x @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"),
        ("sum(x) offset 5m", "1:1: parse error: offset modifier must be preceded by"),
        ("(x offset 5m)[5m]", "1:14: parse error: ranges only allowed for vector selectors"),
        ("rate(x)", "1:6: parse error: expected type range vector in call to function"),
        ("topk(x, y)", "1:6: parse error: expected type scalar in aggregation parameter"),
        ("sum(1)", "1:5: parse error: expected type instant vector in aggregation"),
        ("clamp(x, 1)", '1:1: parse error: expected 3 argument(s) in call to "clamp", got 2'),
        ("round(x, 1, 2)", "1:1: parse error: expected at most 2 argument(s)"),
        ("x + on(a) group_left(a) y", '1:2: parse error: label "a" must not occur in ON'),
        ("1 and x", '1:1: parse error: set operator "and" not allowed'),
        ("1 > 2", "1:2: parse error: comparisons between scalars must use BOOL modifier"),
        ("x + bool y", "1:2: parse error: bool modifier can only be used on comparison"),
        ("x and on(a) group_left y", '1:1: parse error: no grouping allowed for "and"'),
        ("{}", "1:1: parse error: vector selector must contain at least one non-empty"),
        ('x{__name__="y"}', "1:1: parse error: metric name must not be set twice"),
        ('x{a=~"("}', "1:3: parse error: error parsing regexp"),
        ("x[1h:5m] smoothed", "1:1: parse error: smoothed modifier is not supported"),
        ("1 / x[5m]", "1:5: parse error: binary expression must contain only"),
        ("sum(x,)", "1:6: parse error: trailing commas not allowed"),
        ("foo ! bar", "1:5: parse error: unexpected character after '!'"),
        ("a + ^ b", "1:5: parse error: unexpected <op:^>"),
        ("(" * 300 + "1" + ")" * 300, "nested this deep"),
        ("1" * 400, "bad number"),
        ("+".join(["x"] * 300), "too many operators in a row"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(query, message):
    with pytest.raises(ParseError) as error:
        parse(query)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "query",
    [
        'sum by (host, "a.b") (rate(x_total{a="b",c!~"d.*"}[5m] @ 12.500 offset -1h30m))',
        "a + on (b) group_left (c) d",
        "a / ignoring () group_right () b",
        "a > bool 3",
        "a + fill (3) b",
        "a + on () fill_left (1) fill_right (-2) b",
        "x[1h:5m] @ start() offset 2w",
        "x[step() * 2] anchored",
        "x[(5m + 1m) / 2]",
        "x offset min_of(step(), 5m)",
        "x smoothed",
        "topk without (a) (3, x)",
        '{"system.cpu.user",host="x"}',
        "-(a ^ 2)",
        '"quoted \\"text\\""',
        "time()",
    ],
)
def test_what_was_read_is_written_as_it_was(query):
    assert render(parse(query)) == query
    assert render(parse(render(parse(query)))) == query


def test_a_hundred_operators_and_parentheses_are_fine():
    assert parse("+".join(["x"] * 200))
    assert parse("abs(" * 90 + "x" + ")" * 90)


def test_long_expressions_are_broken_into_lines():
    query = (
        'sum by (host) (rate(http_requests_total{job="api",code=~"5.."}[5m])) '
        '/ sum by (host) (rate(http_requests_total{job="api"}[5m])) > 0.01'
    )
    text = pretty(parse(query))
    assert "\n" in text
    assert max(map(len, text.splitlines())) <= 100
    assert render(parse(text)) == render(parse(query))


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    with suppress(ParseError):
        assert render(parse(text))


WORDS = [
    "x",
    "sum(",
    "rate(",
    "by",
    "on",
    "bool",
    "offset",
    "@",
    "[",
    "]",
    "[5m]",
    "[5m:]",
    "(",
    ")",
    "{",
    "}",
    ",",
    "+",
    "-",
    "*",
    "^",
    "and",
    "or",
    "==",
    ">",
    "5m",
    "3",
    "0x1f",
    "'a'",
    "{a='b'}",
    "start()",
    "end()",
    "without",
    "group_left",
    "fill(",
    "time()",
    "anchored",
    "topk(",
    "\n",
    "#",
]


@given(st.lists(st.sampled_from(WORDS), max_size=12))
def test_any_words_are_read_or_refused_and_reading_is_stable(words):
    try:
        expr = parse(" ".join(words))
    except ParseError:
        return
    assert render(parse(render(expr))) == render(expr)
