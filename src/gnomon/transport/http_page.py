"""A few read-only pages over HTTP, for a process that is no web server: its status, its metrics.

Standard library only, one thread a request, loopback by default.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from gnomon.core.errors import Retryable, SettingsError


class Page(NamedTuple):
    """What is answered at one path."""

    content_type: str
    render: Callable[[], bytes]


class HttpPages:
    """Serves `pages` by path; a `Component`."""

    def __init__(self, address: str, pages: Mapping[str, Page]) -> None:
        """`address`: `host:port`. Raises `SettingsError` when it is not one."""
        self._address = parse_address(address)
        self._pages = pages
        self._server: ThreadingHTTPServer | None = None

    @property
    def port(self) -> int:
        """The port in use; 0 before the start."""
        return self._server.server_address[1] if self._server else 0

    def start(self) -> None:
        """Opens the port; raises `Retryable` when it is taken."""
        pages = self._pages

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                page = pages.get(self.path.partition("?")[0])
                if page is None:
                    self.send_error(404)
                    return
                body = page.render()
                self.send_response(200)
                self.send_header("Content-Type", page.content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                del format, args

        host, port = self._address
        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise Retryable(f"cannot listen on {host}:{port}: {error.strerror}") from None
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="pages", daemon=True).start()

    def stop(self) -> None:
        """Closes the port."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()


def parse_address(text: str) -> tuple[str, int]:
    """`host:port` or `[v6]:port` in parts; raises `SettingsError`."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise SettingsError(f"{text!r} is not an address such as 127.0.0.1:8420")
    return host or "127.0.0.1", int(port)
