"""Open-Falcon's metric values: what is valid, what is repaired, tags, any JSON at all."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.codecs.falcon.metric_value import decode, tags_of
from gnomon.core.errors import DecodeError
from gnomon.core.model import Kind

NOW = 1_700_000_000_000
GOOD = {
    "endpoint": "web1",
    "metric": "load.1min",
    "value": 1.5,
    "step": 60,
    "counterType": "GAUGE",
    "tags": "",
    "timestamp": 1700000000,
}


def one(**changes):
    return decode(json.dumps([{**GOOD, **changes}]).encode(), NOW)


def test_a_metric_value():
    decoded = one(tags="srv=falcon, idc=bj,bare", counterType="COUNTER")
    (sample,) = decoded.batch
    assert repr(sample.series) == "load.1min{host='web1', idc='bj', srv='falcon'}"
    assert (sample.timestamp, sample.value) == (1700000000000, 1.5)
    assert sample.series.metric.kind is Kind.COUNTER
    assert decoded[1:] == (1, 0, "")


@pytest.mark.parametrize(
    ("value", "stored"),
    [(0, 0.0), ("1.5", 1.5), ("-1e3", -1000.0), ("0x1p-2", 0.25), (2**53 + 1, 2.0**53)],
)
def test_values(value, stored):
    assert one(value=value).batch.values[0] == stored


@pytest.mark.parametrize("kind", ["GAUGE", "COUNTER", "DERIVE"])
def test_kinds(kind):
    found = one(counterType=kind).batch.series[0].metric.kind
    assert found is (Kind.GAUGE if kind == "GAUGE" else Kind.COUNTER)


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoint": ""},
        {"endpoint": None},
        {"endpoint": 5},
        {"metric": ""},
        {"metric": "kernel.hostname"},
        {"counterType": "gauge"},
        {"counterType": ""},
        {"step": 0},
        {"step": -1},
        {"step": None},
        {"step": "60"},
        {"step": True},
        {"value": ""},
        {"value": "x"},
        {"value": " 1"},
        {"value": "1_0"},
        {"value": "nan"},
        {"value": "inf"},
        {"value": None},
        {"value": True},
        {"value": {}},
        {"metric": "m" * 511},
        {"tags": "é" * 255},
        {"tags": ["a=b"]},
        {"timestamp": "1700000000"},
        {"timestamp": 10**20},
    ],
)
def test_an_invalid_item_costs_only_itself(changes):
    decoded = decode(json.dumps([GOOD, {**GOOD, **changes}, None, GOOD]).encode(), NOW)
    assert (len(decoded.batch), decoded.total, decoded.invalid) == (2, 4, 2)
    assert decoded.first


def test_metric_and_tags_may_have_510_bytes():
    assert one(metric="m" * 500, tags="a=" + "b" * 8).invalid == 0


@pytest.mark.parametrize("timestamp", [0, -5, None, 3_400_000_001, 1_700_000_000_000])
def test_an_impossible_time_is_now(timestamp):
    assert one(timestamp=timestamp).batch.timestamps[0] == NOW


def test_keys_in_any_case_and_what_follows_is_ignored():
    body = json.dumps([{key.upper(): value for key, value in GOOD.items()}]).encode()
    assert len(decode(body + b" trailing [", NOW).batch) == 1


def test_nan_and_bytes_that_are_no_text_cost_one_item():
    bad = json.dumps({**GOOD, "value": float("nan")})
    body = f"[{bad}, {json.dumps(GOOD).replace('web1', 'web?')}]".encode().replace(b"?", b"\xff")
    decoded = decode(body, NOW)
    assert [s.series.label("host") for s in decoded.batch] == ["web\ufffd"]
    assert decoded.invalid == 1


def test_a_tag_host_is_not_lost():
    labels = dict(one(tags="host=other").batch.series[0].labels)
    assert labels == {"host": "web1", "exported_host": "other"}


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("1=1", {"1": "1"}),
        ("0,1=1,2=2", {"1": "1", "2": "2"}),
        ("0=,1=1,2=2", {"0": "", "1": "1", "2": "2"}),
        ("=0,1=1,2=2", {"": "0", "1": "1", "2": "2"}),
        ("0=0, 1=1, 2=2", {"0": "0", "1": "1", "2": "2"}),
        ("a=1,a=2,b=c=d", {"a": "2", "b": "c=d"}),
    ],
)
def test_tags(text, pairs):
    assert tags_of(text) == pairs


@pytest.mark.parametrize("body", [b"", b"{}", b"5", b'"x"', b"[", b"[" * 99_999, b"\xff"])
def test_what_is_no_list_is_an_error(body):
    with pytest.raises(DecodeError):
        decode(body, NOW)


def test_null_is_an_empty_list():
    assert decode(b"null", NOW)[1:] == (0, 0, "")


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD]), inner),
    max_leaves=20,
)


@given(st.lists(ANY | st.fixed_dictionaries(dict.fromkeys(GOOD, ANY)), max_size=4))
def test_any_list_gives_samples_and_counts(items):
    decoded = decode(json.dumps(items).encode(), NOW)
    assert decoded.total == len(items) == len(decoded.batch) + decoded.invalid
    assert all(0 < at <= 2 * NOW for at in decoded.batch.timestamps)


@given(st.binary(max_size=200))
def test_any_bytes_give_samples_or_a_decode_error(body):
    try:
        decoded = decode(body, NOW)
    except DecodeError:
        return
    assert decoded.invalid <= decoded.total
