"""Gathers the small batches of check runs into one, so that buffers and wires see few big ones.

Nothing is acknowledged here (a check has nobody to acknowledge to), so a second of samples in
memory is all that a crash can cost. Listeners do not come this way: they hand their batches
straight to the fan-out and acknowledge after it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from gnomon.core.model import Batch, Event, Sample

LARGEST = 50_000
"""Samples after which a batch goes on without waiting for the flush."""


class Gather:
    """Collects until `flush`; safe from any thread."""

    def __init__(self, hand_on: Callable[[Batch], None]) -> None:
        self._hand_on = hand_on
        self._lock = threading.Lock()
        self._samples: list[Sample] = []
        self._events: list[Event] = []

    def add(self, batch: Batch) -> None:
        """Takes the batch of one run."""
        with self._lock:
            self._samples += batch
            self._events += batch.events
            full = len(self._samples) >= LARGEST
        if full:
            self.flush()

    def flush(self) -> None:
        """Hands on what is there."""
        with self._lock:
            samples, self._samples = self._samples, []
            events, self._events = self._events, []
        if samples or events:
            self._hand_on(Batch.of(samples, events))
