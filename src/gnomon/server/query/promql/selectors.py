"""Series selectors: `name{label="value", "utf-8 name", ...}`."""

from __future__ import annotations

from gnomon.core.model import NAME_LABEL
from gnomon.server.query.promql.errors import ParseError
from gnomon.server.query.promql.lexer import Token
from gnomon.server.query.promql.regex import RegexError, python_regex
from gnomon.server.query.promql.stream import RESERVED, Stream
from gnomon.server.query.promql.syntax import Span, VectorSelector
from gnomon.server.store.interface import Matcher, MatchOp


def parse_vector_selector(stream: Stream) -> VectorSelector:
    """A name, matchers in braces, or both."""
    start, name = stream.peek().start, ""
    if stream.peek().kind == "word":
        token = stream.peek()
        if token.text.lower() in RESERVED:
            stream.fail("")
        name = stream.next().text
    elif stream.peek().kind != "{":
        stream.fail("")
    matchers = parse_matchers(stream) if stream.peek().kind == "{" else []
    if name:
        matchers.append(Matcher(NAME_LABEL, MatchOp.EQUAL, name))
    return VectorSelector(name=name, matchers=tuple(matchers), span=Span(start, stream.last_end))


def parse_matchers(stream: Stream) -> list[Matcher]:
    """What stands in braces."""
    stream.next()
    matchers: list[Matcher] = []
    while stream.peek().kind != "}":
        matchers.append(_matcher(stream))
        if not stream.take(",") and stream.peek().kind != "}":
            stream.fail("label matching", '"," or "}"')
    stream.next()
    return matchers


def _matcher(stream: Stream) -> Matcher:
    token = stream.peek()
    if token.kind not in ("word", "string"):
        stream.fail("label matching", 'identifier or "}"')
    stream.next()
    label = stream.unquoted(token) if token.kind == "string" else token.text
    op = stream.peek().kind
    if op not in ("=", "!=", "=~", "!~"):
        if token.kind == "string":
            return Matcher(NAME_LABEL, MatchOp.EQUAL, label)
        stream.fail("label matching", "label matching operator")
    stream.next()
    value = stream.peek()
    if value.kind != "string":
        stream.fail("label matching", "string")
    stream.next()
    return _checked(Matcher(label, MatchOp(op), stream.unquoted(value)), token, value, stream)


def _checked(matcher: Matcher, first: Token, last: Token, stream: Stream) -> Matcher:
    if matcher.op in (MatchOp.REGEX, MatchOp.NOT_REGEX):
        try:
            return matcher._replace(value=python_regex(matcher.value))
        except RegexError as error:
            span = Span(first.start, last.span.end)
            raise ParseError(str(error), span, stream.query) from None
    return matcher
