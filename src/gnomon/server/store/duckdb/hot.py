"""Which hot table a sample goes to.

A bucket of time has a table of its own, so that closing it is a DROP. Only a few buckets may be
open at once; samples of all others (history that is imported, clocks that are wrong) go to a
`late` table, whatever their time. While late samples of a bucket wait it gets no table of its own;
so for each bucket the order of arrival is: its own table, then the late tables by serial.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gnomon.server.store.duckdb.database import HOT
from gnomon.server.store.duckdb.head import HeadBucket
from gnomon.server.store.duckdb.rows import Rows

OPEN_BUCKETS = 8
"""Tables of buckets beside the one of the present."""
LATE = "late"


class Part(NamedTuple):
    """Rows for one hot table."""

    bucket: HeadBucket
    rows: Rows
    numbers: set[int]
    """The buckets of time they are of."""


class Hot:
    """All head buckets. The appending thread adds to them; maintenance takes away what is closed.

    Readers iterate under the lock under which `apply` and `remove` are called.
    """

    def __init__(self, size: int) -> None:
        """`size`: length of a bucket in ms."""
        self.size = size
        self._serial = 0
        self._buckets: dict[int, HeadBucket] = {}
        self._late: dict[str, HeadBucket] = {}
        self._late_numbers: dict[str, set[int]] = {}
        self._frozen: set[str] = set()

    def __iter__(self) -> Iterator[HeadBucket]:
        """All, in an order that is the order of arrival for each bucket of time."""
        yield from self._buckets.values()
        yield from self._late.values()

    @property
    def rows(self) -> int:
        """Samples in memory."""
        return sum(bucket.rows for bucket in self)

    # Adding.

    def divide(self, rows: Rows, now: int, moment: float) -> list[Part]:
        """Where rows go, with new head buckets where there are none; changes nothing yet."""
        if not len(rows.refs):
            return []
        numbers = rows.timestamps // self.size
        distinct, owner = np.unique(numbers, return_inverse=True)
        planned: dict[int | None, HeadBucket] = {}
        chosen = [self._choose(n, now // self.size, moment, planned) for n in distinct.tolist()]
        tables = list({bucket.table: bucket for bucket in chosen}.values())
        if len(tables) == 1:
            return [Part(tables[0], rows, set(distinct.tolist()))]
        place = {bucket.table: at for at, bucket in enumerate(tables)}
        target = np.array([place[bucket.table] for bucket in chosen])
        return [
            Part(bucket, rows.at(target[owner] == at), set(distinct[target == at].tolist()))
            for at, bucket in enumerate(tables)
        ]

    def is_new(self, bucket: HeadBucket) -> bool:
        """Whether its table has yet to be made."""
        return bucket.table not in self._late and self._buckets.get(bucket.number or 0) != bucket

    def apply(self, parts: list[Part]) -> None:
        """Takes in rows that are durable now."""
        for bucket, rows, numbers in parts:
            if self.is_new(bucket):
                self._register(bucket)
            if bucket.number is None:
                self._late_numbers[bucket.table] |= numbers
            bucket.add(rows)

    def restore(self, table: str, rows: Rows, moment: float) -> None:
        """Takes in a table as it was found on disk; call in the order of their names."""
        _, _, number = table.split("_", 2)
        bucket = HeadBucket(table, None if number == LATE else int(number), moment)
        self._register(bucket)
        if bucket.number is None:
            self._late_numbers[table] = set(np.unique(rows.timestamps // self.size).tolist())
        bucket.add(rows)
        bucket.settle()

    # Taking away.

    def due(self, now: int, moment: float, grace: int, late_rows: int) -> list[HeadBucket]:
        """What should be closed, in the order in which it must be."""
        age = 2 * self.size / 1000
        late = [
            bucket
            for bucket in self._late.values()
            if bucket.rows >= late_rows or moment - bucket.opened >= age / 2
        ]
        waited = {number for bucket in late for number in self._late_numbers[bucket.table]}
        due = [
            bucket
            for number, bucket in self._buckets.items()
            if (number + 1) * self.size + grace <= now
            or moment - bucket.opened >= age
            or number in waited
        ]
        return due + late

    def freeze(self, bucket: HeadBucket) -> None:
        """From now on it gets no rows. Only while nobody appends."""
        self._frozen.add(bucket.table)

    def thaw(self, bucket: HeadBucket) -> None:
        """It could not be closed after all."""
        self._frozen.discard(bucket.table)

    def remove(self, bucket: HeadBucket) -> None:
        """It is closed: its samples are in blocks."""
        self._frozen.discard(bucket.table)
        self._late_numbers.pop(bucket.table, None)
        if bucket.number is None:
            del self._late[bucket.table]
        else:
            del self._buckets[bucket.number]

    # Inside.

    def _register(self, bucket: HeadBucket) -> None:
        self._serial = max(self._serial, int(bucket.table.split("_", 2)[1]))
        if bucket.number is None:
            self._late[bucket.table] = bucket
            self._late_numbers[bucket.table] = set()
        else:
            self._buckets[bucket.number] = bucket

    def _choose(
        self, number: int, current: int, moment: float, planned: dict[int | None, HeadBucket]
    ) -> HeadBucket:
        key: int | None = number
        own = self._buckets.get(number)
        if any(number in numbers for numbers in self._late_numbers.values()):
            key = None
        elif own is not None:
            if own.table not in self._frozen:
                return own
            key = None
        elif number != current and number not in planned:
            opened = len(self._buckets) + len(planned) - (None in planned)
            key = number if opened < OPEN_BUCKETS else None
        if key is None:
            newest = next(reversed(self._late.values()), None)
            if newest is not None and newest.table not in self._frozen:
                return newest
        if key not in planned:
            table = f"{HOT}{self._serial + len(planned) + 1:06d}_{LATE if key is None else key}"
            planned[key] = HeadBucket(table, key, moment)
        return planned[key]
