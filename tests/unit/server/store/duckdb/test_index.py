"""The series index: found again by hash, by labels and after a restart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.core import model
from gnomon.core.errors import Permanent
from gnomon.core.model import Kind, Metric, Series, labels_of
from gnomon.server.store.duckdb import index as index_module
from gnomon.server.store.duckdb.caches import Cache, Seen
from gnomon.server.store.duckdb.index import SeriesIndex, Stored
from gnomon.server.store.interface import Matcher, MatchOp
from gnomon.server.store.memory import selects


def empty(cache: int = 100) -> SeriesIndex:
    nothing = np.empty(0, np.uint32)
    alive = np.empty(0, np.bool_)
    stored = Stored((), nothing, [], np.empty(0, np.uint64), alive, nothing, nothing, (), {})
    return SeriesIndex(stored, cache)


def added(index: SeriesIndex, *series: Series) -> list[int]:
    (refs,), additions = index.plan([series])
    index.apply(additions)
    return refs.tolist()


def some(count: int) -> list[Series]:
    return [Series.of(f"m{n % 5}", host=f"h{n % 7}", n=str(n)) for n in range(count)]


@pytest.mark.parametrize("cache", [1, 4, 1000])
def test_a_series_keeps_its_ref_however_little_is_cached(cache):
    index, series = empty(cache), some(50)
    refs = added(index, *series)
    assert refs == list(range(50))
    again = [Series(one.metric, one.labels) for one in reversed(series)]
    for _ in range(2):
        assert added(index, *again) == refs[::-1]
        assert added(index, *series) == refs
    assert index.series(np.array(refs, np.uint32)) == series
    assert index.living == len(index) == 50


def test_the_same_object_is_found_without_a_look_at_it(monkeypatch):
    index, series = empty(), some(5)
    refs = added(index, *series)
    monkeypatch.setattr(Series, "__hash__", lambda _: pytest.fail("hashed"))
    assert added(index, *series) == refs


def test_a_plan_that_is_not_applied_changes_nothing():
    index = empty()
    added(index, *some(3))
    index.plan([some(10)])
    assert len(index) == 3
    assert added(index, *some(6)) == list(range(6))
    assert len(index.select(())) == 6


def test_one_plan_for_several_writes_knows_what_the_earlier_ones_add():
    index, series = empty(), some(4)
    refs, additions = index.plan([series[:3], [Series(series[2].metric, series[2].labels)], series])
    assert [own.tolist() for own in refs] == [[0, 1, 2], [2], [0, 1, 2, 3]]
    index.apply(additions)
    assert index.series(np.arange(4, dtype=np.uint32)) == series


def test_ids_that_collide_are_told_apart_by_labels(monkeypatch):
    monkeypatch.setattr(model, "series_id", lambda name, _: len(name))
    monkeypatch.setattr(index_module, "RECENT_IDS", 6)
    index = empty(2)
    series = [Series.of("same", n=str(n)) for n in range(20)]
    refs = [ref for one in series for ref in added(index, one)]
    assert refs == list(range(20))
    fresh = [Series(one.metric, one.labels) for one in series]
    assert added(index, *fresh) == refs
    assert added(index, *(Series(one.metric, one.labels) for one in fresh)) == refs
    assert index.series(np.array(refs, np.uint32)) == series


def test_text_that_is_no_unicode_is_refused():
    with pytest.raises(Permanent, match="not valid Unicode"):
        empty().plan([[Series.of("m", host="a\ud800")]])


def test_a_forgotten_series_comes_back_as_another():
    index, series = empty(), some(4)
    added(index, *series)
    index.forget(np.array([1, 2], np.uint32))
    assert index.select(()).tolist() == [0, 3]
    assert added(index, *series) == [0, 4, 5, 3]
    assert index.living == 4
    assert index.series(index.select(())) == [series[0], series[3], series[1], series[2]]


@pytest.mark.parametrize("recent", [0, 10_000])
def test_postings_and_what_came_after_them_agree(monkeypatch, recent):
    monkeypatch.setattr(index_module, "RECENT_LINKS", recent)
    index, series = empty(), some(300)
    found = []
    for start in range(0, 300, 20):
        added(index, *series[start : start + 20])
        matchers = [Matcher("host", MatchOp.REGEX, "h[12]"), Matcher("n", MatchOp.NOT_EQUAL, "8")]
        found = index.series(index.select(matchers))
        assert found == [s for s in series[: start + 20] if selects(matchers, s)]
    assert len(found) == 85


labels = st.dictionaries(st.sampled_from("ab"), st.sampled_from(["", "1", "2", "12"]))
matchers = st.lists(
    st.builds(
        Matcher,
        st.sampled_from(["a", "b", "c", "__name__"]),
        st.sampled_from(MatchOp),
        st.sampled_from(["", "1", "2", "1|2", "1|", ".*", ".+", "1.?", "m|n", "[12]+"]),
    ),
    max_size=3,
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("mn"), labels), unique_by=str), matchers)
def test_selecting_is_matching_each_series(drawn, chosen):
    series = list({Series(Metric(name), labels_of(pairs)): 0 for name, pairs in drawn})
    index = empty()
    added(index, *series)
    assert index.series(index.select(chosen)) == [s for s in series if selects(chosen, s)]


def test_an_object_shows_what_was_learnt_since():
    index = empty()
    (ref,) = added(index, Series(Metric("m", Kind.UNKNOWN), ()))
    assert index.series(np.array([ref], np.uint32))[0].metric == Metric("m", Kind.UNKNOWN)
    added(index, Series(Metric("m", Kind.COUNTER, "byte"), ()))
    assert index.series(np.array([ref], np.uint32))[0].metric == Metric("m", Kind.COUNTER, "byte")


def test_caches_are_bounded():
    cache: Cache[int, int] = Cache(10)
    seen, kept = Seen(10), some(40)
    for n in range(40):
        cache.put(n, n)
        seen.put(kept[n], n)
        assert cache.get(n - n % 5) == n - n % 5
    assert sum(cache.get(n) is not None for n in range(40)) <= 10
    assert sum(ref is not None for ref in seen.get_all(kept)) <= 10
    assert seen.get_all(kept[-1:]) == [39]
