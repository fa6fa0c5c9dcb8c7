"""Does something every so often on a thread of its own, until it is stopped."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable


class Ticker:
    """Calls `action` every `interval` seconds; a failure is logged and does not end it."""

    def __init__(
        self, name: str, interval: float, action: Callable[[], None], log: logging.Logger
    ) -> None:
        """The first call is one interval after `start`."""
        self._name = name
        self._interval = interval
        self._action = action
        self._log = log
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Returns when the call under way has ended. May be called twice, or before `start`."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._interval):
            try:
                self._action()
            except Exception:  # noqa: BLE001  # the next time may go well; nobody else would say so
                self._log.warning("%s failed", self._name, exc_info=True)
