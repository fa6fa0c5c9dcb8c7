"""Counts what leaves a buffer without having been sent."""

from __future__ import annotations

from collections import Counter

from gnomon.core.telemetry import Telemetry, counter

DROPPED = counter(
    "gnomon.buffer.dropped", "Samples that left a buffer unsent, by reason.", "sample"
)


class Losses:
    """Samples lost since the buffer was opened, by reason; also a self-metric."""

    def __init__(self, telemetry: Telemetry, name: str) -> None:
        """`name`: of the sink."""
        self._telemetry = telemetry
        self._name = name
        self._samples: Counter[str] = Counter()

    def count(self, reason: str, samples: int) -> None:
        """So many were lost."""
        if samples:
            self._samples[reason] += samples
            self._telemetry.value(DROPPED, sink=self._name, reason=reason).add(samples)

    def by_reason(self) -> dict[str, int]:
        """All that were lost."""
        return dict(self._samples)
