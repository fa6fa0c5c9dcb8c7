"""StatsD and DogStatsD lines: the vectors of Datadog Agent 5 and of the protocol's versions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.codecs.dogstatsd import (
    EventLine,
    Metric,
    ServiceCheckLine,
    decode_line,
    number,
)
from gnomon.core.errors import DecodeError
from gnomon.core.model import Status


def metrics(text: str):
    return [
        (m.context.name, m.context.type, m.values, m.context.tags, m.context.rate)
        for m in decode_line(text.encode())
        if isinstance(m, Metric)
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("page.views:1|c", [("page.views", "count", ("1",), (), 1.0)]),
        ("fuel.level:0.5|g", [("fuel.level", "gauge", ("0.5",), (), 1.0)]),
        ("song.length:240|h|@0.5", [("song.length", "histogram", ("240",), (), 0.5)]),
        ("users.uniques:1234|s", [("users.uniques", "set", ("1234",), (), 1.0)]),
        ("u:a:b|s", [("u", "set", ("a:b",), (), 1.0)]),
        ("u.online:1|c|#country:china", [("u.online", "count", ("1",), ("country:china",), 1.0)]),
        ("m:1|c|#b,a,b", [("m", "count", ("1",), ("a", "b"), 1.0)]),
        ("m:1:2:32|d", [("m", "distribution", ("1", "2", "32"), (), 1.0)]),
        ("m:9.5e-05|ms", [("m", "timer", ("9.5e-05",), (), 1.0)]),
        ("m:+3|g", [("m", "gauge", ("+3",), (), 1.0)]),
        ("m:1|c|@2", [("m", "count", ("1",), (), 1.0)]),
        ("m:1|c|#url:http://x:80", [("m", "count", ("1",), ("url:http://x:80",), 1.0)]),
        ("m:1|c|future:field|card:low", [("m", "count", ("1",), (), 1.0)]),
        (
            "h:0.3|ms:2.5|ms|@0.5:3|ms",
            [
                ("h", "timer", ("0.3",), (), 1.0),
                ("h", "timer", ("2.5",), (), 0.5),
                ("h", "timer", ("3",), (), 1.0),
            ],
        ),
        (
            "g:1.5|g|#tag1:one,tag2:two:2.3|g|#tag3:three:3|g",
            [
                ("g", "gauge", ("1.5",), ("tag1:one", "tag2:two"), 1.0),
                ("g", "gauge", ("2.3",), ("tag3:three",), 1.0),
                ("g", "gauge", ("3",), (), 1.0),
            ],
        ),
    ],
)
def test_metrics(line, expected):
    assert metrics(line) == expected


def test_host_and_device_are_taken_out_of_the_tags():
    (metric,) = decode_line(b"m:1|g|#host:db1,device:sda,role:x")
    assert isinstance(metric, Metric)
    assert (metric.context.host, metric.context.device) == ("db1", "sda")
    assert metric.context.tags == ("role:x",)
    (metric,) = decode_line(b"m:1|g|#host:")
    assert isinstance(metric, Metric)
    assert metric.context.host == ""


def test_a_time_of_its_own_and_the_container():
    (metric,) = decode_line(b"page.views:15|c|#env:dev|c:ci-83c0a99|T1656581400")
    assert isinstance(metric, Metric)
    assert metric.context.timestamp == 1656581400
    assert metric.context.origin == "c:ci-83c0a99"


@pytest.mark.parametrize(
    "line",
    [
        "missing.value.and.type",
        "missing.type:2",
        "missing.value|c",
        "2|c",
        "unknown.type:2|z",
        "string.value:abc|c",
        "string.sample.rate:0|c|@abc",
        "zero.rate:1|c|@0",
        "nan:nan|g",
        "inf:1e999|g",
        "underscore:1_0|g",
        "timed.set:1|s|T1656581400",
        "bad.time:1|c|Tsoon",
        "_ev{1,2}:bad_header",
        "_e{1,}:invalid|headers",
        "_e:missing|size|headers",
        "_e:{1,1}:t|t|t:bad_meta|h",
        "_e{5,5}:t|t",
        "_sc|name",
        "_sc|name|9",
        "_sc||0",
        "",
        "m:" + "1" * 9000 + "|c",
    ],
)
def test_bad_lines_are_errors(line):
    with pytest.raises(DecodeError):
        decode_line(line.encode())


@pytest.mark.parametrize(
    ("line", "title", "text"),
    [
        ("_e{10,9}:test title|test text", "test title", "test text"),
        (
            "_e{10,24}:test title|test\\line1\\nline2\\nline3",
            "test title",
            "test\\line1\nline2\nline3",
        ),
        ("_e{9,4}:2intitulé|text", "2intitulé", "text"),
        ("_e{2,19}:t4|♬ †øU †øU ¥ºu T0µ ♪", "t4", "♬ †øU †øU ¥ºu T0µ ♪"),
        ("_e{3,3}:a|b|c|d", "a|b", "c|d"),
    ],
)
def test_events_count_bytes_or_characters(line, title, text):
    (event,) = decode_line(line.encode())
    assert isinstance(event, EventLine)
    assert (event.title, event.text) == (title, text)


def test_all_fields_of_an_event():
    (event,) = decode_line(b"_e{1,1}:a|b|d:21|h:web|k:key|p:low|s:src|t:warning|#t1,t2:x|c:cid")
    assert event == EventLine("a", "b", 21, "warning", "low", "src", "key", "web", ("t1", "t2:x"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("_sc|check.1|0", ("check.1", Status.OK, "", None, ())),
        ("_sc|check.4|0|m:|t:|m\\:|d:", ("check.4", Status.OK, "|t:|m:|d:", None, ())),
        (
            "_sc|check.3|2|h:i-abcd1234|#t1,t2|m:fakeout#t5",
            ("check.3", Status.CRITICAL, "fakeout#t5", "i-abcd1234", ("t1", "t2")),
        ),
        (
            "_sc|c|0|#key:valuem:value2,key2:value2|m:fakeoutm\\:|h:#5",
            ("c", Status.OK, "fakeoutm:|h:#5", None, ("key2:value2", "key:valuem:value2")),
        ),
        ("_sc|c|1|m:down|c:cid", ("c", Status.WARNING, "down", None, ())),
    ],
)
def test_service_checks(line, expected):
    (check,) = decode_line(line.encode())
    assert isinstance(check, ServiceCheckLine)
    assert (check.name, check.status, check.message, check.host, check.tags) == expected


@given(
    st.binary(max_size=200)
    | st.text(alphabet="abm:|#@,_e{}sc0123.Tghd\\n", max_size=60).map(str.encode)
)
def test_any_bytes_give_lines_or_a_decode_error(data):
    try:
        lines = decode_line(data)
    except DecodeError as error:
        lines = []
        assert str(error)  # noqa: PT017
    for line in lines:
        if isinstance(line, Metric) and line.context.type != "set":
            assert all(number(value, "m") is not None for value in line.values)
