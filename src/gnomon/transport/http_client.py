"""HTTP with keep-alive, deadlines and bounded answers, on top of urllib3.

Nothing is retried and no redirect is followed here: whoever calls decides what may be sent twice
and where. Every way in which no answer came is a `Retryable` with one line that names the URL
without its secrets.
"""

from __future__ import annotations

import errno
import socket
import ssl
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.client import BadStatusLine, RemoteDisconnected
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import urllib3
from urllib3 import exceptions

from gnomon.core.errors import Permanent, Retryable, SettingsError
from gnomon.core.settings import Settings


class Tls(Settings, frozen=True, kw_only=True):
    """How the other side's certificate is checked."""

    verify: bool = True
    """`false` accepts any certificate: for a trial only, since anyone can then read along."""
    ca: str = ""
    """A file with the certificates to trust in place of the system's."""
    cert: str = ""
    """A client certificate (PEM), where the server asks for one."""
    key: str = ""
    """Its private key, when it is in a file of its own."""


class Response(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """Names in any case."""
    body: bytes

    def text(self, most: int = 300) -> str:
        """The beginning of the body on one line, for an error message."""
        return " ".join(self.body[: most * 4].decode("utf-8", "replace").split())[:most]

    @property
    def retry_after(self) -> float | None:
        """Seconds asked for by `Retry-After`, if it is given in seconds; at most an hour."""
        value = self.headers.get("Retry-After", "").strip()
        return min(float(value), 3600.0) if value.isascii() and value.isdigit() else None


def parse_url(url: str) -> SplitResult:
    """An `http` or `https` URL in parts; raises `SettingsError` for anything else."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SettingsError(f"not a URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        shown = safe_url(url)
        raise SettingsError(f"{shown!r} is not a URL such as http://monitor.example:8420")
    return parts


def safe_url(url: str) -> str:
    """The URL without user, password and query: fit for logs and errors."""
    try:
        parts = urlsplit(url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    except ValueError:
        return "(a malformed URL)"


class HttpClient:
    """Connections that are kept open between requests. Safe from any thread."""

    def __init__(
        self, timeout: float, tls: Tls | None = None, *, largest_answer: int = 1 << 20
    ) -> None:
        """`timeout`: seconds for connecting, and for each wait for an answer.

        Opens nothing. Raises `SettingsError` when a certificate file cannot be used.
        """
        self._largest = largest_answer
        self._verify = tls is None or tls.verify
        self._pool = urllib3.PoolManager(
            num_pools=4,
            maxsize=4,
            timeout=urllib3.Timeout(connect=min(timeout, 10.0), read=timeout),
            retries=False,
            ssl_context=_tls_context(tls or Tls()),
        )

    def request(
        self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Response:
        """One request, one answer. A user and password in the URL are sent as basic auth.

        Raises `Retryable` when no complete answer came, `Permanent` when it was too large.
        """
        sent = dict(headers or {})
        parts = urlsplit(url)
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            sent |= urllib3.make_headers(basic_auth=login)
            url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        try:
            with _without_advice(self._verify):
                answer = self._pool.request(
                    method,
                    url,
                    body=body or None,
                    headers=sent,
                    redirect=False,
                    preload_content=False,
                )
            content = answer.read(self._largest + 1)
            if len(content) > self._largest:
                answer.close()
            answer.release_conn()
        except (exceptions.HTTPError, OSError) as error:
            raise Retryable(f"{safe_url(url)}: {reason(error)}") from None
        if len(content) > self._largest:
            raise Permanent(f"{safe_url(url)}: the answer is over {self._largest} bytes")
        return Response(answer.status, answer.headers, content)

    def close(self) -> None:
        """Closes the connections. May be called twice."""
        self._pool.clear()


def reason(error: BaseException) -> str:
    """Why no answer came, in the words of a person."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {found.verify_message}"
        if isinstance(found, ssl.SSLError):
            return f"TLS failed: {(found.reason or str(found)).lower().replace('_', ' ')}"
        for kind, text in _REASONS:
            # urllib3 counts "refused" among the time-outs; the reason is its cause.
            if isinstance(found, kind) and type(found) is not exceptions.NewConnectionError:
                return text
        if isinstance(found, OSError) and found.errno in _ERRNO:
            return _ERRNO[found.errno]
        found = found.__cause__ or found.__context__
    return " ".join(str(error).split())[:200] or type(error).__name__


_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (exceptions.NameResolutionError, "the host name is not known"),
    (socket.gaierror, "the host name is not known"),
    (exceptions.ConnectTimeoutError, "no connection within the time-out"),
    (exceptions.ReadTimeoutError, "no answer within the time-out"),
    (exceptions.IncompleteRead, "the connection broke in the middle of the answer"),
    (RemoteDisconnected, "the connection was closed by the other side"),
    (BadStatusLine, "what answers there does not speak HTTP"),
    (ConnectionRefusedError, "connection refused (is it running?)"),
    (ConnectionError, "the connection was closed by the other side"),
)

_ERRNO = {
    errno.EHOSTUNREACH: "no route to the host",
    errno.ENETUNREACH: "the network is unreachable",
    errno.EADDRNOTAVAIL: "no local port or address is left",
    errno.EMFILE: "too many open files",
}


@contextmanager
def _without_advice(verify: bool) -> Generator[None]:
    """Whoever sets `verify: false` has read what it means; urllib3 need not say it each time."""
    if verify:
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", exceptions.InsecureRequestWarning)
        yield


def _tls_context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context()
    try:
        if tls.ca:
            context = ssl.create_default_context(cafile=tls.ca)
        if tls.cert:
            context.load_cert_chain(tls.cert, tls.key or None)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(filter(None, (tls.ca, tls.cert, tls.key)))
        detail = error.strerror or str(error)
        raise SettingsError(f"tls: cannot use {files}: {detail}") from None
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
