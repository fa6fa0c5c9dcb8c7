"""What each path of Datadog's API takes, and what its clients expect as answer.

Paths are without a prefix: the agent answers them at the root, the server below `/datadog`. The client
of version 1 takes any answer with a key `errors` for a failure; the one of version 2 expects the key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gnomon.codecs.datadog.events import decode_check_runs, decode_event
from gnomon.codecs.datadog.intake import decode_intake
from gnomon.codecs.datadog.payload import Facts, Payload
from gnomon.codecs.datadog.series import decode_v1, decode_v2

ACCEPTED = 202
"""The status of a body that was taken; any 2xx would do for the clients."""

VALIDATE = "/api/v1/validate"
"""GET: whether the key is a good one."""


class Call(NamedTuple):
    """One kind of body."""

    paths: Sequence[str]
    """All spellings of its path; each is also answered with a slash at its end."""
    decode: Callable[[bytes, Facts], Payload]
    answer: Callable[[Payload], dict[str, Any]]
    """What is answered to a body that was taken."""


def error(message: str) -> dict[str, Any]:
    """The answer to a body that was not taken."""
    return {"errors": [message]}


def _ok(payload: Payload) -> dict[str, Any]:
    del payload
    return {"status": "ok"}


def _no_errors(payload: Payload) -> dict[str, Any]:
    del payload
    return {"errors": []}


def _event(payload: Payload) -> dict[str, Any]:
    """An event has no number here; clients print the rest."""
    event = payload.events[0]
    said = {
        "title": event.title,
        "text": event.text,
        "date_happened": event.timestamp // 1000,
        "tags": [f"{name}:{value}" for name, value in event.labels],
    }
    return {"status": "ok", "event": said}


CALLS: Sequence[Call] = (
    Call(("/intake", "/intake/metric", "/intake/metrics", "/intake/metadata"), decode_intake, _ok),
    Call(("/api/v1/series",), decode_v1, _ok),
    Call(("/api/v2/series",), decode_v2, _no_errors),
    Call(("/api/v1/check_run",), decode_check_runs, _ok),
    Call(("/api/v1/events",), decode_event, _event),
)
