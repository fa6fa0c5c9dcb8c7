"""The data model: what a sample, a series, an event and a batch are.

Everything in Gnomon speaks these types; the words of foreign systems end at the edge (codecs,
dialects). Times are whole milliseconds since the Unix epoch, values are IEEE 754 doubles, names and
labels are text as it came. A metric keeps its name (`system.cpu.user`, `servers.web1.load`); each
query language and each output maps it at its own edge.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum, StrEnum
from typing import NamedTuple, TypeAlias, cast

import msgspec

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Label pairs sorted by label name; names are unique, empty values are left out."""

NAME_LABEL = "__name__"
"""The metric name, where a query or a matcher speaks of it as of a label (Prometheus' word)."""


class Kind(StrEnum):
    """What a value means, so that a reader knows what may be done with it."""

    GAUGE = "gauge"
    """A reading that goes up and down."""
    COUNTER = "counter"
    """A cumulative total that only grows, but for resets."""
    RATE = "rate"
    """Already per second."""
    COUNT = "count"
    """How many since the sample before."""
    HISTOGRAM = "histogram"
    SUMMARY = "summary"
    UNKNOWN = "unknown"


class Status(IntEnum):
    """The outcome of a check; the numbers are those of Nagios and of Datadog service checks."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


class Metric(msgspec.Struct, frozen=True, array_like=True):
    """What is known of a metric beside its name. Declared beside the code that emits it."""

    name: str
    kind: Kind = Kind.GAUGE
    unit: str = ""
    """The unit of the value: `percent`, `byte`, `byte/second`, `second`, ... ("" = none)."""
    help: str = ""
    """One sentence for a person."""


def labels_of(pairs: Mapping[str, str] | Iterable[tuple[str, str]]) -> Labels:
    """The canonical form of label pairs: sorted by name, without empty values."""
    items = cast(Mapping[str, str], pairs).items() if isinstance(pairs, Mapping) else pairs
    return tuple(sorted((name, value) for name, value in items if value))


class Series:
    """One metric with one set of labels. Equal when name and labels are; hash and id are cached."""

    __slots__ = ("_hash", "_id", "labels", "metric")

    def __init__(self, metric: Metric, labels: Labels = ()) -> None:
        """Labels must be canonical already (see `labels_of`)."""
        self.metric = metric
        self.labels = labels
        self._hash = hash((metric.name, labels))
        self._id = 0

    @classmethod
    def of(cls, name: str, /, kind: Kind = Kind.GAUGE, **labels: str) -> Series:
        """Short form for tests and small callers: `Series.of("system.load.1", host="web1")`."""
        return cls(Metric(name, kind), labels_of(labels))

    @property
    def name(self) -> str:
        """The metric name as it came."""
        return self.metric.name

    @property
    def id(self) -> int:
        """Stable 64-bit id, the same on every machine: see `series_id`."""
        if not self._id:
            self._id = series_id(self.metric.name, self.labels)
        return self._id

    def label(self, name: str, default: str = "") -> str:
        """Value of one label; `__name__` is the metric name."""
        if name == NAME_LABEL:
            return self.metric.name
        for key, value in self.labels:
            if key == name:
                return value
        return default

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Series)
            and self._hash == other._hash
            and self.metric.name == other.metric.name
            and self.labels == other.labels
        )

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        inner = ", ".join(f"{key}={value!r}" for key, value in self.labels)
        return f"{self.metric.name}{{{inner}}}"


def series_id(name: str, labels: Labels) -> int:
    """16 bits of a hash of the name, then 48 of name and labels.

    No coordination between writers is needed, and the series of one metric are one key range.
    The hash is BLAKE2b over length-prefixed UTF-8 text, so no two different inputs look alike.
    """
    encoded = name.encode("utf-8", "surrogatepass")
    head = hashlib.blake2b(encoded, digest_size=2).digest()
    parts = [len(encoded).to_bytes(4, "big"), encoded]
    for pair in labels:
        for text in pair:
            data = text.encode("utf-8", "surrogatepass")
            parts += (len(data).to_bytes(4, "big"), data)
    return int.from_bytes(head + hashlib.blake2b(b"".join(parts), digest_size=6).digest(), "big")


class Sample(NamedTuple):
    """One value of one series at one time."""

    series: Series
    timestamp: int
    """Milliseconds since the Unix epoch."""
    value: float


class Event(msgspec.Struct, frozen=True, array_like=True):
    """Something that happened: a deploy, a restart, the message of a service check."""

    timestamp: int
    """Milliseconds since the Unix epoch."""
    title: str
    text: str = ""
    kind: str = "info"
    """`info`, `success`, `warning`, `error` or `service_check`."""
    source: str = ""
    """Who says so: a check, a plugin, a deploy tool."""
    labels: Labels = ()


class Mark(NamedTuple):
    """The identity of a batch, given when it enters a buffer and never changed after."""

    agent: str
    epoch: int
    """Drawn at random each time a buffer is opened (63 bits), so a lost tail is never reused."""
    sequence: int
    """1, 2, 3 ... within the epoch."""


class Batch:
    """Samples in columns, and events; never changed once it was handed on.

    Row i is the sample `(series[index[i]], timestamps[i], values[i])`. The columns are arrays of
    one length (uint32, int64, float64) that NumPy reads without a copy. `series` holds each series
    once. Rows need no order.
    """

    __slots__ = ("events", "index", "series", "timestamps", "values")

    def __init__(
        self,
        series: Sequence[Series],
        index: array[int],
        timestamps: array[int],
        values: array[float],
        events: Sequence[Event] = (),
    ) -> None:
        """The columns are taken over, not copied."""
        self.series = series
        self.index = index
        self.timestamps = timestamps
        self.values = values
        self.events = events

    @classmethod
    def of(cls, samples: Iterable[Sample], events: Sequence[Event] = ()) -> Batch:
        """Gathers samples into columns."""
        table: dict[Series, int] = {}
        index, timestamps, values = array("I"), array("q"), array("d")
        for series, timestamp, value in samples:
            index.append(table.setdefault(series, len(table)))
            timestamps.append(timestamp)
            values.append(value)
        return cls(list(table), index, timestamps, values, events)

    def __len__(self) -> int:
        """How many samples."""
        return len(self.values)

    def __bool__(self) -> bool:
        """Whether there is anything in it, an event included."""
        return bool(self.values) or bool(self.events)

    def __iter__(self) -> Iterator[Sample]:
        series = self.series
        for position, timestamp, value in zip(
            self.index, self.timestamps, self.values, strict=True
        ):
            yield Sample(series[position], timestamp, value)

    def __eq__(self, other: object) -> bool:
        """Equal when they hold the same samples in the same order and the same events."""
        return (
            isinstance(other, Batch)
            and list(self) == list(other)
            and list(self.events) == list(other.events)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Batch {len(self)} samples, {len(self.series)} series, {len(self.events)} events>"


class Entry(NamedTuple):
    """A batch in a buffer or on the wire, with its identity."""

    mark: Mark
    batch: Batch
