"""Turns what a check puts into samples: labels, rates, limits. One `InstanceOutput` per instance.

It lives as long as the instance, because rates need the reading before and series objects are
worth keeping; `begin` and `finish` bracket one run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from gnomon.agent.pipeline.plan import SourceLimits
from gnomon.core.model import (
    Batch,
    Event,
    Kind,
    Labels,
    Metric,
    Sample,
    Series,
    Status,
    labels_of,
)
from gnomon.core.telemetry import Telemetry, counter

SERVICE_CHECK = Metric(
    "service_check", Kind.GAUGE, "", "Outcome of a check: 0 ok, 1 warning, 2 critical, 3 unknown."
)
OVERFLOW = Metric(
    "gnomon.overflow", Kind.GAUGE, "sample", "Samples of series over the limit of their source."
)
DROPPED = counter(
    "gnomon.source.dropped", "Samples not taken from a source, by reason.", unit="sample"
)


class InstanceOutput:
    """See `core.component.Output`. Used by one thread at a time."""

    def __init__(
        self, source: str, labels: Mapping[str, str], limits: SourceLimits, telemetry: Telemetry
    ) -> None:
        """`labels` (the host among them) are added to each sample that lacks them."""
        self._source = source
        self._base = labels_of(labels)
        self._limits = limits
        self._telemetry = telemetry
        self._known: dict[tuple[str, Labels], Series] = {}
        self._totals: dict[Series, tuple[float, float]] = {}
        self._statuses: dict[Series, Status] = {}
        self._samples: list[Sample] = []
        self._events: list[Event] = []
        self._overflow = 0
        self._timestamp = 0
        self._elapsed = 0.0
        self.worst = Status.OK
        """The worst service check of this run."""

    def begin(self, timestamp: int, elapsed: float) -> None:
        """Starts a run: its schedule time (ms), and a monotonic time in seconds for rates."""
        self._timestamp = timestamp
        self._elapsed = elapsed
        self._samples = []
        self._events = []
        self._overflow = 0
        self.worst = Status.OK

    def finish(self) -> Batch:
        """What this run found."""
        if self._overflow:
            series = Series(OVERFLOW, labels_of({**dict(self._base), "source": self._source}))
            self._samples.append(Sample(series, self._timestamp, float(self._overflow)))
            self._count("series_limit", self._overflow)
        return Batch.of(self._samples, self._events)

    def put(
        self, metric: Metric, value: float, labels: Mapping[str, str] | None = None, **more: str
    ) -> None:
        """A value as it is."""
        value = float(value)
        if not math.isfinite(value):
            self._count("not_finite")
            return
        series = self._series(metric, labels, more)
        if series is not None:
            self._samples.append(Sample(series, self._timestamp, value))

    def rate(
        self, metric: Metric, total: float, labels: Mapping[str, str] | None = None, **more: str
    ) -> None:
        """Per second since the run before."""
        self._growth(self._series(metric, labels, more), float(total), per_second=True)

    def delta(
        self, metric: Metric, total: float, labels: Mapping[str, str] | None = None, **more: str
    ) -> None:
        """Growth since the run before."""
        self._growth(self._series(metric, labels, more), float(total), per_second=False)

    def status(
        self, name: str, status: Status, message: str = "", labels: Mapping[str, str] | None = None
    ) -> None:
        """A service check."""
        self.worst = max(self.worst, status, key=_badness)
        series = self._series(SERVICE_CHECK, {**(labels or {}), "check": name}, None)
        if series is None:
            return
        self._samples.append(Sample(series, self._timestamp, float(status)))
        before = self._statuses.get(series)
        self._statuses[series] = status
        if status != before and (before is not None or status is not Status.OK):
            title = f"{name} is {status.name.lower()}"
            self._events.append(
                Event(self._timestamp, title, message, "service_check", name, series.labels)
            )

    def event(self, event: Event) -> None:
        """Something that happened."""
        known = dict(event.labels)
        labels = labels_of({**dict(self._base), **known})
        self._events.append(
            Event(event.timestamp, event.title, event.text, event.kind, event.source, labels)
        )

    def _growth(self, series: Series | None, total: float, *, per_second: bool) -> None:
        if series is None or not math.isfinite(total):
            return
        before = self._totals.get(series)
        self._totals[series] = (total, self._elapsed)
        if before is None or total < before[0]:
            return
        seconds = self._elapsed - before[1]
        if seconds <= 0:
            return
        grown = total - before[0]
        self._samples.append(
            Sample(series, self._timestamp, grown / seconds if per_second else grown)
        )

    def _series(
        self,
        metric: Metric,
        labels: Mapping[str, str] | None,
        more: Mapping[str, str] | None,
    ) -> Series | None:
        given = {**(labels or {}), **(more or {})}
        key = (metric.name, tuple(given.items()))
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= self._limits.series:
                self._overflow += 1
                return None
            full = labels_of({**dict(self._base), **self._cut(given)})
            found = self._known[key] = Series(metric, full)
        return found

    def _cut(self, labels: Mapping[str, str]) -> dict[str, str]:
        longest = self._limits.label_length
        cut = {name: value[:longest] for name, value in labels.items()}
        if any(len(value) > longest for value in labels.values()):
            self._count("label_length")
        return cut

    def _count(self, reason: str, amount: float = 1) -> None:
        self._telemetry.value(DROPPED, source=self._source, reason=reason).add(amount)


def _badness(status: Status) -> int:
    """Orders statuses: ok, unknown, warning, critical."""
    return (0, 2, 3, 1)[status]
