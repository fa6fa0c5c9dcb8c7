"""Datadog's wires into samples: every form, bad items beside good ones, any bytes at all."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.codecs.datadog.calls import CALLS
from gnomon.codecs.datadog.events import decode_check_runs, decode_event
from gnomon.codecs.datadog.intake import decode_intake
from gnomon.codecs.datadog.payload import Facts
from gnomon.codecs.datadog.series import PROTOBUF, decode_v1, decode_v2
from gnomon.core.errors import DecodeError
from gnomon.core.model import Kind

NOW = 1_700_000_000_000
FACTS = Facts(NOW, host="here")


def v1(*series, **facts):
    body = json.dumps({"series": list(series)}).encode()
    return decode_v1(body, FACTS._replace(**facts))


def shown(payload):
    return [(repr(s.series), s.timestamp, s.value) for s in payload.samples]


# --- series, version 1


def test_v1_series():
    payload = v1(
        {
            "metric": "app.load",
            "points": [[1700000001, 1], [1700000002.5, 2.5]],
            "type": "rate",
            "host": "web1",
            "tags": ["role:db", "x", "role:standby"],
            "device": "sda",
            "interval": 10,
            "source_type_name": "System",
        }
    )
    labels = "{device='sda', host='web1', role='db,standby', x='true'}"
    assert shown(payload) == [
        (f"app.load{labels}", 1700000001000, 1.0),
        (f"app.load{labels}", 1700000002500, 2.5),
    ]
    assert payload.samples[0].series.metric.kind is Kind.RATE
    assert payload.dated


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("gauge", Kind.GAUGE),
        ("rate", Kind.RATE),
        ("count", Kind.COUNT),
        ("counter", Kind.COUNT),
        (None, Kind.GAUGE),
    ],
)
def test_v1_kinds(said, kind):
    payload = v1({"metric": "m", "points": [[1, 2]], "type": said})
    assert payload.samples[0].series.metric.kind is kind


@pytest.mark.parametrize(
    ("item", "host"),
    [
        ({}, "here"),
        ({"host": None}, "here"),
        ({"host": "web1"}, "web1"),
        ({"host": ""}, ""),
        ({"tags": ["host:tagged"]}, "tagged"),
        ({"tags": ["host:tagged"], "host": "web1"}, "web1"),
    ],
)
def test_v1_host(item, host):
    payload = v1({"metric": "m", "points": [[1, 2]], **item})
    assert payload.samples[0].series.label("host") == host


def test_a_bad_point_costs_only_itself():
    points = [[1, 1], [2, None], [3, "x"], [4], 5, [6, True], [-1, 1], [1e300, 1], [8, "8.5"]]
    payload = v1({"metric": "m", "points": points})
    assert [(s.timestamp, s.value) for s in payload.samples] == [(1000, 1.0), (8000, 8.5)]
    assert payload.rejected == 7
    assert payload.first == "'m': 'None' is not a number"


def test_a_bad_series_costs_only_itself():
    good = {"metric": "m", "points": [[1, 2]]}
    payload = v1({"metric": 5, "points": []}, good, {"metric": "n"}, None, {**good, "metric": ""})
    assert [s.series.name for s in payload.samples] == ["m"]
    assert payload.rejected == 4


def test_a_value_that_json_does_not_know_costs_only_itself():
    body = b'{"series":[{"metric":"a","points":[[1,NaN]]},{"metric":"b\xff","points":[[1,2]]}]}'
    payload = decode_v1(body, FACTS)
    assert shown(payload) == [("b\ufffd{host='here'}", 1000, 2.0)]
    assert payload.rejected == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"series":5}', b"[" * 99_999, b"5", b"{"])
@pytest.mark.parametrize("decode", [decode_v1, decode_v2])
def test_what_is_no_series_at_all_is_an_error(decode, body):
    with pytest.raises(DecodeError):
        decode(body, FACTS)


# --- series, version 2


def test_v2_json():
    item = {
        "metric": "m",
        "type": 1,
        "points": [{"timestamp": 1700000001, "value": 3}],
        "resources": [{"type": "host", "name": "web1"}, {"type": "device", "name": "sda"}],
        "tags": ["k:v"],
        "unit": "byte",
    }
    payload = decode_v2(json.dumps({"series": [item]}).encode(), FACTS)
    assert shown(payload) == [("m{device='sda', host='web1', k='v'}", 1700000001000, 3.0)]
    assert payload.samples[0].series.metric.kind is Kind.COUNT
    assert payload.samples[0].series.metric.unit == "byte"


def field(number, value):
    """One field as Protocol Buffers write it."""
    if isinstance(value, float):
        return bytes([number << 3 | 1]) + struct.pack("<d", value)
    if isinstance(value, int):
        return bytes([number << 3]) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return bytes([number << 3 | 2]) + varint(len(data)) + data


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def message(*fields_):
    return b"".join(field(number, value) for number, value in fields_)


POINT = message((1, 2.5), (2, 1700000001))
SERIES = message(
    (1, message((1, "host"), (2, "web1"))),
    (1, message((1, "device"), (2, "sda"))),
    (2, "app.load"),
    (3, "role:db"),
    (3, "x"),
    (4, POINT),
    (4, message((2, 1700000002))),
    (5, 2),
    (6, "percent"),
    (7, "System"),
    (8, 10),
    (9, message((1, message((4, 10))))),
)
FACTS_PB = FACTS._replace(content_type=PROTOBUF)


def test_v2_protobuf():
    payload = decode_v2(field(1, SERIES), FACTS_PB)
    labels = "{device='sda', host='web1', role='db', x='true'}"
    assert shown(payload) == [
        (f"app.load{labels}", 1700000001000, 2.5),
        (f"app.load{labels}", 1700000002000, 0.0),
    ]
    metric = payload.samples[0].series.metric
    assert (metric.kind, metric.unit) == (Kind.RATE, "percent")


def test_v2_protobuf_a_bad_series_costs_only_itself():
    torn = SERIES[:-3]
    body = field(1, torn) + field(1, SERIES) + field(1, message((4, POINT)))
    payload = decode_v2(body, FACTS_PB)
    assert len(payload.samples) == 2
    assert payload.rejected == 2


def test_v2_protobuf_that_is_none_is_an_error():
    with pytest.raises(DecodeError):
        decode_v2(b'{"series":[]}', FACTS_PB)


# --- check runs and events


def test_check_runs():
    run = {
        "check": "app.up",
        "host_name": "web1",
        "status": 2,
        "timestamp": 1700000001,
        "message": "refused",
        "tags": ["k:v"],
    }
    payload = decode_check_runs(json.dumps(run).encode(), FACTS)
    labels = "{check='app.up', host='web1', k='v'}"
    assert shown(payload) == [(f"service_check{labels}", 1700000001000, 2.0)]
    (event,) = payload.events
    assert (event.title, event.text, event.kind) == (
        "app.up is critical",
        "refused",
        "service_check",
    )


def test_a_bad_check_run_costs_only_itself():
    runs = [{"check": "a", "status": 7}, {"check": "", "status": 0}, {"check": "b", "status": 0}, 5]
    payload = decode_check_runs(json.dumps(runs).encode(), FACTS)
    assert [s.series.label("check") for s in payload.samples] == ["b"]
    assert payload.samples[0].timestamp == NOW
    assert (payload.rejected, payload.events, payload.dated) == (3, [], False)


def test_event():
    body = {
        "title": "deploy",
        "text": "v2",
        "date_happened": 1700000001,
        "alert_type": "success",
        "priority": "low",
        "tags": "a:b,c",
        "host": "web1",
        "aggregation_key": "k",
        "source_type_name": "jenkins",
    }
    (event,) = decode_event(json.dumps(body).encode(), FACTS).events
    assert (event.timestamp, event.title, event.text) == (1700000001000, "deploy", "v2")
    assert (event.kind, event.source) == ("success", "jenkins")
    assert dict(event.labels) == {
        "a": "b",
        "c": "true",
        "host": "web1",
        "aggregation_key": "k",
        "priority": "low",
    }


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"title":""}', b'{"title":5}', b""])
def test_an_event_without_a_title_is_an_error(body):
    with pytest.raises(DecodeError):
        decode_event(body, FACTS)


# --- the payload of Agent 5

LEGACY = {
    "collection_timestamp": 1700000001.25,
    "os": "linux",
    "python": "2.7.14",
    "agentVersion": "5.32.8",
    "apiKey": "0123456789abcdef0123456789abcdef",
    "internalHostname": "db1",
    "uuid": "f00",
    "cpuUser": 12.5,
    "cpuStolen": 0.0,
    "memPhysTotal": 7812,
    "memPhysPctUsable": 0.5,
    "system.load.1": 0.25,
    "system.uptime": 99,
    "ioStats": {"sda": {"r/s": "1.50", "%util": "3.0", "unknown": "4"}, "sdb": "x"},
    "processes": {"processes": [["root", "1"]], "host": "db1"},
    "resources": {"meta": {"host": "db1"}},
    "host-tags": {"system": ["a"]},
    "metrics": [
        ["pg.rows", 1700000000, 5, {"tags": ["db:x"], "hostname": "db2", "type": "rate"}],
        ["pg.size", 1700000000, 7, {"device_name": "sda"}],
        ["bare", 1700000000, 1],
        ["bad", 1700000000],
        ["nan", 1700000000, None, {}],
        7,
    ],
    "service_checks": [
        {"id": 1, "check": "datadog.agent.up", "status": 0, "timestamp": 1700000001.5},
        {"id": 2, "check": "", "status": 0},
        None,
    ],
    "events": {
        "System": [
            {
                "timestamp": 1700000002,
                "event_type": "Agent Startup",
                "msg_text": "Version 5.32.8",
                "host": "db1",
            }
        ],
        "api": [{"msg_title": "t", "timestamp": 1700000003, "alert_type": "error", "tags": ["x"]}],
    },
}


def test_the_payload_of_agent_5():
    payload = decode_intake(json.dumps(LEGACY).encode(), FACTS)
    at = 1700000001250
    assert sorted(shown(payload)) == sorted(
        [
            ("system.cpu.user{host='db1'}", at, 12.5),
            ("system.cpu.stolen{host='db1'}", at, 0.0),
            ("system.mem.total{host='db1'}", at, 7812.0),
            ("system.mem.pct_usable{host='db1'}", at, 0.5),
            ("system.load.1{host='db1'}", at, 0.25),
            ("system.uptime{host='db1'}", at, 99.0),
            ("system.io.r_s{device='sda', host='db1'}", at, 1.5),
            ("system.io.util{device='sda', host='db1'}", at, 3.0),
            ("pg.rows{db='x', host='db2'}", 1700000000000, 5.0),
            ("pg.size{device='sda', host='db1'}", 1700000000000, 7.0),
            ("bare{host='db1'}", 1700000000000, 1.0),
            ("service_check{check='datadog.agent.up', host='db1'}", 1700000001500, 0.0),
        ]
    )
    assert payload.rejected == 5
    assert payload.ignored == {"processes": 1, "resources": 1, "host-tags": 1}
    assert [(e.title, e.text, e.kind, e.source, e.timestamp) for e in payload.events] == [
        ("Agent Startup", "Version 5.32.8", "info", "Agent Startup", 1700000002000),
        ("t", "", "error", "api", 1700000003000),
    ]
    assert payload.dated


def test_the_api_key_is_in_nothing_that_is_kept():
    payload = decode_intake(json.dumps(LEGACY).encode(), FACTS)
    assert LEGACY["apiKey"] not in repr((payload.samples, payload.events, payload.first))


# --- anything at all

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("series", "metric", "points", "tags", "host", "type", "resources", "name"),
                    *("timestamp", "value", "check", "status", "title", "date_happened"),
                    *("metrics", "events", "service_checks", "ioStats", "cpuUser", "msg_title"),
                    *("internalHostname", "collection_timestamp", "system.load.1", "r/s"),
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.paths[0])
@given(said=JSON)
def test_any_json_gives_a_payload_or_a_decode_error(call, said):
    check(call, json.dumps(said).encode(), FACTS)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.paths[0])
@given(body=st.binary(max_size=300))
def test_any_bytes_give_a_payload_or_a_decode_error(call, body):
    check(call, body, FACTS)


@given(at=st.integers(0, len(SERIES)), noise=st.binary(max_size=6))
def test_any_damage_to_a_protobuf_gives_a_payload_or_a_decode_error(at, noise):
    check(CALLS[2], field(1, SERIES[:at] + noise + SERIES[at:]), FACTS_PB)


def check(call, body, facts):
    try:
        payload = call.decode(body, facts)
    except DecodeError:
        return
    batch = payload.batch
    assert all(at >= 0 for at in batch.timestamps)
    assert all(value - value == 0 for value in batch.values)
    json.dumps(call.answer(payload))
