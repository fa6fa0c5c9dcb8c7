"""Group commit: one thread appends all that came within a few milliseconds in one transaction.

Each caller is answered after the commit that holds its write, so a thousand small posts a second
cost about as many syncs as one big one. The queue is bounded by samples; beyond it a write is
refused with `Full`, never dropped.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

from gnomon.server.store.interface import Outcome, Write


class Writer(Protocol):
    """The one way into a store."""

    def submit(self, write: Write) -> Future[Outcome]:
        """Queues a write; raises `Full` when the queue is. The future resolves after the commit."""
        ...

    def close(self) -> None:
        """Commits what is queued, then ends. May be called twice."""
        ...
