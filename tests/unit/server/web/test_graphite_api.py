"""The Graphite HTTP API as Grafana and scripts use it."""

import json
import pickle
from urllib.parse import urlencode

import msgspec
import pytest

from gnomon.core.model import Batch, Sample, Series
from gnomon.server.store.interface import Write
from gnomon.testing.clock import FakeClock
from gnomon.testing.server import memory_server

NOW = 1_700_000_000
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def server():
    with memory_server(clock=FakeClock(NOW * 1000)) as running:
        samples = []
        for host, base in (("web1", 0.0), ("web2", 100.0)):
            load = Series.of("system.load.1", host=host)
            disk = Series.of("system.disk.in_use", host=host, device="/var/lib")
            plain = Series.of(f"servers.{host}.cpu.user")
            for i in range(61):
                at = (NOW - 600 + i * 10) * 1000
                samples += [
                    Sample(load, at, base + i),
                    Sample(disk, at, 0.5),
                    Sample(plain, at, float(i)),
                ]
        running.store.append([Write(Batch.of(samples))])
        yield running


def found(server, query, **params):
    return server.client.get("/metrics/find", {"query": query, **params}).json()


def rendered(server, target, **params):
    asked = {"target": target, "from": "-1min", "format": "json", **params}
    return server.client.get("/render", asked).json()


def test_find_answers_the_top_of_the_tree(server):
    assert found(server, "*") == [
        {"text": name, "id": name, "allowChildren": 1, "expandable": 1, "leaf": 0}
        for name in ("servers", "web1", "web2")
    ]


def test_find_goes_below_a_branch_and_makes_label_values_safe(server):
    assert [node["id"] for node in found(server, "web1.system.*")] == [
        "web1.system.disk",
        "web1.system.load",
    ]
    assert found(server, "web1.system.disk.in_use.*") == [
        {
            "text": "_var_lib",
            "id": "web1.system.disk.in_use._var_lib",
            "allowChildren": 0,
            "expandable": 0,
            "leaf": 1,
        }
    ]


def test_find_speaks_the_completer_format(server):
    answer = found(server, "serv", format="completer")
    assert answer == {"metrics": [{"path": "servers.", "name": "servers", "is_leaf": "0"}]}


def test_find_without_a_query_is_refused(server):
    assert server.client.get("/metrics/find").status == 400


def test_find_takes_a_form(server):
    answer = server.client.post("/metrics/find", b"query=servers.*", headers=FORM).json()
    assert [node["text"] for node in answer] == ["web1", "web2"]


def test_expand_and_index(server):
    answer = server.client.get("/metrics/expand", {"query": "*.system.load.1"}).json()
    assert answer == {"results": ["web1.system.load.1", "web2.system.load.1"]}
    grouped = server.client.get(
        "/metrics/expand", {"query": ["servers.*", "web1"], "groupByExpr": 1}
    ).json()
    assert grouped == {"results": {"servers.*": ["servers.web1", "servers.web2"], "web1": ["web1"]}}
    index = server.client.get("/metrics/index.json").json()
    assert "web1.system.disk.in_use._var_lib" in index
    assert index == sorted(index)
    assert len(index) == 6


def test_new_series_are_found_at_once(server):
    server.store.append([Write(Batch.of([Sample(Series.of("fresh.metric"), NOW * 1000, 1.0)]))])
    assert [node["text"] for node in found(server, "fresh.*")] == ["metric"]


def test_render_answers_points_at_the_series_own_step(server):
    (series,) = rendered(server, "servers.web1.cpu.user")
    assert series["target"] == "servers.web1.cpu.user"
    assert series["tags"] == {"name": "servers.web1.cpu.user"}
    assert series["datapoints"] == [[float(55 + i), NOW - 50 + i * 10] for i in range(6)]


def test_render_takes_a_form_as_grafana_sends_it(server):
    form = urlencode(
        {
            "target": "aliasByNode(servers.*.cpu.user, 1)",
            "from": NOW - 60,
            "until": NOW,
            "format": "json",
            "maxDataPoints": 3,
        }
    )
    answer = server.client.post("/render", form.encode(), headers=FORM).json()
    assert [series["target"] for series in answer] == ["web1", "web2"]
    # 6 points of 10 s folded to 3, on multiples of 20 s.
    assert answer[0]["datapoints"] == [[55.5, NOW - 40], [57.5, NOW - 20], [59.5, NOW]]


def test_tree_and_tags_name_the_same_points(server):
    (by_path,) = rendered(server, "web1.system.load.1")
    (by_tag,) = rendered(server, "seriesByTag('name=system.load.1', 'host=web1')")
    assert by_tag["target"] == "system.load.1;host=web1"
    assert by_path["target"] == "web1.system.load.1"
    assert by_path["datapoints"] == by_tag["datapoints"]
    assert by_path["tags"] == by_tag["tags"] == {"name": "system.load.1", "host": "web1"}


def test_a_known_series_without_points_is_answered_with_nulls(server):
    (series,) = rendered(server, "servers.web1.cpu.user", until=NOW - 7200, **{"from": NOW - 7260})
    assert [value for value, _ in series["datapoints"]] == [None] * 6
    assert rendered(server, "servers.nowhere.cpu.user") == []


def test_several_targets_also_in_the_form_of_php(server):
    asked = {"target[]": ["constantLine(1)", "alias(constantLine(2), 'limit')"], "format": "json"}
    answer = server.client.get("/render", asked).json()
    assert [series["target"] for series in answer] == ["1.0", "limit"]


def test_null_points_can_be_left_out(server):
    answer = rendered(server, "servers.web1.cpu.user", noNullPoints=1, **{"from": "-11min"})
    assert len(answer[0]["datapoints"]) == 61


def test_csv_raw_pickle_and_msgpack(server):
    asked = {"target": "servers.web1.cpu.user", "from": "-20s"}
    csv = server.client.get("/render", {**asked, "format": "csv", "tz": "Asia/Tokyo"})
    assert csv.body.decode().splitlines() == [
        "servers.web1.cpu.user,2023-11-15 07:13:10,59.0",
        "servers.web1.cpu.user,2023-11-15 07:13:20,60.0",
    ]
    raw = server.client.get("/render", {**asked, "rawData": "true"})
    assert raw.body.decode() == f"servers.web1.cpu.user,{NOW - 10},{NOW + 10},10|59.0,60.0\n"
    for name, load in (("pickle", pickle.loads), ("msgpack", msgspec.msgpack.decode)):
        (series,) = load(server.client.get("/render", {**asked, "format": name}).body)
        assert series["values"] == [59.0, 60.0]
        assert (series["start"], series["end"], series["step"]) == (NOW - 10, NOW + 10, 10)


def test_jsonp_and_its_callback(server):
    asked = {"target": "constantLine(1)", "format": "json", "jsonp": "draw"}
    answer = server.client.get("/render", asked)
    assert answer.body.startswith(b"draw([")
    refused = server.client.get("/render", {**asked, "jsonp": "alert(1);x"})
    assert refused.status == 400


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"target": "nope(a.b)"}, "unknown function 'nope'"),
        ({"target": "sumSeries(a.b"}, "expected ')' at position 14"),
        ({"target": "scale(a.b)"}, "scale() needs the argument 'factor'"),
        ({"target": "a.b", "from": "soon"}, "cannot make a time of 'soon'"),
        ({"target": "a.b", "from": "-1h", "until": "-1h"}, "empty time range"),
        ({"target": "a.b", "format": "cinema"}, "unknown format 'cinema'"),
        ({"target": "a.b", "xFilesFactor": "half"}, "expected a number"),
    ],
)
def test_a_bad_request_is_told_why(server, params, message):
    answer = server.client.get("/render", params)
    assert answer.status == 400
    assert message in answer.body.decode()


def test_an_unknown_time_zone_is_utc(server):
    assert rendered(server, "constantLine(1)", tz="Mars/Base") == rendered(
        server, "constantLine(1)"
    )


def test_functions_are_described_as_grafana_reads_them(server):
    every = json.loads(server.client.get("/functions").body)
    assert every["sumSeries"]["group"] == "Combine"
    assert every["sumSeries"]["params"] == [
        {"name": "seriesLists", "type": "seriesList", "required": True, "multiple": True}
    ]
    assert every["sum"]["function"] == "sum(*seriesLists)"
    one = server.client.get("/functions/keepLastValue")
    assert b'"default": 1e9999' in one.body
    grouped = server.client.get("/functions", {"grouped": 1})
    assert set(json.loads(grouped.body)["Alias"]) >= {"alias", "aliasByNode"}
    assert server.client.get("/functions/nope").status == 404


def test_tags(server):
    tags = server.client.get("/tags").json()
    assert [tag["tag"] for tag in tags] == ["device", "host", "name"]
    hosts = server.client.get("/tags/host").json()
    assert [(value["value"], value["count"]) for value in hosts["values"]] == [
        ("web1", 2),
        ("web2", 2),
    ]
    series = server.client.get("/tags/findSeries", {"expr": ["name=~system", "host=web1"]}).json()
    assert series == [
        "system.disk.in_use;device=/var/lib;host=web1",
        "system.load.1;host=web1",
    ]
    refused = server.client.get("/tags/findSeries", {"expr": "host!=web1"})
    assert refused.status == 400


def test_tag_completion(server):
    complete = "/tags/autoComplete/"
    assert server.client.get(complete + "tags").json() == ["device", "host", "name"]
    asked = {"expr": "name=system.load.1", "tagPrefix": "h"}
    assert server.client.get(complete + "tags", asked).json() == ["host"]
    values = server.client.get(
        complete + "values", {"expr": "name=system.load.1", "tag": "host", "valuePrefix": "web"}
    ).json()
    assert values == ["web1", "web2"]
    assert server.client.get(complete + "values").status == 400


def test_tag_series_answers_the_canonical_path(server):
    answer = server.client.post("/tags/tagSeries", b"path=disk;b=2;a=1", headers=FORM)
    assert answer.json() == "disk;a=1;b=2"
    several = b"path=x;b=2;a=1&path=y"
    answer = server.client.post("/tags/tagMultiSeries", several, headers=FORM)
    assert answer.json() == ["x;a=1;b=2", "y"]


def test_events_are_taken_stored_and_answered(server):
    for body in (
        {"what": "deploy", "tags": ["deploy", "env:prod"], "when": NOW - 30, "data": "v2"},
        {"what": "reboot", "tags": "maintenance web1"},
    ):
        assert server.client.post("/events/", json.dumps(body).encode()).status == 200
    asked = {"from": "-1min", "until": "now"}
    first, second = server.client.get("/events/get_data", asked).json()
    assert (first["what"], first["when"], first["data"]) == ("deploy", NOW - 30, "v2")
    assert first["tags"] == ["deploy", "env:prod"]
    assert (second["what"], second["tags"]) == ("reboot", ["maintenance", "web1"])
    assert server.client.get(f"/events/{first['id']}").json() == first
    tagged = server.client.get("/events/get_data", {"tags": "env:prod", **asked}).json()
    assert [event["what"] for event in tagged] == ["deploy"]
    both = server.client.get(
        "/events/get_data", {"tags": "deploy web1", "set": "union", **asked}
    ).json()
    assert len(both) == 2
    (line,) = rendered(server, 'events("deploy")')
    assert [1.0, NOW - 30] in line["datapoints"]
    assert server.client.post("/events/", b"[1]").status == 400
    assert server.client.post("/events/", b'{"what": "x", "tags": 5}').status == 400


def test_version(server):
    assert server.client.get("/version").body == b"1.1.10"
    assert server.client.get("/version/_").body == b"1.1.10"
