"""The data model: identity of series, columns of batches."""

from hypothesis import given
from hypothesis import strategies as st

from gnomon.core.model import Batch, Event, Metric, Sample, Series, labels_of, series_id

pairs = st.dictionaries(st.text(), st.text(), max_size=5)


def test_labels_are_sorted_and_without_empty_values():
    assert labels_of({"b": "2", "a": "1", "c": ""}) == (("a", "1"), ("b", "2"))
    assert labels_of([("b", "2"), ("a", "1")]) == (("a", "1"), ("b", "2"))


def test_series_are_equal_by_name_and_labels_whatever_else_is_known():
    one = Series(Metric("m", unit="byte"), labels_of({"host": "a"}))
    assert one == Series.of("m", host="a")
    assert hash(one) == hash(Series.of("m", host="a"))
    assert one != Series.of("m", host="b")
    assert one != Series.of("n", host="a")


def test_the_id_of_a_series_never_changes():
    # Stored ids depend on it: a change here loses every series of every existing store.
    assert series_id("system.load.1", (("host", "web1"),)) == 0x30A3296B2A4E6168
    assert Series.of("system.load.1", host="web1").id == 0x30A3296B2A4E6168
    assert series_id("m", (("a", "bc"),)) != series_id("m", (("ab", "c"),))


@given(st.text(), pairs, pairs)
def test_series_of_one_metric_share_the_upper_16_bits(name, one, two):
    first, second = series_id(name, labels_of(one)), series_id(name, labels_of(two))
    assert first >> 48 == second >> 48
    assert (first == second) == (labels_of(one) == labels_of(two))


def test_a_batch_gives_back_its_samples_in_order():
    a, b = Series.of("a"), Series.of("b")
    samples = [Sample(a, 1, 1.5), Sample(b, 1, 2.5), Sample(a, 2, 3.5)]
    batch = Batch.of(samples)
    assert list(batch) == samples
    assert list(batch.series) == [a, b]
    assert list(batch.index) == [0, 1, 0]
    assert len(batch) == 3


def test_a_batch_of_events_only_is_not_empty():
    assert not Batch.of([])
    assert Batch.of([], [Event(1, "deployed")])


def test_label_of_a_series_knows_the_name():
    series = Series.of("m", host="a")
    assert series.label("__name__") == "m"
    assert series.label("host") == "a"
    assert series.label("none") == ""
