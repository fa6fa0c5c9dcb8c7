"""Cuts a PromQL text into tokens.

Three places have their own words: inside braces every word is a label, inside brackets a colon
parts range and step, elsewhere a colon may be part of a metric name.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gnomon.server.query.promql.errors import ParseError
from gnomon.server.query.promql.syntax import AGGREGATIONS, Span
from gnomon.server.query.promql.text import quote


class Token(NamedTuple):
    """`kind` is `number`, `duration`, `word`, `string`, `end`, or the operator itself."""

    kind: str
    text: str
    start: int

    @property
    def span(self) -> Span:
        """Its place."""
        return Span(self.start, self.start + len(self.text))

    def describe(self) -> str:
        """For messages, as Prometheus writes it: `identifier "foo"`, `<op:+>`, `<by>`."""
        if self.kind == "end":
            return "end of input"
        word = self.text.lower()
        if self.kind == "word" and word in _KEYWORDS:
            return f"<{_KEYWORDS[word]}{word}>"
        if self.kind in _OPERATOR_TOKENS:
            return f"<op:{self.text}>"
        named = {"word": "identifier ", "string": "string ", "number": "number "}
        named["duration"] = "duration "
        return named.get(self.kind, "") + quote(self.text)


_OPERATOR_TOKENS = frozenset(
    ["+", "-", "*", "/", "%", "^", "==", "!=", "<", ">", "<=", ">=", "</", ">/", "=~", "!~", "@"]
)
_KEYWORDS = {
    **dict.fromkeys(("and", "or", "unless", "atan2"), "op:"),
    **dict.fromkeys(AGGREGATIONS, "aggr:"),
    **dict.fromkeys(
        [
            "offset",
            "smoothed",
            "anchored",
            "by",
            "without",
            "on",
            "ignoring",
            "group_left",
            "group_right",
            "fill",
            "fill_left",
            "fill_right",
            "bool",
            "start",
            "end",
            "step",
            "range",
            "max_of",
            "min_of",
        ],
        "",
    ),
}
_SPACE = r"(?P<space>(?:[ \t\n\r]+|\#[^\n]*)+)"
_STRING = r"""(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`[^`]*`)"""
_DURATION = r"(?P<duration>(?:[0-9]+(?:ms|[smhdwy]))+(?![A-Za-z0-9_]))"
_NUMBER = (
    r"(?P<number>(?:0[xX]_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*"
    r"|(?:[0-9]+(?:_[0-9]+)*(?:\.[0-9]*(?:_[0-9]+)*)?|\.[0-9]+(?:_[0-9]+)*)"
    r"(?:[eE][+-]?[0-9]+(?:_[0-9]+)*)?)(?![A-Za-z0-9_.]))"
)
_OPERATORS = r"(?P<op>==|!=|<=|>=|</|>/|=(?!~)|[-+*/%^<>,()\[\]{@])"

_OUTSIDE = re.compile(
    f"{_SPACE}|{_DURATION}|{_NUMBER}|(?P<word>[A-Za-z_:][A-Za-z0-9_:]*)|{_STRING}|{_OPERATORS}"
)
_BRACKETS = re.compile(
    f"{_SPACE}|{_DURATION}|{_NUMBER}|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|{_STRING}|(?P<colon>:)"
    "|" + _OPERATORS
)
_BRACES = re.compile(
    f"{_SPACE}|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|{_STRING}|(?P<op>=~|!~|!=|=|,|\\}})"
)
_BAD_NUMBER = re.compile(r"[0-9.][\w.]*")
_UNTERMINATED = {
    '"': "unterminated quoted string",
    "'": "unterminated quoted string",
    "`": "unterminated raw string",
}


def tokenize(query: str) -> list[Token]:
    """All tokens, comments and space left out, closed by an `end` token."""
    tokens: list[Token] = []
    position, parens, braces, brackets = 0, 0, False, False
    while position < len(query):
        pattern = _BRACES if braces else _BRACKETS if brackets else _OUTSIDE
        match = pattern.match(query, position)
        if match is None:
            raise _unexpected(query, position, braces=braces, brackets=brackets)
        kind, text = str(match.lastgroup), match.group()
        if kind != "space":
            kind = text if kind in ("op", "colon") else kind
            tokens.append(Token(kind, text, position))
            braces = kind == "{" or (braces and kind != "}")
            parens = _depth(parens, kind, position, query)
            brackets = _bracket(kind, position, query, inside=brackets)
        position = match.end()
    end = Span(len(query), len(query))
    if braces:
        raise ParseError("unexpected end of input inside braces", end, query)
    if parens:
        raise ParseError("unclosed left parenthesis", end, query)
    if brackets:
        raise ParseError("unclosed left bracket", end, query)
    tokens.append(Token("end", "", len(query)))
    return tokens


def _depth(parens: int, kind: str, position: int, query: str) -> int:
    parens += (kind == "(") - (kind == ")")
    if parens < 0:
        raise ParseError("unexpected right parenthesis ')'", Span(position, position + 1), query)
    return parens


def _bracket(kind: str, position: int, query: str, *, inside: bool) -> bool:
    if (kind == "[" and inside) or (kind == "]" and not inside):
        side = "left" if inside else "right"
        raise ParseError(f"unexpected {side} bracket {kind!r}", Span(position, position + 1), query)
    return kind == "[" or (inside and kind != "]")


def _unexpected(query: str, position: int, *, braces: bool, brackets: bool) -> ParseError:
    char, after = query[position], query[position + 1 : position + 2]
    number = _BAD_NUMBER.match(query, position)
    if char in _UNTERMINATED:
        what = _UNTERMINATED[char]
    elif braces:
        what = f"unexpected character inside braces: {char!r}"
    elif number:
        what = f'bad number or duration syntax: "{number.group()}"'
    elif char in "=!":
        what = f"unexpected character after {char!r}: {repr(after) if after else 'end of input'}"
    else:
        what = f"unexpected character: {char!r}" + (", expected ':'" if brackets else "")
    return ParseError(what, Span(position, len(query)), query)
