"""What can go wrong with a query, named as Prometheus' HTTP API names it (`errorType`).

::

    QueryError           (Permanent)
    ├── ParseError       bad_data    the expression cannot be read; carries the place
    ├── EvaluationError  execution   it can be read, but not answered over this data
    │   └── TooMuch      execution   (LimitExceeded) it would touch too much; says what to change
    │       └── TooFine  bad_data    more steps than allowed
    ├── TimedOut         timeout
    └── Canceled         canceled    the asker went away
"""

from __future__ import annotations

from typing import ClassVar

from gnomon.core.errors import LimitExceeded, Permanent
from gnomon.server.query.promql.syntax import Span


class QueryError(Permanent):
    """The root; `error_type` is the word of the HTTP API."""

    error_type: ClassVar[str] = "execution"


class ParseError(QueryError):
    """The expression cannot be read. Shown as `line:column: parse error: what`."""

    error_type = "bad_data"

    def __init__(self, what: str, span: Span, query: str) -> None:
        super().__init__(f"{position(query, span.start)}: parse error: {what}")
        self.what = what
        self.span = span


class EvaluationError(QueryError):
    """The expression makes no sense over this data."""


class TooMuch(EvaluationError, LimitExceeded):
    """Over a limit of one query; the message says which and what to change."""


class TooFine(TooMuch):
    """More steps than a query may have."""

    error_type = "bad_data"


class TimedOut(QueryError):
    """The deadline came first."""

    error_type = "timeout"


class Canceled(QueryError):
    """Nobody waits for the answer any more."""

    error_type = "canceled"


def position(query: str, offset: int) -> str:
    """`line:column` of a place in a query, both from 1."""
    before = query[:offset]
    line = before.count("\n") + 1
    return f"{line}:{offset - (before.rfind(chr(10)) + 1) + 1}"
