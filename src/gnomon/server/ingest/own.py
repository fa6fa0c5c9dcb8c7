"""The server's own metrics, stored like everybody else's."""

from __future__ import annotations

from gnomon.core.clock import Clock
from gnomon.core.errors import Full
from gnomon.core.model import Batch, Labels, Sample, Series, labels_of
from gnomon.core.telemetry import Telemetry
from gnomon.server.store.interface import Write
from gnomon.server.store.writer import Writer

INTERVAL = 10.0
"""Seconds between two readings."""


class OwnMetrics:
    """Puts a reading of the telemetry into the store each time it is asked to."""

    def __init__(self, writer: Writer, telemetry: Telemetry, clock: Clock, host: str) -> None:
        """`host`: the label of all series."""
        self._writer = writer
        self._telemetry = telemetry
        self._clock = clock
        self._labels = {"host": host, "service": "gnomon-server"}
        self._series: dict[Series, Series] = {}

    def report(self) -> None:
        """One reading, at the last full interval. A full queue does without it."""
        step = round(INTERVAL * 1000)
        timestamp = self._clock.now() // step * step
        samples = [
            Sample(self._labelled(sample.series), timestamp, sample.value)
            for sample in self._telemetry.samples(timestamp)
        ]
        try:
            self._writer.submit(Write(Batch.of(samples)))
        except Full:
            return

    def _labelled(self, series: Series) -> Series:
        known = self._series.get(series)
        if known is None:
            labels: Labels = labels_of({**dict(series.labels), **self._labels})
            known = self._series[series] = Series(series.metric, labels)
        return known
