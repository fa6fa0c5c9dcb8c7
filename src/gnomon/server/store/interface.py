"""The storage primitives, and what every store promises.

Query code sits above these and sees no SQL; one conformance suite
(`tests/contract/test_stores.py`) runs over every implementation.

- `append` is one transaction: samples, events, series and marks are durable together when it
  returns, or none is. A write whose mark was stored before is a duplicate and changes nothing.
- A series has at most one value at one millisecond. Among several written for the same instant the
  one appended last is answered.
- Reads see whole appends only, and go on while a write or maintenance runs.
- Times are milliseconds; ranges are closed on both ends (`start <= t <= end`).
- Methods may be called from any thread; `append` from one at a time (the `Writer` sees to it).
- `append` raises `Full` when the disk is full (nothing is torn), `Permanent` when the batch cannot
  be stored as it is, another `Retryable` when the engine has stopped or the store is closed. Reads
  raise `Permanent` for a malformed regular expression and `Corrupt` for a damaged file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum, StrEnum
from typing import NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from gnomon.core.model import Batch, Event, Mark, Metric, Series

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]


class MatchOp(StrEnum):
    """Prometheus' label matchers. Regular expressions are anchored; a missing label is ""."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


class Matcher(NamedTuple):
    """A condition on one label; `__name__` is the metric name."""

    label: str
    op: MatchOp
    value: str

    def matches(self, value: str) -> bool:
        """Whether a label's value meets the condition."""
        if self.op is MatchOp.EQUAL:
            return value == self.value
        if self.op is MatchOp.NOT_EQUAL:
            return value != self.value
        found = re.fullmatch(self.value, value, re.DOTALL) is not None
        return found is (self.op is MatchOp.REGEX)


class Write(NamedTuple):
    """What one client wants stored at once."""

    batch: Batch
    marks: Sequence[Mark] = ()
    """Identities of the agent batches it consists of; empty for wires that have none."""
    key: str = ""
    """An `Idempotency-Key`, or ""; remembered as marks are."""


class Outcome(Enum):
    """What became of a write."""

    STORED = "stored"
    DUPLICATE = "duplicate"


class Frame(NamedTuple):
    """Raw samples of several series, one after the other.

    Series i owns rows `offsets[i]` to `offsets[i + 1]`, in time order, one per timestamp. The arrays
    are read-only: they may be those the store itself works with.
    """

    series: Sequence[Series]
    offsets: Int64s
    """len(series) + 1"""
    timestamps: Int64s
    values: Float64s

    def sealed(self) -> Frame:
        """The same, its arrays made read-only."""
        for column in (self.offsets, self.timestamps, self.values):
            column.flags.writeable = False
        return self


class GridFunction(StrEnum):
    """How the samples of a step become one value."""

    LAST = "last"
    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    SUM = "sum"
    COUNT = "count"


class Grid(NamedTuple):
    """Values on a regular grid: column j covers `(start + (j-1)*step, start + j*step]`.

    Missing values are NaN. Shape: len(series) x columns.
    """

    series: Sequence[Series]
    start: int
    step: int
    values: Float64s


class Last(NamedTuple):
    """The newest sample of each series, in columns."""

    series: Sequence[Series]
    timestamps: Int64s
    values: Float64s


class StoreStats(msgspec.Struct, frozen=True):
    """What is in the store, for status pages and self-metrics."""

    engine: str
    series: int
    samples: int
    events: int
    bytes: int
    """On disk."""
    oldest: int | None
    newest: int | None
    details: Mapping[str, float] = {}
    """Of the engine: rows in the hot table, files, last maintenance..."""


class Store(Protocol):
    """See the module's docstring."""

    def append(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Stores all writes in one transaction and one sync; an outcome for each."""
        ...

    def series(
        self, matchers: Sequence[Matcher], start: int | None = None, end: int | None = None
    ) -> Sequence[Series]:
        """Series that match and, if a range is given, may have samples in it (by hour)."""
        ...

    def raw(self, matchers: Sequence[Matcher], start: int, end: int) -> Frame:
        """All samples; series without any are left out."""
        ...

    def grid(
        self,
        matchers: Sequence[Matcher],
        start: int,
        end: int,
        step: int,
        function: GridFunction = GridFunction.LAST,
    ) -> Grid:
        """Samples folded to a grid; series without any are left out."""
        ...

    def last(self, matchers: Sequence[Matcher], since: int | None = None) -> Last:
        """The newest sample of each series (from memory), not older than `since`."""
        ...

    def label_names(
        self,
        matchers: Sequence[Matcher] = (),
        start: int | None = None,
        end: int | None = None,
    ) -> Sequence[str]:
        """Sorted; includes `__name__`."""
        ...

    def label_values(
        self,
        label: str,
        matchers: Sequence[Matcher] = (),
        start: int | None = None,
        end: int | None = None,
    ) -> Sequence[str]:
        """Sorted, distinct."""
        ...

    def metrics(self) -> Sequence[Metric]:
        """What is known of each metric, sorted by name."""
        ...

    def events(
        self, start: int, end: int, labels: Mapping[str, str] | None = None, limit: int = 1000
    ) -> Sequence[Event]:
        """Newest first."""
        ...

    def delete(self, matchers: Sequence[Matcher], start: int, end: int) -> int:
        """Removes samples; returns how many."""
        ...

    def maintain(self, now: int) -> None:
        """Closes hours, applies retention, compacts. Called every minute or so from one thread."""
        ...

    def stats(self) -> StoreStats:
        """Cheap."""
        ...

    def close(self) -> None:
        """Lets go of all files. May be called twice."""
        ...
