"""Columns of samples, judged by dictionaries and lists."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.server.store.duckdb.head import HeadBucket
from gnomon.server.store.duckdb.rows import (
    EMPTY,
    Rows,
    Run,
    grouped,
    joined,
    merged,
    ordered,
    picked,
    ranges,
    within,
    without,
)

triples = st.lists(st.tuples(st.integers(0, 6), st.integers(-20, 20), st.integers(0, 99)))


def rows_of(samples) -> Rows:
    refs, times, values = ([s[i] for s in samples] for i in range(3))
    return Rows(np.array(refs, np.uint32), np.array(times, np.int64), np.array(values, np.float64))


def plain(run: Run) -> dict[int, list[tuple[int, float]]]:
    assert len(run.offsets) == len(run.refs) + 1
    assert np.all(run.refs[1:] > run.refs[:-1])
    assert run.offsets[0] == 0
    assert run.offsets[-1] == len(run.timestamps) == len(run.values) == run.rows
    if run.rows:
        assert run.first <= run.timestamps.min()
        assert run.last >= run.timestamps.max()
    found = {}
    for ref, start, end in zip(run.refs.tolist(), run.offsets[:-1], run.offsets[1:], strict=True):
        assert end > start
        found[ref] = list(
            zip(run.timestamps[start:end].tolist(), run.values[start:end].tolist(), strict=True)
        )
    return found


def by_ref(samples) -> dict[int, list[tuple[int, float]]]:
    found: dict[int, list[tuple[int, float]]] = {}
    for ref, time, value in samples:
        found.setdefault(ref, []).append((time, float(value)))
    return found


def newest(samples) -> dict[int, list[tuple[int, float]]]:
    return {ref: sorted(dict(rows).items()) for ref, rows in by_ref(samples).items()}


@settings(deadline=None)
@given(triples)
def test_grouping_keeps_the_order_of_arrival(samples):
    assert plain(grouped(rows_of(samples))) == by_ref(samples)


@settings(deadline=None)
@given(st.lists(triples, max_size=5))
def test_merging_runs_is_grouping_all_at_once(parts):
    together = [sample for part in parts for sample in part]
    assert plain(merged([grouped(rows_of(part)) for part in parts])) == by_ref(together)


@settings(deadline=None)
@given(triples)
def test_ordered_has_one_value_at_one_time_the_last_that_came(samples):
    assert plain(ordered(grouped(rows_of(samples)))) == newest(samples)


def test_ordering_spans_that_do_not_fit_one_number():
    far = 1 << 60
    samples = [(0, far, 1), (0, -far, 2), (1, 5, 3), (1, 5, 4), (0, far, 5)]
    assert plain(ordered(grouped(rows_of(samples)))) == newest(samples)


@settings(deadline=None)
@given(triples, st.integers(-20, 20), st.integers(-20, 20))
def test_a_range_of_time(samples, start, end):
    expected = [s for s in samples if start <= s[1] <= end]
    assert plain(within(grouped(rows_of(samples)), start, end)) == by_ref(expected)


@settings(deadline=None)
@given(triples, st.sets(st.integers(0, 8)))
def test_some_series(samples, refs):
    chosen = np.array(sorted(refs), np.uint32)
    expected = by_ref(s for s in samples if s[0] in refs)
    assert plain(picked(grouped(rows_of(samples)), chosen)) == expected


@settings(deadline=None)
@given(triples, st.sets(st.integers(0, 8)), st.integers(-20, 20), st.integers(-20, 20))
def test_all_but_some(samples, refs, start, end):
    chosen = np.array(sorted(refs), np.uint32)
    expected = by_ref(s for s in samples if s[0] not in refs or not start <= s[1] <= end)
    assert plain(without(grouped(rows_of(samples)), chosen, start, end)) == expected


def test_ranges():
    numbers = ranges(np.array([5, 0, 7]), np.array([2, 0, 3]))
    assert numbers.tolist() == [5, 6, 7, 8, 9]
    assert ranges(np.array([3]), np.array([2])).tolist() == [3, 4]
    assert ranges(np.array([], np.int64), np.array([], np.int64)).tolist() == []


@settings(deadline=None)
@given(st.lists(triples.filter(bool), max_size=12), st.sets(st.integers(0, 8), min_size=1))
def test_a_head_bucket_is_what_was_added_however_it_was_settled(parts, refs):
    bucket = HeadBucket("hot_1_0", 0, 0.0)
    for place, part in enumerate(parts):
        bucket.add(rows_of(part))
        if place % 3:
            bucket.settle()
    together = [sample for part in parts for sample in part]
    assert plain(merged(bucket.snapshot.all())) == by_ref(together)
    assert bucket.rows == len(together)
    chosen = np.array(sorted(refs), np.uint32)
    mask = np.zeros(int(chosen[-1]) + 2, np.bool_)
    mask[chosen] = True
    expected = by_ref(s for s in together if s[0] in refs and -5 <= s[1] <= 9)
    assert plain(merged(bucket.snapshot.select(chosen, mask, -5, 9))) == expected


def test_a_large_head_bucket_settles_into_few_runs(monkeypatch):
    monkeypatch.setattr("gnomon.server.store.duckdb.head.TAIL_ROWS", 50)
    monkeypatch.setattr("gnomon.server.store.duckdb.head.TAIL_PARTS", 4)
    bucket = HeadBucket("hot_1_0", 0, 0.0)
    samples = [(n % 7, n, n) for n in range(3000)]
    for start in range(0, len(samples), 10):
        bucket.add(rows_of(samples[start : start + 10]))
        bucket.settle()
        assert len(bucket.snapshot.tail) <= 4
    assert len(bucket.snapshot.runs) <= 6
    assert plain(merged(bucket.snapshot.all())) == by_ref(samples)
    assert (bucket.first, bucket.last) == (0, 2999)


def test_nothing_is_nothing():
    assert plain(grouped(rows_of([]))) == plain(merged([])) == plain(ordered(EMPTY)) == {}
    assert plain(merged([EMPTY, EMPTY])) == {}
    assert joined([rows_of([]), rows_of([(1, 2, 3)])]).refs.tolist() == [1]
