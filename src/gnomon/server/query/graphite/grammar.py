r"""The target grammar: `alias(scale(servers.*.load, 2) | movingAverage('5min'), "load")`.

    expression = (template | call | path) *("|" call)
    template   = "template(" expression *("," literal | "," name "=" literal) ")"
    call       = name "(" [argument *("," argument)] ")"
    argument   = [name "="] (literal | expression)
    literal    = number | string | true | false | none | inf
    path       = element *("." element)

A path takes every printable character but `(){},.'"\|`; those are written after a backslash, and
`{a,b}` stands for either. Strings keep their backslashes, so that regular expressions need no
doubling. A call that follows `|` gets what stands before it as its first argument.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gnomon.core.errors import GnomonError

Scalar = str | int | float | bool | None


class TargetError(GnomonError):
    """A target that cannot be answered: what is wrong, and where."""


class SyntaxProblem(TargetError):
    """A target that is not of the grammar."""

    def __init__(self, message: str, target: str, position: int) -> None:
        shown = target if len(target) <= 200 else target[:200] + "..."
        super().__init__(f"{message} at position {position + 1} of {shown!r}")
        self.position = position


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a string, a truth value or None."""

    value: Scalar


@dataclass(frozen=True, slots=True)
class Path:
    """A metric path, globs included."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    name: str
    arguments: tuple[Expression, ...]
    keywords: Mapping[str, Expression]
    raw: str
    """As it was written."""


@dataclass(frozen=True, slots=True)
class Template:
    """An expression with `$name` and `$1` to be filled in."""

    expression: Expression
    values: Mapping[str, Scalar]


Expression = Literal | Path | Call | Template

_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_END_OF_WORD = r"(?=\s*(?:[,)|]|$))"
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE]-?\d+)?" + _END_OF_WORD)
_WORD = re.compile(r"(true|false|none|inf)" + _END_OF_WORD, re.IGNORECASE)
_STRING = re.compile(r""""(?:[^"\n\r\\]|""|\\.)*"|'(?:[^'\n\r\\]|''|\\.)*'""", re.DOTALL)
_PATH_TEXT = re.compile(r"""[^\s(){},.'"\\|]+""")
_ESCAPED = re.compile(r"""\\([(){},.'"\\|=])""")
_HARMLESS_REST = re.compile(r"[\s),;]*")
_WORDS: dict[str, Scalar] = {"true": True, "false": False, "none": None, "inf": float("inf")}
_DEEPEST = 100


def parse(target: str) -> Expression:
    """The tree of a target; raises `SyntaxProblem`.

    Superfluous closing brackets at the end are let pass, as graphite-web does: saved dashboards
    have them.
    """
    parser = _Parser(target)
    expression = parser.expression()
    parser.finish()
    return expression


def parse_prefix(text: str) -> Expression:
    """The expression `text` begins with, whatever follows: names of series are read so."""
    return _Parser(text).expression()


class _Parser:
    """Recursive descent over one target."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.at = 0
        self.depth = 0

    def expression(self) -> Expression:
        """An expression with the calls it is piped through."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.problem("more than 100 calls inside each other")
        found = self.head()
        while self.take("|"):
            self.space()
            start = self.at
            name = self.match(_NAME)
            if name is None:
                raise self.problem("expected a function after '|'")
            found = self.call(name, start, (found,))
        self.depth -= 1
        return found

    def head(self) -> Expression:
        """What a pipe begins with."""
        self.space()
        start = self.at
        name = self.match(_NAME)
        if name is not None and self.take("("):
            self.at = start + len(name)
            return self.template() if name == "template" else self.call(name, start)
        self.at = start
        return Path(self.path())

    def call(self, name: str, start: int, arguments: tuple[Expression, ...] = ()) -> Call:
        """From the opening bracket of a call."""
        given = list(arguments)
        keywords: dict[str, Expression] = {}
        self.need("(")
        if not self.take(")"):
            while True:
                keyword = self.keyword()
                value = self.argument()
                if keyword is not None:
                    keywords[keyword] = value
                elif keywords:
                    raise self.problem("a positional argument cannot follow a named one")
                else:
                    given.append(value)
                if not self.take(","):
                    break
            self.need(")")
        return Call(name, tuple(given), keywords, self.target[start : self.at])

    def template(self) -> Template:
        """From the opening bracket of a template."""
        self.need("(")
        expression = self.expression()
        values: dict[str, Scalar] = {}
        while self.take(","):
            keyword = self.keyword()
            literal = self.literal()
            if literal is None:
                raise self.problem("template() takes numbers and strings only")
            values[keyword or str(len(values) + 1)] = literal.value
        self.need(")")
        return Template(expression, values)

    def keyword(self) -> str | None:
        """The name before `=`, if one stands here."""
        self.space()
        start = self.at
        name = self.match(_NAME)
        if name is not None and self.take("="):
            return name
        self.at = start
        return None

    def argument(self) -> Expression:
        """A literal or an expression."""
        return self.literal() or self.expression()

    def literal(self) -> Literal | None:
        """A number, string or word, if one stands here."""
        self.space()
        number = self.match(_NUMBER)
        if number is not None:
            return Literal(int(number) if number.lstrip("-").isdigit() else float(number))
        word = self.match(_WORD)
        if word is not None:
            return Literal(_WORDS[word.lower()])
        if self.target[self.at : self.at + 1] in ("'", '"') and self.at < len(self.target):
            text = self.match(_STRING)
            if text is None:
                raise self.problem("a string that does not end")
            return Literal(text[1:-1])
        return None

    def path(self) -> str:
        """A path from here on, escapes undone."""
        start, depth, parts = self.at, 0, list[str]()
        while self.at < len(self.target):
            text = self.match(_PATH_TEXT)
            if text is not None:
                parts.append(text)
                continue
            escaped = _ESCAPED.match(self.target, self.at)
            if escaped is not None:
                parts.append(escaped[1])
                self.at = escaped.end()
                continue
            char = self.target[self.at]
            depth += {"{": 1, "}": -1}.get(char, 0)
            if depth < 0 or not (char in "{}." or (char == "," and depth)):
                break
            parts.append(char)
            self.at += 1
        if depth > 0:
            raise self.problem("a '{' that is not closed")
        if not parts:
            self.at = start
            raise self.problem("expected a metric path or a function")
        return "".join(parts)

    def finish(self) -> None:
        """Nothing of meaning may follow."""
        self.match(_HARMLESS_REST)
        if self.at < len(self.target):
            raise self.problem("not understood")

    def space(self) -> None:
        """Skips white space."""
        self.match(_SPACE)

    def match(self, pattern: re.Pattern[str]) -> str | None:
        """The text of the pattern here, which is then behind us."""
        found = pattern.match(self.target, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def take(self, char: str) -> bool:
        """Whether this character is next; if so it is behind us."""
        self.space()
        if not self.target.startswith(char, self.at):
            return False
        self.at += 1
        return True

    def need(self, char: str) -> None:
        """This character must be next."""
        if not self.take(char):
            raise self.problem(f"expected {char!r}")

    def problem(self, message: str) -> SyntaxProblem:
        """An error at this place."""
        return SyntaxProblem(message, self.target, self.at)
