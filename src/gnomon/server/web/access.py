"""Who may speak to the server: API keys, and no other site's pages.

With keys set, every request needs one but the health pages. A program sends it as `Authorization:
Bearer KEY`, `X-API-Key`, `DD-API-KEY` or `?api_key=`; a browser asks its user, who gives the key as
the password of any name (basic auth). Whether keys are set or not, a request that changes something
is refused when a browser says that a page of another site made it.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import Literal

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gnomon.core.settings import Secret
from gnomon.core.telemetry import Telemetry, counter
from gnomon.server.ingest.answer import as_json, failure

DENIED = counter("gnomon.http.denied", "Requests refused, by reason.")

OPEN_PATHS = frozenset({"/-/healthy", "/-/ready"})
READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Access:
    """ASGI middleware; see the module's docstring."""

    def __init__(self, app: ASGIApp, keys: Sequence[Secret], telemetry: Telemetry) -> None:
        """No keys: everybody who reaches the port may do everything."""
        self._app = app
        self._keys = [_digest(key.reveal()) for key in keys]
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the lifespan."""
        if scope["type"] == "http":
            refusal = self._refusal(scope)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if scope["method"] not in READING and headers.get("sec-fetch-site") == "cross-site":
            return self._deny(
                scope, "cross_site", 403, "a page of another site may not change anything"
            )
        if not self._keys or scope["path"] in OPEN_PATHS:
            return None
        verdict = self._verdict(scope, headers)
        if verdict == "right":
            return None
        if verdict == "none":
            return self._deny(
                scope, "no_key", 401, "an API key is needed: Authorization: Bearer KEY"
            )
        if headers.get("authorization", "").lower().startswith("basic"):
            return self._deny(scope, "wrong_key", 401, "the password is not one of the API keys")
        return self._deny(scope, "wrong_key", 403, "the API key is not one of those that are set")

    def _verdict(self, scope: Scope, headers: Headers) -> Literal["right", "wrong", "none"]:
        verdict: Literal["right", "wrong", "none"] = "none"
        for offered in _offered(scope, headers):
            digest = _digest(offered)
            # All are compared, and each in constant time, so that time tells nothing of them.
            if any([hmac.compare_digest(digest, key) for key in self._keys]):  # noqa: C419
                return "right"
            verdict = "wrong"
        return verdict

    def _deny(self, scope: Scope, reason: str, status: int, message: str) -> Response:
        self._telemetry.value(DENIED, reason=reason).add()
        if scope["path"].startswith("/datadog/"):
            # Datadog's client takes an answer without this key for a success, whatever its status.
            return as_json({"errors": [message]}, status)
        kind = "unauthorized" if status == 401 else "forbidden"
        ask = {"WWW-Authenticate": 'Basic realm="Gnomon", charset="UTF-8"'} if status == 401 else {}
        return failure(status, kind, message, ask)


def _digest(key: str) -> bytes:
    """Of one length for all keys, as comparing in constant time needs it."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _offered(scope: Scope, headers: Headers) -> Iterator[str]:
    """Everything in the request that may be a key."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() in ("bearer", "token", "apikey"):
        yield value.strip()
    elif scheme.lower() == "basic":
        yield _password(value)
    for name in ("x-api-key", "dd-api-key"):
        if name in headers:
            yield headers[name]
    if b"api_key=" in scope["query_string"]:
        yield from QueryParams(scope["query_string"]).getlist("api_key")


def _password(encoded: str) -> str:
    try:
        return b64decode(encoded, validate=True).decode("utf-8").partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
