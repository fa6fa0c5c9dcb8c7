"""What one request may carry, and what is done with series and samples beyond it.

A route whose body is taken whole or not at all calls `require`; one that serves many hosts at once
calls `admit`, so that one offender does not cost the others their samples.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from gnomon.core.errors import LimitExceeded
from gnomon.core.model import Batch, Event, Series
from gnomon.core.settings import Duration, Settings, Size

LATEST = 253_402_300_799_999
"""The end of the year 9999 in milliseconds; beyond it are micro- and nanoseconds by mistake."""

_REMEMBERED = 500_000
"""Series remembered as within the limits."""


class Limits(Settings, frozen=True, kw_only=True):
    """Bounds of what one request may carry, and of all requests at once."""

    body: Size = Size(16 << 20)
    """Largest request body as it comes over the wire."""
    decompressed: Size = Size(128 << 20)
    """Largest body once decompressed."""
    body_time: Duration = Duration(60)
    """How long a client may take to send its body."""
    bodies: Size = Size(256 << 20)
    """Bytes of bodies held at once; beyond it a request is told to come again."""
    connections: int = 2000
    """Most connections at once."""
    series_per_request: int = 200_000
    """Most distinct series in one request."""
    session_series: int = 1_000_000
    """Most series in the dictionaries of all agents; the agent silent for longest makes room."""
    label_length: int = 4096
    """Longest metric name, label name or label value, in characters."""
    labels_per_series: int = 64
    """Most labels of one series."""


class Admitted(NamedTuple):
    """What of a batch is within the limits."""

    batch: Batch
    dropped: dict[str, int]
    """Samples (and, under `event`, events) left out, by limit."""
    example: str
    """A sentence on the first offender."""


class Admission:
    """Holds batches against the limits. Remembers series, since agents send the same ones again."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._fine: set[Series] = set()

    def require(self, batch: Batch) -> None:
        """Raises `LimitExceeded` on the first offence, naming it."""
        offences = (*self._offenders(batch).values(), *_bad_times(batch), *_bad_events(batch))
        for reason, sentence in offences:
            raise LimitExceeded(f"{sentence} (limit: {reason})")

    def admit(self, batch: Batch) -> Admitted:
        """The batch without its offenders; mostly the same object."""
        offenders = self._offenders(batch)
        offences = [*offenders.values(), *_bad_times(batch), *_bad_events(batch)]
        if not offences:
            return Admitted(batch, {}, "")
        index, timestamps, values = array("I"), array("q"), array("d")
        dropped: Counter[str] = Counter()
        for row, timestamp, value in zip(batch.index, batch.timestamps, batch.values, strict=True):
            if row in offenders:
                dropped[offenders[row][0]] += 1
            elif not 0 <= timestamp <= LATEST:
                dropped["timestamp"] += 1
            else:
                index.append(row)
                timestamps.append(timestamp)
                values.append(value)
        events = [event for event in batch.events if _is_event(event)]
        if len(events) < len(batch.events):
            dropped["event"] = len(batch.events) - len(events)
        kept = Batch(batch.series, index, timestamps, values, events)
        return Admitted(_without_unused_series(kept), dict(dropped), offences[0][1])

    def _offenders(self, batch: Batch) -> dict[int, tuple[str, str]]:
        """Position in `batch.series` → (limit, sentence)."""
        found: dict[int, tuple[str, str]] = {}
        if not self._fine.issuperset(batch.series):
            for position, series in enumerate(batch.series):
                if series not in self._fine:
                    offence = self._offence(series)
                    if offence is not None:
                        found[position] = offence
                    else:
                        self._remember(series)
        most = self._limits.series_per_request
        if len(batch.series) > most:
            sentence = f"{len(batch.series)} series in one request, of which {most} are allowed"
            for position in range(most, len(batch.series)):
                found.setdefault(position, ("series_per_request", sentence))
        return found

    def _offence(self, series: Series) -> tuple[str, str] | None:
        limits = self._limits
        shown = series.name[:80]
        if len(series.labels) > limits.labels_per_series:
            count = len(series.labels)
            return "labels_per_series", (
                f"series {shown!r} has {count} labels, {limits.labels_per_series} are allowed"
            )
        if len(series.name) > limits.label_length:
            return "label_length", (
                f"the metric name {shown!r}... has {len(series.name)} characters, "
                f"{limits.label_length} are allowed"
            )
        for name, value in series.labels:
            longest = max(len(name), len(value))
            if longest > limits.label_length:
                return "label_length", (
                    f"label {name[:80]!r} of series {shown!r} has {longest} characters, "
                    f"{limits.label_length} are allowed"
                )
        if not _is_text([series.name, *(text for pair in series.labels for text in pair)]):
            return "not_utf8", f"series {shown!r} has a name or a label that is not Unicode text"
        return None

    def _remember(self, series: Series) -> None:
        if len(self._fine) >= _REMEMBERED:
            self._fine = set()  # replaced, not cleared: other threads may be looking at it
        self._fine.add(series)


def _bad_times(batch: Batch) -> list[tuple[str, str]]:
    """At most one offence; empty when all timestamps are possible milliseconds."""
    if not batch:
        return []
    timestamps = np.frombuffer(batch.timestamps, dtype=np.int64)
    for bad in (timestamps.min(initial=0), timestamps.max(initial=0)):
        if not 0 <= bad <= LATEST:
            sentence = f"the timestamp {bad} is not in milliseconds since 1970"
            return [("timestamp", sentence)]
    return []


def _bad_events(batch: Batch) -> list[tuple[str, str]]:
    return [
        ("event", f"event {event.title[:80]!r} has an impossible time, or is not Unicode text")
        for event in batch.events
        if not _is_event(event)
    ]


def _is_event(event: Event) -> bool:
    labels = (text for pair in event.labels for text in pair)
    texts = [event.title, event.text, event.kind, event.source, *labels]
    return 0 <= event.timestamp <= LATEST and _is_text(texts)


def _is_text(texts: Iterable[str]) -> bool:
    """Whether it can be written as UTF-8: half a surrogate pair, which some wires carry, cannot."""
    try:
        for text in texts:
            text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _without_unused_series(batch: Batch) -> Batch:
    used = sorted(set(batch.index))
    places = {old: new for new, old in enumerate(used)}
    index = array("I", [places[row] for row in batch.index])
    series = [batch.series[old] for old in used]
    return Batch(series, index, batch.timestamps, batch.values, batch.events)
