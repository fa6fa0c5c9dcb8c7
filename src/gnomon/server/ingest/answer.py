"""How an error is answered over HTTP: status, JSON in Prometheus' form, `Retry-After`."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from gnomon.core.errors import (
    DecodeError,
    Full,
    GnomonError,
    LimitExceeded,
    Permanent,
    Retryable,
    SettingsError,
)


class QueueFull(Full):
    """More comes than the store takes: slow down (429). Any other `Full` is a 503."""


class Answer(GnomonError):
    """An error whose answer is its own matter: `raise Answer(409, "unknown_dictionary", ...)`."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


_KINDS: tuple[tuple[type[GnomonError], int, str], ...] = (
    (QueueFull, 429, "too_many_requests"),
    (Retryable, 503, "unavailable"),
    (LimitExceeded, 413, "too_large"),
    (DecodeError, 400, "bad_data"),
    (SettingsError, 400, "bad_data"),
    (Permanent, 400, "bad_data"),
)
_HTTP = {401: "unauthorized", 403: "forbidden", 404: "not_found", 408: "timeout"}


def error_answer(error: GnomonError | HTTPException) -> Response:
    """`{"status":"error","errorType":...,"error":...}` with the status code that fits."""
    if isinstance(error, HTTPException):
        kind = _HTTP.get(error.status_code, "bad_data" if error.status_code < 500 else "internal")
        return failure(error.status_code, kind, error.detail, dict(error.headers or {}))
    if isinstance(error, Answer):
        return failure(error.status, error.kind, str(error))
    for of, status, kind in _KINDS:
        if isinstance(error, of):
            return failure(status, kind, str(error), _retry_after(error))
    return failure(500, "internal", str(error))


def failure(
    status: int, kind: str, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """An error in JSON."""
    message = message.encode("utf-8", "replace").decode()
    return as_json({"status": "error", "errorType": kind, "error": message}, status, headers)


def success(data: object) -> Response:
    """`{"status":"success","data":...}`, as Prometheus' clients expect it."""
    return as_json({"status": "success", "data": data})


def as_json(data: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Anything as JSON; NaN and infinities become null."""
    return Response(msgspec.json.encode(data), status, headers, "application/json")


def _retry_after(error: GnomonError) -> dict[str, str]:
    if not isinstance(error, Retryable):
        return {}
    return {"Retry-After": str(max(1, math.ceil(error.retry_after or 1)))}
