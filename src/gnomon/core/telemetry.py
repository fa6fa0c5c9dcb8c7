"""What Gnomon measures of itself: declared once, counted where it happens, read in one place.

A component declares its self-metrics as `Metric`s at module level and asks the `Telemetry` it was
handed for the counter or gauge of a label set. Names begin with `gnomon.`. The agent ships them as
samples like any other; the server also answers them at `/metrics`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from gnomon.core.model import Kind, Metric, Sample, Series, labels_of


class Value:
    """One number of one series. Adding and setting are safe from any thread."""

    __slots__ = ("_lock", "_value", "series")

    def __init__(self, series: Series) -> None:
        self.series = series
        self._value = 0.0
        self._lock = threading.Lock()

    def add(self, amount: float = 1.0) -> None:
        """Counts up."""
        with self._lock:
            self._value += amount

    def set(self, value: float) -> None:
        """Replaces the reading."""
        self._value = value

    @property
    def value(self) -> float:
        """The reading now."""
        return self._value


class Telemetry:
    """All self-metrics of one process. Handed on, never global."""

    def __init__(self) -> None:
        self._values: dict[Series, Value] = {}
        self._read: dict[Series, Callable[[], float]] = {}
        self._lock = threading.Lock()

    def value(self, metric: Metric, **labels: str) -> Value:
        """The counter or gauge of this label set; the same object each time."""
        series = Series(metric, labels_of(labels))
        with self._lock:
            found = self._values.get(series)
            if found is None:
                found = self._values[series] = Value(series)
            return found

    def observe(self, metric: Metric, read: Callable[[], float], **labels: str) -> None:
        """A reading taken only when somebody looks (a queue's depth, say). Replaces an older one."""
        with self._lock:
            self._read[Series(metric, labels_of(labels))] = read

    def forget(self, **labels: str) -> None:
        """Drops all values that carry these labels (a sink or a check that was removed)."""
        wanted = set(labels.items())
        with self._lock:
            for table in (self._values, self._read):
                for series in [s for s in table if wanted <= set(s.labels)]:
                    del table[series]

    def samples(self, timestamp: int) -> list[Sample]:
        """Everything now, sorted by name and labels."""
        with self._lock:
            values = [(series, held.value) for series, held in self._values.items()]
            reads = list(self._read.items())
        values += [(series, float(read())) for series, read in reads]
        values.sort(key=lambda pair: (pair[0].name, pair[0].labels))
        return [Sample(series, timestamp, value) for series, value in values]


def counter(name: str, help_: str, unit: str = "") -> Metric:
    """Declares a self-metric that only grows."""
    return Metric(name, Kind.COUNTER, unit, help_)


def gauge(name: str, help_: str, unit: str = "") -> Metric:
    """Declares a self-metric that goes up and down."""
    return Metric(name, Kind.GAUGE, unit, help_)
