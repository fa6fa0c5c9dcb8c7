"""Speaks to the server's HTTP API on behalf of a verb."""

from __future__ import annotations

import argparse
import os
from typing import Any
from urllib.parse import urlencode

import msgspec

from gnomon.cli.places import server_url
from gnomon.core.errors import DecodeError, Permanent, Retryable
from gnomon.transport.http_client import HttpClient, safe_url


class _Refusal(msgspec.Struct):
    """What the server's JSON errors have in common."""

    error: str


def get(args: argparse.Namespace, path: str, query: dict[str, Any] | None = None) -> bytes:
    """The body of a 200 answer; raises `Retryable` (not reached) or `Permanent` (refused)."""
    url = server_url(args) + path
    if query:
        url += "?" + urlencode(query, doseq=True)
    headers = {"Accept": "application/json"}
    key = os.environ.get("GNOMON_API_KEY")
    if key:
        headers["Authorization"] = f"Bearer {key}"
    answer = HttpClient(timeout=30.0, largest_answer=256 << 20).request("GET", url, b"", headers)
    if answer.status == 200:
        return answer.body
    if answer.status in (401, 403):
        raise Permanent(f"{safe_url(url)} wants an API key: set GNOMON_API_KEY")
    if answer.status >= 500:
        raise Retryable(f"{safe_url(url)} answered {answer.status}: {_reason(answer.body)}")
    raise Permanent(_reason(answer.body))


def get_json(args: argparse.Namespace, path: str, query: dict[str, Any] | None = None) -> Any:
    """As `get`, decoded."""
    try:
        return msgspec.json.decode(get(args, path, query))
    except msgspec.DecodeError as error:
        raise DecodeError(f"{server_url(args)}{path} did not answer JSON: {error}") from None


def _reason(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Refusal).error
    except msgspec.DecodeError:
        return body[:300].decode("utf-8", "replace").strip()
