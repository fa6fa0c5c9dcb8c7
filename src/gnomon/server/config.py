"""The server's settings file: `server.yaml`."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from gnomon.core.errors import SettingsError
from gnomon.core.settings import Duration, Located, Secret, Settings, build
from gnomon.runtime.secrets import run_command
from gnomon.runtime.yaml_file import read_yaml
from gnomon.server.ingest.limits import Limits
from gnomon.server.store.settings import StoreSettings, WriterSettings

SHORTEST_KEY = 8
"""Characters of an API key."""


class TlsSettings(Settings, frozen=True, kw_only=True):
    """The server's own certificate."""

    cert: str
    """PEM file with the certificate, and those between it and the root."""
    key: str = ""
    """PEM file with its private key; "" when it is in `cert`."""


class ServerSettings(Settings, frozen=True, kw_only=True):
    """`server.yaml`."""

    listen: str = "127.0.0.1:8420"
    """Address and port of the one HTTP server. Port 0 takes a free one."""
    data: str = ""
    """Folder of the data; the command line and GNOMON_DATA come before it."""
    api_keys: list[Secret] = []
    """Keys of which a request must carry one. Without any, everybody who reaches the port may do
    everything, so that is allowed on loopback only."""
    allow_open: bool = False
    """Listen on other addresses than loopback without API keys."""
    tls: TlsSettings | None = None
    """Speak HTTPS with this certificate."""
    hostname: str = ""
    """Label `host` of the server's own metrics; "" takes the machine's name."""
    workers: int = 2
    """Threads that decode what comes in."""
    stop_time: Duration = Duration(10)
    """How long requests under way may take when the server is stopped."""
    limits: Limits = Limits()
    """Bounds of requests."""
    store: StoreSettings = StoreSettings()
    """How much is kept, and what it may cost."""
    writer: WriterSettings = WriterSettings()
    """Bounds of the queue in front of the store."""


class Address(NamedTuple):
    """Where to listen."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def default_file() -> Path | None:
    """The settings file used when none is named: the first that exists, else none is needed."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    for path in (Path("/etc/gnomon/server.yaml"), home / "gnomon" / "server.yaml"):
        if path.exists():
            return path
    return None


def load(path: Path | None, overrides: Mapping[str, Any] | None = None) -> ServerSettings:
    """The settings of a file, with what the command line says on top; raises `SettingsError`."""
    located = read_yaml(path) if path else Located({}, "")
    data: object = {} if located.data is None else located.data
    if not isinstance(data, Mapping):
        raise located.error("expected keys such as `listen: 127.0.0.1:8420`")
    given = overrides or {}
    # Lines of what was overridden would blame the file for the command line.
    lines = {path: line for path, line in located.lines.items() if path and path[0] not in given}
    located = Located({**cast(Mapping[str, Any], data), **given}, located.file, lines)
    settings = build(located, ServerSettings, run_command)
    origin = Located(located.data) if "listen" in given else located
    _check_listen(settings, origin)
    _check(settings, located)
    return settings


def address(text: str) -> Address:
    """`host:port`, `[v6]:port` or `:port` in parts; raises `SettingsError`."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or (":" in host and not text.startswith("[")):
        raise SettingsError(f"{text!r} is not an address such as 127.0.0.1:8420 or [::1]:8420")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise SettingsError(
            f"{port!r} is not a port: a number from 1 to 65535, or 0 for a free one"
        )
    return Address(host or "0.0.0.0", int(port))  # noqa: S104  # what `:8420` means everywhere


def bind(at: Address) -> socket.socket:
    """A socket bound to the address; raises `SettingsError` when that cannot be had."""
    try:
        infos = socket.getaddrinfo(at.host, at.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise SettingsError(f"listen: {at.host!r} is not an address here: {error}") from None
    family, kind, protocol, _, where = infos[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(1024)  # now, so that nobody else can have the port meanwhile
    except OSError as error:
        listener.close()
        raise SettingsError(_bind_problem(at, error)) from None
    listener.setblocking(False)
    return listener


def tls_context(tls: TlsSettings) -> ssl.SSLContext:
    """What the certificate files give; raises `SettingsError` that names them."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(tls.cert, tls.key or None)
    except (OSError, ssl.SSLError) as error:
        files = f"{tls.cert} and {tls.key}" if tls.key else tls.cert
        raise SettingsError(f"tls: cannot use {files}: {error.strerror or error}") from None
    return context


def _check_listen(settings: ServerSettings, located: Located) -> None:
    try:
        at = address(settings.listen)
    except SettingsError as error:
        raise located.error(str(error), "listen") from None
    if not at.is_loopback and not settings.api_keys and not settings.allow_open:
        raise located.error(
            f"{settings.listen} can be reached by other machines: set api_keys, or "
            "`allow_open: true` if everybody may read and write",
            "listen",
        )


def _check(settings: ServerSettings, located: Located) -> None:
    for position, key in enumerate(settings.api_keys):
        if len(key.reveal()) < SHORTEST_KEY:
            message = f"an API key has at least {SHORTEST_KEY} characters"
            raise located.error(message, "api_keys", position)
    if not 1 <= settings.workers <= 64:
        raise located.error("expected a number from 1 to 64", "workers")


def _bind_problem(at: Address, error: OSError) -> str:
    shown = f"[{at.host}]:{at.port}" if ":" in at.host else f"{at.host}:{at.port}"
    if isinstance(error, PermissionError):
        return f"listen: {shown} is not allowed to this user (ports below 1024 need a privilege)"
    if error.errno == errno.EADDRINUSE:
        return (
            f"listen: {shown} is taken by another program; stop that, or choose another port "
            "with --listen"
        )
    return f"listen: cannot use {shown}: {error.strerror}"
