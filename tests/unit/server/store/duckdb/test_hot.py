"""Which hot table a sample goes to, and in which order tables are read and closed."""

import numpy as np
import pytest

from gnomon.server.store.duckdb import hot as hot_module
from gnomon.server.store.duckdb.hot import Hot
from gnomon.server.store.duckdb.rows import Rows

SIZE = 1000
NOW = 100 * SIZE


@pytest.fixture(autouse=True)
def _two_open_buckets(monkeypatch):
    monkeypatch.setattr(hot_module, "OPEN_BUCKETS", 2)


def rows(*numbers: int) -> Rows:
    """A sample for each bucket number; its value is its place."""
    times = np.array([number * SIZE + 5 for number in numbers], np.int64)
    return Rows(np.zeros(len(numbers), np.uint32), times, np.arange(len(numbers), dtype=float))


def add(hot: Hot, *numbers: int, moment: float = 0.0) -> dict[str, list[int]]:
    parts = hot.divide(rows(*numbers), NOW, moment)
    found = {part.bucket.table: (part.rows.timestamps // SIZE).tolist() for part in parts}
    hot.apply(parts)
    return found


def tables(hot: Hot) -> list[str]:
    return [bucket.table for bucket in hot]


def bucket(hot: Hot, table: str):
    return next(bucket for bucket in hot if bucket.table == table)


def test_each_bucket_has_a_table_and_the_rest_are_late():
    hot = Hot(SIZE)
    assert add(hot, 100, 99, 100) == {"hot_000001_99": [99], "hot_000002_100": [100, 100]}
    assert add(hot, 5, 99) == {"hot_000003_late": [5], "hot_000001_99": [99]}
    assert add(hot, 101, -7, 5) == {"hot_000003_late": [101, -7, 5]}
    assert hot.rows == 8


def test_the_present_always_has_a_table():
    hot = Hot(SIZE)
    add(hot, 7, 8)
    assert add(hot, 100, 9) == {"hot_000003_late": [9], "hot_000004_100": [100]}


def test_a_bucket_with_late_samples_gets_no_table_meanwhile():
    hot = Hot(SIZE)
    add(hot, 7, 8, 9)
    hot.remove(bucket(hot, "hot_000001_7"))
    assert add(hot, 9, 10) == {"hot_000003_late": [9], "hot_000004_10": [10]}
    hot.remove(bucket(hot, "hot_000003_late"))
    hot.remove(bucket(hot, "hot_000004_10"))
    assert add(hot, 9) == {"hot_000005_9": [9]}


def test_what_comes_for_a_bucket_that_is_being_closed_is_late():
    hot = Hot(SIZE)
    add(hot, 99, 100)
    hot.freeze(bucket(hot, "hot_000001_99"))
    assert add(hot, 99, 100) == {"hot_000003_late": [99], "hot_000002_100": [100]}
    assert tables(hot) == ["hot_000001_99", "hot_000002_100", "hot_000003_late"]
    hot.remove(bucket(hot, "hot_000001_99"))
    assert add(hot, 99) == {"hot_000003_late": [99]}


def test_a_bucket_that_could_not_be_closed_stays_before_its_late_samples():
    hot = Hot(SIZE)
    add(hot, 99)
    hot.freeze(bucket(hot, "hot_000001_99"))
    add(hot, 99)
    hot.thaw(bucket(hot, "hot_000001_99"))
    assert add(hot, 99) == {"hot_000002_late": [99]}


def test_late_samples_that_come_while_late_ones_are_closed_have_a_table_of_their_own():
    hot = Hot(SIZE)
    add(hot, 1, 2, 3)
    hot.freeze(bucket(hot, "hot_000003_late"))
    assert add(hot, 3, 4) == {"hot_000004_late": [3, 4]}
    hot.remove(bucket(hot, "hot_000003_late"))
    assert add(hot, 3) == {"hot_000004_late": [3]}


def test_what_is_due():
    hot = Hot(SIZE)
    add(hot, 98, 99, moment=10.0)
    add(hot, 100, moment=10.0)
    add(hot, 5, moment=10.0)

    def due(now: int, moment: float = 10.0, late_rows: int = 100) -> list[str]:
        return [b.table for b in hot.due(now, moment, 300, late_rows)]

    assert due(99 * SIZE + 299) == []
    assert due(99 * SIZE + 300) == ["hot_000001_98"]
    assert due(100 * SIZE + 300) == ["hot_000001_98", "hot_000002_99"]
    assert due(0) == [], "the clock was set back"
    assert due(0, late_rows=1) == ["hot_000004_late"]
    assert due(0, moment=11.0) == ["hot_000004_late"]
    assert due(0, moment=12.0) == tables(hot), "whatever the clock says"


def test_a_bucket_is_closed_before_its_late_samples():
    hot = Hot(SIZE)
    add(hot, 100)
    hot.freeze(bucket(hot, "hot_000001_100"))
    add(hot, 100)
    hot.thaw(bucket(hot, "hot_000001_100"))
    due = [b.table for b in hot.due(0, 0.0, 300, 1)]
    assert due == ["hot_000001_100", "hot_000002_late"]


def test_tables_are_restored_as_they_were():
    hot = Hot(SIZE)
    for table, numbers in (
        ("hot_000003_-2", [-2]),
        ("hot_000007_99", [99]),
        ("hot_000008_late", [99, 50]),
        ("hot_000009_late", [51]),
    ):
        hot.restore(table, rows(*numbers), 0.0)
    assert tables(hot) == ["hot_000003_-2", "hot_000007_99", "hot_000008_late", "hot_000009_late"]
    assert add(hot, 99, 50, 51, -2) == {
        "hot_000009_late": [99, 50, 51],
        "hot_000003_-2": [-2],
    }
    assert add(hot, 100) == {"hot_000010_100": [100]}
