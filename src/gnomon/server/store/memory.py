"""The reference: everything in dictionaries, nothing clever. Tests judge other stores by it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from gnomon.core.clock import Clock, SystemClock
from gnomon.core.errors import Permanent
from gnomon.core.model import NAME_LABEL, Batch, Event, Kind, Metric, Series
from gnomon.server.store.fold import fold, grid_columns
from gnomon.server.store.interface import (
    Frame,
    Grid,
    GridFunction,
    Last,
    Matcher,
    Outcome,
    StoreStats,
    Write,
)
from gnomon.server.store.ledger import Ledger, Verdict, runs_of

T = TypeVar("T")


class MemoryStore:
    """Keeps the promises of `Store` for as long as the process lives; has no retention."""

    def __init__(self, clock: Clock | None = None, bucket: int = 3_600_000) -> None:
        """`bucket`: milliseconds to which `series` and the label lists look at a time range."""
        self._clock = clock or SystemClock()
        self._bucket = bucket
        self._lock = threading.RLock()
        self._samples: dict[Series, dict[int, float]] = {}
        self._metrics: dict[str, Metric] = {}
        self._events: list[Event] = []
        self._ledger = Ledger()

    def append(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """See `Store`."""
        with self._lock:
            for write in writes:
                check(write.batch)
            verdicts = self._ledger.judge(writes)
            for write, verdict in zip(writes, verdicts, strict=True):
                if verdict is not Verdict.DUPLICATE:
                    self._take(write, verdict)
        return [
            Outcome.DUPLICATE if verdict is Verdict.DUPLICATE else Outcome.STORED
            for verdict in verdicts
        ]

    def series(
        self, matchers: Sequence[Matcher], start: int | None = None, end: int | None = None
    ) -> Sequence[Series]:
        """See `Store`."""
        with self._lock:
            return [
                self._told(series)
                for series, samples in self._samples.items()
                if selects(matchers, series) and self._active(samples, start, end)
            ]

    def raw(self, matchers: Sequence[Matcher], start: int, end: int) -> Frame:
        """See `Store`."""
        found: list[Series] = []
        offsets = [0]
        times: list[int] = []
        values: list[float] = []
        with self._lock:
            for series in self.series(matchers):
                samples = self._samples[series]
                inside = sorted(time for time in samples if start <= time <= end)
                if inside:
                    found.append(series)
                    times += inside
                    values += [samples[time] for time in inside]
                    offsets.append(len(times))
        return Frame(
            found,
            np.array(offsets, np.int64),
            np.array(times, np.int64),
            np.array(values, np.float64),
        ).sealed()

    def grid(
        self,
        matchers: Sequence[Matcher],
        start: int,
        end: int,
        step: int,
        function: GridFunction = GridFunction.LAST,
    ) -> Grid:
        """See `Store`."""
        newest = start + (grid_columns(start, end, step) - 1) * step
        frame = self.raw(matchers, start - step + 1, newest)
        return fold(frame, start, end, step, function)

    def last(self, matchers: Sequence[Matcher], since: int | None = None) -> Last:
        """See `Store`."""
        with self._lock:
            newest = {
                series: max(self._samples[series])
                for series in self.series(matchers)
                if self._samples[series]
            }
            found = [
                (series, time, self._samples[series][time])
                for series, time in newest.items()
                if since is None or time >= since
            ]
        return Last(
            [series for series, _, _ in found],
            np.array([time for _, time, _ in found], np.int64),
            np.array([value for _, _, value in found], np.float64),
        )

    def label_names(
        self,
        matchers: Sequence[Matcher] = (),
        start: int | None = None,
        end: int | None = None,
    ) -> Sequence[str]:
        """See `Store`."""
        found = self.series(matchers, start, end)
        names = {name for series in found for name, _ in series.labels}
        return sorted(names | ({NAME_LABEL} if found else set()))

    def label_values(
        self,
        label: str,
        matchers: Sequence[Matcher] = (),
        start: int | None = None,
        end: int | None = None,
    ) -> Sequence[str]:
        """See `Store`."""
        values = {series.label(label) for series in self.series(matchers, start, end)}
        return sorted(values - {""})

    def metrics(self) -> Sequence[Metric]:
        """See `Store`."""
        with self._lock:
            return [self._metrics[name] for name in sorted(self._metrics)]

    def events(
        self, start: int, end: int, labels: Mapping[str, str] | None = None, limit: int = 1000
    ) -> Sequence[Event]:
        """See `Store`."""
        wanted = set((labels or {}).items())
        with self._lock:
            found = [
                event
                for event in reversed(self._events)
                if start <= event.timestamp <= end and wanted <= set(event.labels)
            ]
        found.sort(key=lambda event: event.timestamp, reverse=True)
        return found[:limit]

    def delete(self, matchers: Sequence[Matcher], start: int, end: int) -> int:
        """See `Store`."""
        deleted = 0
        with self._lock:
            for series in self.series(matchers):
                samples = self._samples[series]
                gone = [time for time in samples if start <= time <= end]
                for time in gone:
                    del samples[time]
                deleted += len(gone)
                if not samples:
                    del self._samples[series]
        return deleted

    def maintain(self, now: int) -> None:
        """Nothing to do here."""

    def stats(self) -> StoreStats:
        """See `Store`."""
        with self._lock:
            return StoreStats(
                engine="memory",
                series=len(self._samples),
                samples=sum(map(len, self._samples.values())),
                events=len(self._events),
                bytes=0,
                oldest=_over(min, map(min, filter(None, self._samples.values()))),
                newest=_over(max, map(max, filter(None, self._samples.values()))),
            )

    def close(self) -> None:
        """Nothing to let go of."""

    def _take(self, write: Write, verdict: Verdict) -> None:
        now = self._clock.now()
        for run in runs_of(write.marks):
            self._ledger.record(run, now)
        if write.key:
            self._ledger.record_key(write.key, now)
        known = set(self._events) if verdict is Verdict.PARTLY else ()
        self._events += [event for event in write.batch.events if event not in known]
        told: dict[str, Metric] = {}
        for series, time, value in write.batch:
            self._samples.setdefault(series, {})[time] = value
            told[series.name] = series.metric
        for name, metric in told.items():
            self._metrics[name] = merged(self._metrics.get(name), metric)

    def _told(self, series: Series) -> Series:
        """With all that is known of its metric."""
        metric = self._metrics[series.name]
        return series if series.metric is metric else Series(metric, series.labels)

    def _active(self, samples: Iterable[int], start: int | None, end: int | None) -> bool:
        if start is None and end is None:
            return True
        size = self._bucket
        return any(
            (start is None or time // size >= start // size)
            and (end is None or time // size <= end // size)
            for time in samples
        )


def check(batch: Batch) -> None:
    """Raises `Permanent` when the columns of a batch do not fit together."""
    if not len(batch.index) == len(batch.timestamps) == len(batch.values):
        raise Permanent(
            f"malformed batch: {len(batch.index)} indexes, {len(batch.timestamps)} timestamps and "
            f"{len(batch.values)} values"
        )
    if len(batch.index) and max(batch.index) >= len(batch.series):
        raise Permanent(f"malformed batch: a row speaks of a series beyond {len(batch.series)}")


def selects(matchers: Sequence[Matcher], series: Series) -> bool:
    """Whether a series meets all conditions. Raises `Permanent` for a malformed one."""
    try:
        return all(matcher.matches(series.label(matcher.label)) for matcher in matchers)
    except re.error as error:
        raise Permanent(f"not a regular expression: {error}") from None


def merged(known: Metric | None, told: Metric) -> Metric:
    """What is known of a metric after somebody told more: what is left unsaid takes nothing away."""
    if known is None:
        return told
    kind = known.kind if told.kind is Kind.UNKNOWN else told.kind
    return Metric(known.name, kind, told.unit or known.unit, told.help or known.help)


def _over(choose: Callable[[Iterable[T]], T], items: Iterable[T]) -> T | None:
    found = list(items)
    return choose(found) if found else None
