"""Remarks on an answer: warnings (it may be wrong) and infos (it may not be what was meant).

They are data that travels beside the result. The same remark made a thousand times is kept once.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from gnomon.server.query.promql.errors import position
from gnomon.server.query.promql.syntax import Span


class Severity(StrEnum):
    """Prometheus' two kinds."""

    WARNING = "warning"
    INFO = "info"


class Annotation(NamedTuple):
    """One remark and the part of the query it is about."""

    severity: Severity
    message: str
    span: Span
    detail: str = ""
    """What may differ each time (numbers, times); not part of what makes a remark the same."""

    def render(self, query: str) -> str:
        """`PromQL warning: what (line:column)`."""
        place = position(query, self.span.start)
        return f"PromQL {self.severity}: {self.message}{self.detail} ({place})"


class Annotations:
    """The remarks on one query, in the order they were first made."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Severity, str], Annotation] = {}

    def warn(self, message: str, span: Span, detail: str = "") -> None:
        """The answer may be wrong."""
        self.add(Annotation(Severity.WARNING, message, span, detail))

    def info(self, message: str, span: Span, detail: str = "") -> None:
        """The answer may not be what was meant."""
        self.add(Annotation(Severity.INFO, message, span, detail))

    def add(self, annotation: Annotation) -> None:
        """Keeps the first of its kind."""
        self._kept.setdefault((annotation.severity, annotation.message), annotation)

    def __iter__(self):  # noqa: ANN204
        return iter(self._kept.values())

    def rendered(self, severity: Severity, query: str) -> list[str]:
        """All of one kind, as Prometheus' API shows them."""
        return [note.render(query) for note in self if note.severity is severity]
