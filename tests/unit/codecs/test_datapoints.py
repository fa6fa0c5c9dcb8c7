"""Data points of shell scripts: times, kinds, what is rejected and why, any bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.codecs.datapoints import decode
from gnomon.core.errors import DecodeError
from gnomon.core.model import Kind

NOW = 1_700_000_000_000
GOOD = {
    "hostId": "17",
    "host": "web1",
    "metric": "system.service.state",
    "timeStamp": "1700000001",
    "value": 1,
    "tags": ["host:web1", "service:nginx"],
    "type": "gauge",
}


def one(**changes):
    said = {key: value for key, value in {**GOOD, **changes}.items() if value is not ...}
    return decode(json.dumps([said]).encode(), NOW)


def test_a_data_point():
    ((index, sample),) = one().samples
    assert index == 0
    assert repr(sample.series) == "system.service.state{host='web1', service='nginx'}"
    assert (sample.timestamp, sample.value) == (1700000001000, 1.0)


@pytest.mark.parametrize(
    ("stamp", "at"),
    [
        ("1700000001", 1700000001000),
        (1700000001, 1700000001000),
        (1700000001.5, 1700000001500),
        ("1700000001.5", 1700000001500),
        (1700000001234, 1700000001234),
        ("1700000001234", 1700000001234),
        (100_000_000_000, 100_000_000_000_000),
        (100_000_000_001, 100_000_000_001),
        ("", NOW),
        (None, NOW),
        (..., NOW),
    ],
    ids=repr,
)
def test_times(stamp, at):
    assert one(timeStamp=stamp).samples[0][1].timestamp == at


@pytest.mark.parametrize(
    ("said", "kind"),
    [("gauge", Kind.GAUGE), ("count", Kind.COUNT), ("rate", Kind.RATE), (None, Kind.GAUGE)],
)
def test_kinds(said, kind):
    assert one(type=said).samples[0][1].series.metric.kind is kind


@pytest.mark.parametrize(
    ("changes", "host"),
    [
        ({"host": "db1"}, "db1"),
        ({"host": None}, "web1"),
        ({"host": None, "tags": None}, "17"),
        ({"host": None, "tags": [], "hostId": None}, ""),
    ],
)
def test_host(changes, host):
    assert one(**changes).samples[0][1].series.label("host") == host


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"metric": ""}, "metric: missing or empty"),
        ({"metric": ...}, "metric: missing or empty"),
        ({"metric": 5}, "metric: expected text, not 5"),
        ({"type": "counter"}, "type: 'counter' is not one of gauge, count, rate"),
        ({"value": "1"}, 'value: expected a number, not "1"'),
        ({"value": None}, "value: expected a number, not null"),
        ({"value": True}, "value: expected a number, not true"),
        ({"value": float("nan")}, "value: expected a number, not NaN"),
        ({"value": 10**400}, "value: expected a number"),
        ({"timeStamp": "now"}, 'timeStamp: expected a number, not "now"'),
        ({"timeStamp": "1_0"}, 'timeStamp: expected a number, not "1_0"'),
        ({"timeStamp": "9" * 400}, "timeStamp: expected a number"),
        ({"timeStamp": -1}, "timeStamp: -1 is no time since 1970"),
        ({"timeStamp": 1e15}, "timeStamp: 1000000000000000.0 is no time since 1970"),
        ({"tags": "a:b"}, "tags: expected a list of texts"),
        ({"tags": [5]}, "tags: expected a list of texts"),
        ({"host": {}}, "host: expected text, not {}"),
    ],
)
def test_a_bad_item_is_named_and_costs_only_itself(changes, reason):
    bad = {key: value for key, value in {**GOOD, **changes}.items() if value is not ...}
    decoded = decode(json.dumps([GOOD, bad, 7, GOOD]).encode(), NOW)
    assert [index for index, _ in decoded.samples] == [0, 3]
    assert [index for index, _ in decoded.rejected] == [1, 2]
    assert decoded.rejected[0][1].startswith(reason)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'[{"host":"a","timeStamp;"1"}]', "not JSON: Expecting ':' delimiter at line 1 column 26"),
        (b'[{"host":', "cut off: is the data quoted in the shell"),
        (b"", "cut off"),
        (b"[]", "the array is empty"),
        (b"{}", "expected a JSON array"),
        (b'["\xff"]', "not UTF-8 text at byte 2"),
        (b"[" * 99_999, "not JSON"),
    ],
)
def test_what_is_no_list_is_an_error_with_its_place(body, message):
    with pytest.raises(DecodeError) as error:
        decode(body, NOW)
    assert message in str(error.value)


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)


@given(
    st.lists(
        VALUES | st.dictionaries(st.sampled_from([*GOOD]), VALUES | st.lists(VALUES, max_size=3)),
        min_size=1,
        max_size=4,
    )
)
def test_any_list_gives_samples_and_reasons(items):
    decoded = decode(json.dumps(items).encode(), NOW)
    places = [index for index, _ in [*decoded.samples, *decoded.rejected]]
    assert sorted(places) == list(range(len(items)))


@given(st.binary(max_size=200))
def test_any_bytes_give_samples_or_a_decode_error(body):
    try:
        decoded = decode(body, NOW)
    except DecodeError:
        return
    assert decoded.samples or decoded.rejected
