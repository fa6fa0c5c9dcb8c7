from __future__ import annotations

import pytest

from gnomon.core.errors import LimitExceeded
from gnomon.core.model import Batch, Event, Metric, Sample, Series
from gnomon.server.ingest.limits import LATEST, Admission, Limits

LIMITS = Limits(label_length=5, labels_per_series=2, series_per_request=3)
FINE = Sample(Series.of("cpu", host="a"), 1, 1.0)


def offender(reason: str) -> Sample:
    return {
        "label_length": Sample(Series.of("cpu", host="longer"), 1, 2.0),
        "labels_per_series": Sample(Series.of("cpu", a="1", b="2", c="3"), 1, 2.0),
        "not_utf8": Sample(Series(Metric("c\ud800")), 1, 2.0),
        "timestamp": Sample(FINE.series, LATEST + 1, 2.0),
    }[reason]


REASONS = ["label_length", "labels_per_series", "not_utf8", "timestamp"]


def test_what_is_within_the_limits_passes_untouched():
    batch = Batch.of([FINE, Sample(Series.of("up"), LATEST, 0.0)], [Event(0, "deploy")])
    admission = Admission(LIMITS)
    admission.require(batch)
    assert admission.admit(batch).batch is batch
    assert admission.admit(Batch.of([])).dropped == {}


@pytest.mark.parametrize("reason", REASONS)
def test_require_names_the_offence(reason):
    with pytest.raises(LimitExceeded, match=reason):
        Admission(LIMITS).require(Batch.of([FINE, offender(reason)]))


@pytest.mark.parametrize("reason", REASONS)
def test_admit_leaves_only_the_offender_out(reason):
    batch = Batch.of([offender(reason), FINE, offender(reason)], [Event(1, "kept")])
    admission = Admission(LIMITS)
    for _ in range(2):  # an offender is not remembered as fine
        admitted = admission.admit(batch)
        assert admitted.batch == Batch.of([FINE], [Event(1, "kept")])
        assert list(admitted.batch.series) == [FINE.series]
        assert admitted.dropped == {reason: 2}
        assert admitted.example


def test_a_negative_time_is_an_offence():
    assert Admission(LIMITS).admit(Batch.of([FINE._replace(timestamp=-1)])).dropped == {
        "timestamp": 1
    }


def test_a_long_metric_name_is_an_offence():
    assert Admission(LIMITS).admit(Batch.of([Sample(Series.of("cpu_idle"), 1, 1)])).dropped


def test_series_beyond_the_number_allowed_are_left_out():
    batch = Batch.of([Sample(Series.of(name), 1, 1.0) for name in "abcde"])
    admitted = Admission(LIMITS).admit(batch)
    assert [series.name for series in admitted.batch.series] == ["a", "b", "c"]
    assert admitted.dropped == {"series_per_request": 2}


def test_events_that_cannot_be_are_left_out():
    bad = [
        Event(-1, "early"),
        Event(1, "half a pair \udc00"),
        Event(1, "t", labels=(("\ud800", "v"),)),
    ]
    batch = Batch.of([FINE], [Event(1, "fine"), *bad])
    admitted = Admission(LIMITS).admit(batch)
    assert admitted.batch == Batch.of([FINE], [Event(1, "fine")])
    assert admitted.dropped == {"event": 3}
    with pytest.raises(LimitExceeded, match="early"):
        Admission(LIMITS).require(batch)
