"""What the agent tells the server of itself: its status document, every few seconds.

The document is what `gnomon status` and the agents page show; it is described in
`docs/reference/status.md`. A server that does not answer is no failure here: samples have their
buffer, and the next report replaces this one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from gnomon.core.errors import GnomonError
from gnomon.core.settings import Secret
from gnomon.transport.http_client import HttpClient, Tls

INTERVAL = 5.0
"""Seconds between two reports."""


class Reporter:
    """Posts the status document; a `Component`."""

    def __init__(
        self,
        url: str,
        api_key: Secret | None,
        tls: Tls,
        status: Callable[[], dict[str, Any]],
        log: logging.Logger,
    ) -> None:
        """`url`: of this agent's status on the server."""
        self._url = url
        self._headers = {"Content-Type": "application/json"}
        if api_key is not None:
            self._headers["Authorization"] = f"Bearer {api_key.reveal()}"
        self._client = HttpClient(timeout=5.0, tls=tls)
        self._status = status
        self._log = log
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="status-report", daemon=True)

    def start(self) -> None:
        """Begins to report."""
        self._thread.start()

    def stop(self) -> None:
        """Ends."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=6)
        self._client.close()

    def _run(self) -> None:
        wait = 0.5
        while not self._stopping.wait(wait):
            wait = INTERVAL if self._report() else 1.0

    def _report(self) -> bool:
        body = msgspec.json.encode(self._status())
        try:
            answer = self._client.request("POST", self._url, body, self._headers)
        except GnomonError as error:
            self._log.debug("status not reported: %s", error)
            return False
        if answer.status >= 300:
            self._log.debug("status not reported: the server answered %d", answer.status)
        return answer.status < 300
