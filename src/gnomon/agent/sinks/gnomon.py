"""Sends batches to a Gnomon server: `POST /api/v1/batches`, the native wire.

Only 204, which nobody else answers by chance, acknowledges. Whatever may be mended by waiting or by
a person (no server, a wrong key, a proxy's page) is `Retryable`, so that it loses nothing. Batches
that the server itself refuses for good are found by halving, and only they are given up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from gnomon.codecs import native
from gnomon.core import settings
from gnomon.core.component import Context, Entry
from gnomon.core.errors import Permanent, Retryable, SettingsError
from gnomon.core.model import Mark
from gnomon.core.settings import Duration, Secret
from gnomon.core.telemetry import counter
from gnomon.transport.http_client import HttpClient, Response, Tls, parse_url, safe_url

BYTES = counter("gnomon.sink.bytes", "Bytes of bodies sent to a server.", "byte")
REFUSED = counter("gnomon.sink.refused", "Samples a server refused for good.", "sample")
DICTIONARIES = counter("gnomon.sink.dictionaries", "Series dictionaries begun anew.")

PATH = "/api/v1/batches"
KEY_HEADER = "X-API-Key"
DURABLE = 204
CONFLICT = 409
TOO_LARGE = 413
_MALFORMED = (400, TOO_LARGE)


class Settings(settings.Settings, frozen=True, kw_only=True):
    """A Gnomon server."""

    url: str = "http://127.0.0.1:8420"
    """Address of the server."""
    api_key: Secret | None = None
    """One of the server's `api_keys`, where it has any."""
    timeout: Duration = Duration(30)
    """How long to wait for an answer."""
    tls: Tls = Tls()
    """How the server's certificate is checked."""


class _Refusal(msgspec.Struct):
    """An error as our server words it; a proxy's has no `errorType`."""

    errorType: str  # noqa: N815  # the name in Prometheus' form
    error: str


class _Body(NamedTuple):
    marks: tuple[Mark, ...]
    data: bytes


class Gnomon:
    """A `Sink`."""

    Settings = Settings

    def __init__(self, settings: Settings, context: Context) -> None:
        """Opens nothing; raises `SettingsError` for a URL or certificate that cannot be used."""
        if parse_url(settings.url).username is not None:
            raise SettingsError("url: a URL is shown in many places; for a password use api_key")
        self._url = settings.url.rstrip("/") + PATH
        self._shown = safe_url(settings.url)
        self._headers = {"Content-Type": native.CONTENT_TYPE}
        if settings.api_key is not None:
            self._headers[KEY_HEADER] = settings.api_key.reveal()
        self._client = HttpClient(settings.timeout, settings.tls)
        self._encoder = native.Encoder()
        self._body: _Body | None = None
        self._context = context

    def send(self, entries: Sequence[Entry]) -> None:
        """See `Sink`. What is refused among others is counted and logged, and does not come again."""
        refusals = self._deliver(entries)
        if len(refusals) == len(entries) and refusals:
            raise Permanent(refusals[0])
        for refusal in refusals:
            self._context.log.error("%s", refusal)

    def close(self) -> None:
        """Lets go of connections."""
        self._client.close()

    def _deliver(self, entries: Sequence[Entry]) -> list[str]:
        """Delivers all but those that are refused for good; a line for each of these."""
        if not entries:
            return []
        answer = self._post(entries)
        if answer.status == CONFLICT:
            self._begin_anew()
            answer = self._post(entries)
        if answer.status == DURABLE:
            self._body = None
            return []
        refusal = _refusal(answer)
        if len(entries) > 1 and _may_halve(answer, refusal):
            middle = len(entries) // 2
            return self._deliver(entries[:middle]) + self._deliver(entries[middle:])
        if answer.status in _MALFORMED and refusal is not None:
            return [self._give_up(entries, refusal)]
        raise self._explained(answer, refusal)

    def _post(self, entries: Sequence[Entry]) -> Response:
        """One attempt. The same entries are the same bytes, as the encoder wants it."""
        marks = tuple(entry.mark for entry in entries)
        if self._body is None or self._body.marks != marks:
            self._body = _Body(marks, self._encoder.encode(entries))
        data = self._body.data
        self._context.telemetry.value(BYTES, server=self._shown).add(len(data))
        return self._client.request("POST", self._url, data, self._headers)

    def _begin_anew(self) -> None:
        """A new dictionary: the server was restarted, or has not heard of us for long."""
        self._context.telemetry.value(DICTIONARIES, server=self._shown).add()
        self._encoder.reset()
        self._body = None

    def _give_up(self, entries: Sequence[Entry], refusal: _Refusal) -> str:
        samples = sum(len(entry.batch) for entry in entries)
        labels = {"server": self._shown, "reason": refusal.errorType}
        self._context.telemetry.value(REFUSED, **labels).add(samples)
        self._body = None
        return f"{self._shown} refused {samples} samples: {refusal.error}"

    def _explained(self, answer: Response, refusal: _Refusal | None) -> Retryable:
        """Why it was not taken, in the words of a person."""
        status = answer.status
        said = f": {refusal.error}" if refusal else ""
        if status == 401 and KEY_HEADER not in self._headers:
            return Retryable(f"{self._shown} wants an API key: set api_key")
        if status in (401, 403):
            return Retryable(f"{self._shown} does not accept this api_key{said}")
        if status in (408, 409, 425, 429) or status >= 500:
            return Retryable(
                f"{self._shown} answered {status}{said}", retry_after=answer.retry_after
            )
        return Retryable(
            f"{self._shown} answered {status} where a Gnomon server answers {DURABLE}: "
            "is it one, and is there a proxy in between?"
        )


def _may_halve(answer: Response, refusal: _Refusal | None) -> bool:
    """Whether fewer batches may be taken; a proxy, too, may find a body too large."""
    return answer.status == TOO_LARGE or (answer.status in _MALFORMED and refusal is not None)


def _refusal(answer: Response) -> _Refusal | None:
    try:
        return msgspec.json.decode(answer.body, type=_Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


component = Gnomon
