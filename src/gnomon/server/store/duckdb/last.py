"""The newest sample of every series, and since when there are any: three columns by ref."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np

from gnomon.server.store.duckdb.rows import Bools, Float64s, Int64s, Refs, Rows, Run

NEVER = np.iinfo(np.int64).min
"""The newest time of a series that has no sample."""
NO_FIRST = np.iinfo(np.int64).max


class Newest(NamedTuple):
    """The newest samples of some series, one each."""

    refs: Refs
    timestamps: Int64s
    values: Float64s


class LastValues:
    """Safe for threads: an update is seen whole or not at all."""

    def __init__(self, count: int) -> None:
        """For refs below `count`, none of which has a sample yet."""
        self._lock = threading.Lock()
        self._first: Int64s = np.full(count, NO_FIRST)
        self._last: Int64s = np.full(count, NEVER)
        self._value: Float64s = np.zeros(count)

    def grow(self, count: int) -> None:
        """Makes room for refs below `count`."""
        with self._lock:
            if count > len(self._last):
                more = max(count, len(self._last) * 3 // 2, 1024) - len(self._last)
                self._first = np.append(self._first, np.full(more, NO_FIRST))
                self._last = np.append(self._last, np.full(more, NEVER))
                self._value = np.append(self._value, np.zeros(more))

    def update(self, rows: Rows) -> None:
        """Takes samples in arrival order: of several at one time the last one stands."""
        refs, timestamps, values = rows
        with self._lock:
            np.minimum.at(self._first, refs, timestamps)
            np.maximum.at(self._last, refs, timestamps)
            newest = timestamps == self._last[refs]
            self._value[refs[newest]] = values[newest]

    def load(self, refs: Refs, first: Int64s, last: Int64s, values: Float64s) -> None:
        """Sets some series, as they were stored."""
        with self._lock:
            self._first[refs], self._last[refs], self._value[refs] = first, last, values

    def reset(self, refs: Refs, run: Run) -> None:
        """Sets some series to what an ordered run holds of them, or to nothing."""
        with self._lock:
            self._first[refs], self._last[refs] = NO_FIRST, NEVER
            ends = run.offsets[1:] - 1
            self._first[run.refs] = run.timestamps[run.offsets[:-1]]
            self._last[run.refs] = run.timestamps[ends]
            self._value[run.refs] = run.values[ends]

    def saved(self, refs: Refs) -> tuple[Int64s, Int64s, Float64s]:
        """What `load` takes, of some series."""
        with self._lock:
            return self._first[refs], self._last[refs], self._value[refs]

    def newest(self, refs: Refs, since: int | None) -> Newest:
        """Of those of the series that have one, not older than `since`."""
        with self._lock:
            last, values = self._last[refs], self._value[refs]
        some = last > NEVER if since is None else last >= since
        return Newest(refs[some], last[some], values[some])

    def between(self, refs: Refs, start: int | None, end: int | None) -> Bools:
        """Which of the series may have samples in a time range: those whose life meets it."""
        with self._lock:
            first, last = self._first[refs], self._last[refs]
        mask = np.ones(len(refs), np.bool_)
        if start is not None:
            mask &= last >= start
        if end is not None:
            mask &= first <= end
        return mask

    def stored(self) -> tuple[Refs, Int64s, Int64s, Float64s]:
        """All that have samples: refs, first and last time, value."""
        with self._lock:
            refs = np.flatnonzero(self._last > NEVER).astype(np.uint32)
        return refs, *self.saved(refs)

    def ended_before(self, time: int) -> Refs:
        """Series whose newest sample is older than `time`."""
        with self._lock:
            ended = (self._last < time) & (self._last > NEVER)
        return np.flatnonzero(ended).astype(np.uint32)
