"""Parameters of a request, from the query and from a form alike, and answers as clients want them.

graphite-web takes everything either way; Grafana sends forms.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, tzinfo
from functools import wraps
from typing import Any, cast
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from starlette.datastructures import MultiDict
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gnomon.core.errors import LimitExceeded, Retryable
from gnomon.server.query.graphite.attime import parse_time
from gnomon.server.query.graphite.grammar import TargetError

LARGEST_FORM = 4 << 20
"""Bytes of a form."""

Parameters = MultiDict
Handler = Callable[[Request], Awaitable[Response]]


class BadRequest(Exception):
    """A parameter that cannot be used; the text is the answer."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def answering(handler: Handler) -> Handler:
    """Errors become a line of text with their status."""

    @wraps(handler)
    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except BadRequest as error:
            return PlainTextResponse(str(error), error.status)
        except (TargetError, LimitExceeded) as error:
            return PlainTextResponse(f"Invalid parameters ({error})", 400)
        except Retryable as error:
            return PlainTextResponse(str(error), 503, {"Retry-After": "1"})

    return answered


async def parameters(request: Request) -> Parameters:
    """All parameters, those of the form after those of the query."""
    pairs = list(request.query_params.multi_items())
    if request.method == "POST":
        text = (await body(request)).decode("utf-8", "replace")
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        if kind == "application/json":
            pairs += _json_pairs(text)
        elif kind in ("", "application/x-www-form-urlencoded"):
            pairs += parse_qsl(text, keep_blank_values=True)
        else:
            raise BadRequest(f"cannot read a form of type {kind!r}; send it urlencoded", 415)
    return MultiDict(pairs)


async def body(request: Request) -> bytes:
    """The body, if it is not too large."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > LARGEST_FORM:
            raise BadRequest(f"a body of more than {LARGEST_FORM} bytes", 413)
        chunks.append(chunk)
    return b"".join(chunks)


def _json_pairs(text: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in json_object(text).items():
        items = cast(list[Any], value) if isinstance(value, list) else [value]
        pairs += [(name, str(item)) for item in items]
    return pairs


def json_object(text: str | bytes) -> dict[str, Any]:
    """A body that must be a JSON object."""
    try:
        return msgspec.json.decode(text or b"{}", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"the body is no JSON object: {error}") from None


def several(given: Parameters, name: str) -> list[str]:
    """All values of a parameter, written `name` or, as PHP and jQuery do, `name[]`."""
    return given.getlist(name) or given.getlist(f"{name}[]")


def number(given: Parameters, name: str, default: int | None = None) -> int | None:
    """A whole number."""
    text = given.get(name)
    if text is None or text == "":
        return default
    try:
        return int(text)
    except ValueError:
        raise BadRequest(f"invalid value {text!r} for {name}: expected a whole number") from None


def zone_of(given: Parameters) -> tzinfo:
    """The time zone of `tz`; UTC when there is none of that name."""
    try:
        return ZoneInfo(given.get("tz") or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def seconds(given: Parameters, name: str, default: int, zone: tzinfo, now: int) -> int:
    """A time in any of Graphite's forms."""
    text = given.get(name, "").strip()
    return parse_time(text, zone, now) if text else default


def as_json(given: Parameters, content: Any, status: int = 200) -> Response:
    """JSON, or JSONP when a callback is named."""
    indent = 2 if given.get("pretty") else None
    return wrapped(given, _finite(json.dumps(content, indent=indent)), status)


def wrapped(given: Parameters, text: str, status: int = 200) -> Response:
    """JSON text as it is, or as the argument of the callback that `jsonp` names."""
    callback = given.get("jsonp")
    if callback:
        if not callback.replace(".", "").replace("_", "").replace("$", "").isalnum():
            raise BadRequest(f"invalid name of a callback {callback[:50]!r}")
        return Response(f"{callback}({text})", status, media_type="text/javascript")
    return Response(text, status, media_type="application/json")


def _finite(text: str) -> str:
    """JSON knows no infinity; 1e9999 is read as one."""
    return text.replace(": Infinity", ": 1e9999")
