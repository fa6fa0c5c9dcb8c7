"""A sink that keeps what it is given, and fails when told to."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from gnomon.core.model import Entry, Mark, Sample


class CaptureSink:
    """Safe to look at from the test's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._errors: list[Exception] = []
        self.attempts = 0
        self.closed = 0

    def fail(self, *errors: Exception) -> None:
        """The next deliveries raise these, one each."""
        with self._lock:
            self._errors += errors

    def send(self, entries: Sequence[Entry]) -> None:
        """Keeps them, or raises."""
        with self._lock:
            self.attempts += 1
            if self._errors:
                raise self._errors.pop(0)
            self._entries += entries

    def close(self) -> None:
        """Counts."""
        self.closed += 1

    @property
    def marks(self) -> list[Mark]:
        """Of the delivered batches, in order of delivery."""
        with self._lock:
            return [entry.mark for entry in self._entries]

    @property
    def samples(self) -> list[Sample]:
        """Delivered, in order."""
        with self._lock:
            return [sample for entry in self._entries for sample in entry.batch]
