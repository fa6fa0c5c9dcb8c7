"""The tokens of one query, read from left to right."""

from __future__ import annotations

from typing import NoReturn

from gnomon.server.query.promql.errors import ParseError
from gnomon.server.query.promql.lexer import Token
from gnomon.server.query.promql.syntax import NumberLiteral
from gnomon.server.query.promql.text import parse_duration, parse_number, quote, unquote

RESERVED = frozenset(("bool", "on", "ignoring", "group_left", "group_right", "inf", "nan"))
"""Words that cannot be a metric name."""


class Stream:
    """Looks ahead, takes, or fails with the place and what was expected."""

    def __init__(self, query: str, tokens: list[Token]) -> None:
        self.query = query
        self.tokens = tokens
        self.index = 0

    def peek(self, ahead: int = 0) -> Token:
        """A token not taken yet; the last one is `end`, however far one looks."""
        return self.tokens[min(self.index + ahead, len(self.tokens) - 1)]

    def next(self) -> Token:
        """Takes the next token."""
        token = self.peek()
        self.index += 1
        return token

    @property
    def last_end(self) -> int:
        """Where the token taken last ends."""
        return self.tokens[self.index - 1].span.end

    def take(self, kind: str) -> Token | None:
        """Takes the next token if it is of this kind."""
        return self.next() if self.peek().kind == kind else None

    def take_word(self, *words: str) -> str:
        """Takes the next token if it is one of these keywords; the keyword, else ""."""
        token = self.peek()
        if token.kind == "word" and token.text.lower() in words:
            return self.next().text.lower()
        return ""

    def expect(self, kind: str, context: str, expected: str) -> Token:
        """Takes the next token, which must be of this kind."""
        if self.peek().kind != kind:
            self.fail(context, expected)
        return self.next()

    def fail(self, context: str, expected: str = "") -> NoReturn:
        """`unexpected X in CONTEXT, expected EXPECTED`."""
        token = self.peek()
        where = f" in {context}" if context else ""
        wanted = f", expected {expected}" if expected else ""
        raise ParseError(f"unexpected {token.describe()}{where}{wanted}", token.span, self.query)

    def number(self) -> NumberLiteral:
        """Takes a number or duration."""
        token = self.next()
        try:
            if token.kind == "duration":
                seconds = parse_duration(token.text) / 1000
                return NumberLiteral(value=seconds, duration=True, span=token.span)
            return NumberLiteral(value=parse_number(token.text), span=token.span)
        except ValueError as error:
            what = str(error) if token.kind == "duration" else f"bad number: {quote(token.text)}"
            raise ParseError(what, token.span, self.query) from None

    def unquoted(self, token: Token) -> str:
        """The text of a string token."""
        try:
            return unquote(token.text)
        except ValueError as error:
            raise ParseError(f"{error}", token.span, self.query) from None
