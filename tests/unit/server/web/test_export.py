from __future__ import annotations

import operator

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.codecs import json_lines
from gnomon.core.model import Batch, Event, Kind, Metric, Sample, Series, labels_of
from gnomon.server.store.interface import Write
from gnomon.server.web.api import export
from gnomon.testing.server import memory_server

NOW = 1_700_000_000_000
ALL = {"match[]": '{__name__!=""}'}


@pytest.fixture
def server():
    with memory_server() as server:
        yield server


def put(server, samples) -> None:
    server.store.append([Write(Batch.of(samples))])


def exported(server, **params) -> list[Sample]:
    answer = server.client.get("/api/v1/export", params)
    assert answer.status == 200, answer
    return list(json_lines.decode(answer.body))


def test_what_was_imported_is_exported(server):
    lines = [
        json_lines.encode(Series.of("cpu", host=host), [NOW, NOW + 1], [1.5, float("inf")])
        for host in "ab"
    ]
    server.client.post("/api/v1/import", b"".join(lines))
    answer = server.client.get("/api/v1/export", ALL)
    assert answer.body == b"".join(lines)


def test_range_and_selector(server):
    put(server, [Sample(Series.of(name), NOW + at * 1000, at) for name in "ab" for at in range(5)])
    found = exported(server, **{"match[]": "a", "start": NOW / 1000 + 1, "end": NOW + 3000})
    assert [(s.series.name, s.timestamp - NOW) for s in found] == [
        ("a", 1000),
        ("a", 2000),
        ("a", 3000),
    ]


@pytest.mark.parametrize(
    "selector",
    ["system.load.1", "system_load_1", '{"system.load.1"}', '{__name__="system.load.1",host="a"}'],
)
def test_a_dotted_name_is_found_however_it_is_written(server, selector):
    put(server, [Sample(Series.of("system.load.1", host="a"), NOW, 1.0)])
    put(server, [Sample(Series.of("system.load.5", host="a"), NOW, 5.0)])
    (found,) = exported(server, **{"match[]": [selector, "no.such.name"]})
    assert (found.series.name, found.value) == ("system.load.1", 1.0)


def test_a_series_that_several_selectors_select_comes_once(server):
    put(server, [Sample(Series.of("a", x=x), NOW, 1.0) for x in "123"])
    found = exported(server, **{"match[]": ['{x="1"}', '{x=~"1|2"}', '{__name__="a",x!="3"}']})
    assert sorted(sample.series.label("x") for sample in found) == ["1", "2"]


def test_what_the_metric_is_comes_along_when_asked(server):
    metric = Metric("m", Kind.COUNTER, "byte", "Bytes.")
    put(server, [Sample(Series(metric), NOW, 1.0)])
    assert "kind" not in msgspec.json.decode(server.client.get("/api/v1/export", ALL).body)
    found = exported(server, **ALL, metadata="1")
    assert found[0].series.metric == metric


def test_much_comes_in_stretches_of_time_that_miss_nothing(server, monkeypatch):
    monkeypatch.setattr(export, "WANTED", 100)
    monkeypatch.setattr(export, "AT_MOST", 200)
    rng = np.random.default_rng(1)
    dense = range(0, 3_000_000, 1000)
    sparse = sorted(int(at) for at in rng.integers(0, 40 * 86_400_000, 50))
    samples = [Sample(Series.of("dense", x=x), NOW + at, at) for x in "ab" for at in dense]
    samples += [Sample(Series.of("sparse"), NOW + at, at) for at in set(sparse)]
    put(server, samples)
    answer = server.client.get("/api/v1/export", ALL)
    by_time = operator.itemgetter(1)
    found = sorted(json_lines.decode(answer.body), key=by_time)
    assert found == sorted(samples, key=by_time)
    longest = max(len(msgspec.json.decode(line)["values"]) for line in answer.body.splitlines())
    assert longest <= 1000  # of 3000: what could not be foreseen was noticed


def test_an_empty_store_and_an_empty_range(server):
    assert exported(server, **ALL) == []
    put(server, [Sample(Series.of("a"), NOW, 1.0)])
    assert exported(server, **ALL, start=NOW + 1) == []
    assert exported(server, **ALL, start=NOW, end=NOW - 1) == []


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, "match[]"),
        ({"match[]": "{"}, "parse error"),
        ({"match[]": "a", "start": "soon"}, "start: expected a time"),
        ({"match[]": "a", "end": "x"}, "end: expected a time"),
    ],
)
def test_wrong_parameters_are_explained(server, params, expected):
    answer = server.client.get("/api/v1/export", params)
    assert answer.status == 400
    assert expected in answer.json()["error"]


def test_events_are_read_by_time_and_tags(server):
    now = server.clock.now()
    events = [
        Event(
            now - 1000,
            "deploy",
            "v2",
            "success",
            "ci",
            labels_of({"env": "prod", "canary": "true"}),
        ),
        Event(now - 2000, "restart", labels=labels_of({"env": "prod"})),
        Event(now - 2 * 86_400_000, "old"),
    ]
    server.store.append([Write(Batch.of([], events))])
    get = server.client.get
    assert [e["title"] for e in get("/api/v1/events").json()] == ["deploy", "restart"]
    assert get("/api/v1/events", {"tags": "env:prod,canary"}).json() == [
        {
            "timestamp": now - 1000,
            "title": "deploy",
            "text": "v2",
            "kind": "success",
            "source": "ci",
            "labels": {"canary": "true", "env": "prod"},
        }
    ]
    assert len(get("/api/v1/events", {"from": "-7d", "to": "now"}).json()) == 3
    assert len(get("/api/v1/events", {"from": "-7d", "limit": "1"}).json()) == 1
    assert get("/api/v1/events", {"limit": "x"}).status == 400


def test_deleted_samples_are_gone(server):
    put(server, [Sample(Series.of("a", x=x), NOW + at, at) for x in "12" for at in range(3)])
    post = server.client.post
    path = "/api/v1/admin/tsdb/delete_series"
    assert post(path).status == 400
    assert post(path, params={"match[]": '{x="1"}', "start": NOW + 1}).status == 204
    assert sorted(sample.value for sample in exported(server, **ALL)) == [0, 0, 1, 2]
    assert post(path, params={"match[]": ['{x="1"}', '{x="2"}']}).status == 204
    assert exported(server, **ALL) == []


@pytest.mark.parametrize("path", ["/api/v1/export", "/api/v1/events"])
def test_any_parameters_are_answered(path):
    names = ["match[]", "match", "start", "end", "from", "to", "tags", "limit", "metadata"]
    texts = st.text(max_size=20) | st.sampled_from(
        ['{a="b"}', "up", "-1h", "1e9", '{__name__=~"("}']
    )
    with memory_server() as server:
        put(server, [Sample(Series.of("up", a="b"), NOW, 1.0)])

        @settings(deadline=None)
        @given(st.dictionaries(st.sampled_from(names), texts))
        def check(params):
            answer = server.client.get(path, params)
            assert answer.status in (200, 400)
            if answer.status == 400:
                assert answer.json()["error"]

        check()
