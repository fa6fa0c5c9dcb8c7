"""Names and label sets as text."""

from __future__ import annotations

import re

from gnomon.server.query.promql.text import quote
from gnomon.server.query.promql.value import Identity, full_labels

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def render_label(name: str) -> str:
    """A label name, quoted if it is not a classic one."""
    return name if _LABEL.fullmatch(name) else quote(name)


def is_classic_metric(name: str) -> bool:
    """Whether a metric name may stand outside braces."""
    return _METRIC.fullmatch(name) is not None


def render_labels(identity: Identity) -> str:
    """A label set as messages show it: `{__name__="up", job="api"}`."""
    pairs = full_labels(*identity)
    return "{" + ", ".join(f"{render_label(key)}={quote(value)}" for key, value in pairs) + "}"
