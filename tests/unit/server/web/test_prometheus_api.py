"""Prometheus' HTTP API as Grafana and scripts use it."""

import asyncio
import gzip
from urllib.parse import urlencode

import msgspec
import pytest

from gnomon.core.model import Batch, Kind, Metric, Sample, Series, labels_of
from gnomon.server.store.interface import Write
from gnomon.testing.clock import FakeClock
from gnomon.testing.server import memory_server

NOW = 1_700_000_000
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def server():
    with memory_server(clock=FakeClock(NOW * 1000)) as running:
        requests = Metric("http.requests_total", Kind.COUNTER, "request", "Requests answered.")
        samples = []
        for host, per_second in (("web1", 1.0), ("web2", 3.0)):
            series = Series(requests, labels_of({"host": host, "job": "api"}))
            load = Series.of("system.load.1", host=host)
            for i in range(121):
                at = (NOW - 1200 + i * 10) * 1000
                samples += [Sample(series, at, i * 10 * per_second), Sample(load, at, float(i))]
        running.store.append([Write(Batch.of(samples))])
        yield running


def ask(server, path, **params):
    return server.client.get(f"/api/v1/{path}", params)


def data(server, path, **params):
    answer = ask(server, path, **params)
    body = answer.json()
    assert answer.status == 200, body
    assert body["status"] == "success"
    return body["data"]


def test_instant_query(server):
    assert data(
        server, "query", query="round(sum(rate(http_requests_total[5m])), 0.001)", time=NOW
    ) == {
        "resultType": "vector",
        "result": [{"metric": {}, "value": [NOW, "4"]}],
    }


def test_instant_query_is_asked_at_the_time_of_the_server_unless_told(server):
    assert data(server, "query", query="time()")["result"] == [NOW, str(NOW)]


def test_a_series_answers_to_both_of_its_names(server):
    own = data(server, "query", query='{"system.load.1", host="web1"}')["result"]
    classic = data(server, "query", query='system_load_1{host="web1"}')["result"]
    assert own == [{"metric": {"__name__": "system.load.1", "host": "web1"}, "value": [NOW, "120"]}]
    assert classic == [
        {"metric": {"__name__": "system_load_1", "host": "web1"}, "value": [NOW, "120"]}
    ]


def test_range_query(server):
    answer = data(
        server,
        "query_range",
        query='system_load_1{host="web1"}',
        start=NOW - 20,
        end=NOW,
        step="10s",
    )
    assert answer == {
        "resultType": "matrix",
        "result": [
            {
                "metric": {"__name__": "system_load_1", "host": "web1"},
                "values": [[NOW - 20, "118"], [NOW - 10, "119"], [NOW, "120"]],
            }
        ],
    }


def test_range_query_aligned_to_its_granularity(server):
    # 2023-11-14T22:13:20Z; three points of ten minutes begin at the next full ten minutes.
    answer = data(
        server,
        "query_range",
        query="vector(1)",
        start=NOW,
        end=NOW + 1800,
        points=3,
        align="true",
        tz="+05:30",
    )
    times = [time for time, _ in answer["result"][0]["values"]]
    assert times == [NOW + 400, NOW + 1000, NOW + 1600, NOW + 2200]


def test_points_in_place_of_a_step(server):
    answer = data(server, "query_range", query="1", start=NOW, end=NOW + 40, points=4)
    assert [time for time, _ in answer["result"][0]["values"]] == [NOW + i * 10 for i in range(5)]


def test_times_may_be_dates_and_queries_may_be_forms(server):
    form = urlencode({"query": "vector(1)", "time": "2023-11-14T22:13:20.500Z"}).encode()
    answer = server.client.post("/api/v1/query", form, headers=FORM).json()
    assert answer["data"]["result"] == [{"metric": {}, "value": [NOW + 0.5, "1"]}]


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("0.1 + 0.2", "0.30000000000000004"),
        ("1e20", "100000000000000000000"),
        ("1e21", "1e+21"),
        ("0.0000001", "1e-07"),
        ("0.000001", "0.000001"),
        ("-0.00001234", "-0.00001234"),
        ("1 / 0", "+Inf"),
        ("-1 / 0", "-Inf"),
        ("0 / 0", "NaN"),
        ("12345678.5", "12345678.5"),
    ],
)
def test_numbers_look_as_in_prometheus(server, query, value):
    assert data(server, "query", query=query)["result"] == [NOW, value]
    vector = data(server, "query", query=f"vector({query})")["result"]
    assert vector[0]["value"] == [NOW, value]


def test_a_string_and_a_range_vector(server):
    assert data(server, "query", query='"text"') == {
        "resultType": "string",
        "result": [NOW, "text"],
    }
    answer = data(server, "query", query='system_load_1{host="web1"}[20s]')
    assert answer["resultType"] == "matrix"
    assert answer["result"][0]["values"] == [[NOW - 10, "119"], [NOW, "120"]]


@pytest.mark.parametrize(
    ("path", "params", "status", "kind", "says"),
    [
        ("query", {"query": "sum("}, 400, "bad_data", "1:5: parse error: unclosed left"),
        ("query", {"query": "x", "time": "late"}, 400, "bad_data", '"late" to a valid timestamp'),
        ("query", {"query": "x", "limit": "-1"}, 400, "bad_data", "whole number from 0"),
        ("query", {"query": "x", "timeout": "y"}, 400, "bad_data", "valid duration"),
        (
            "query",
            {"query": "http_requests_total * on() http_requests_total"},
            422,
            "execution",
            "found duplicate series for the match group {}",
        ),
        (
            "query_range",
            {"query": "x", "start": NOW, "end": NOW - 1, "step": 1},
            400,
            "bad_data",
            "end timestamp must not be before start time",
        ),
        (
            "query_range",
            {"query": "x", "start": NOW, "end": NOW, "step": 0},
            400,
            "bad_data",
            "zero or negative",
        ),
        (
            "query_range",
            {"query": "x", "start": 0, "end": NOW, "step": 1},
            400,
            "bad_data",
            "exceeded maximum resolution of 11,000 points",
        ),
        (
            "query_range",
            {"query": "x[5m]", "start": 0, "end": 1, "step": 1},
            400,
            "bad_data",
            'invalid expression type "range vector"',
        ),
        (
            "query_range",
            {"query": "x", "start": 0, "end": 1, "points": 1, "align": 1, "tz": "Mars"},
            400,
            "bad_data",
            "expected a zone such as",
        ),
        ("series", {}, 400, "bad_data", "no match[]"),
        ("labels", {"match[]": "{"}, 400, "bad_data", 'invalid parameter "match[]": 1:2: parse'),
    ],
)
def test_errors_have_prometheus_form(server, path, params, status, kind, says):
    answer = ask(server, path, **params)
    body = answer.json()
    assert answer.status == status
    assert (body["status"], body["errorType"]) == ("error", kind)
    assert says in body["error"]


def test_a_query_out_of_time_is_stopped(server):
    answer = ask(server, "query", query="vector(1)", timeout="0")
    assert (answer.status, answer.json()["errorType"]) == (503, "timeout")
    assert server.counted("gnomon.query.queries", outcome="timeout") == 1


def test_series_labels_and_values(server):
    match = {"match[]": ["http_requests_total", "system_load_1{host='web1'}"]}
    assert server.client.get("/api/v1/series", match).json()["data"] == [
        {"__name__": "http_requests_total", "host": "web1", "job": "api"},
        {"__name__": "http_requests_total", "host": "web2", "job": "api"},
        {"__name__": "system_load_1", "host": "web1"},
    ]
    assert data(server, "labels") == ["__name__", "host", "job"]
    assert data(server, "labels", **{"match[]": "system_load_1"}) == ["__name__", "host"]
    assert data(server, "label/host/values") == ["web1", "web2"]
    assert data(server, "label/__name__/values") == ["http.requests_total", "system.load.1"]
    limited = ask(server, "label/host/values", limit=1).json()
    assert limited["data"] == ["web1"]
    assert limited["warnings"] == ["results truncated due to limit"]


def test_metadata(server):
    expected = [{"type": "counter", "unit": "request", "help": "Requests answered."}]
    assert data(server, "metadata")["http.requests_total"] == expected
    assert data(server, "metadata", metric="http_requests_total") == {
        "http.requests_total": expected
    }


def test_what_is_not_here_is_answered_empty(server):
    assert data(server, "rules") == {"groups": []}
    assert data(server, "alerts") == {"alerts": []}
    assert data(server, "targets")["activeTargets"] == []
    assert data(server, "query_exemplars", query="x") == []


def test_format_query(server):
    assert data(server, "format_query", query="sum( rate(x[5m]) )by(host)") == (
        "sum by (host) (rate(x[5m]))"
    )


def test_parse_query(server):
    tree = data(server, "parse_query", query="sum by (host) (rate(x_total[5m] offset 1h)) > bool 2")
    assert (tree["type"], tree["op"], tree["bool"]) == ("binaryExpr", ">", True)
    call = tree["lhs"]["expr"]
    assert call["func"] == {
        "name": "rate",
        "argTypes": ["matrix"],
        "variadic": 0,
        "returnType": "vector",
    }
    selector = call["args"][0]
    assert (selector["type"], selector["range"], selector["offset"]) == (
        "matrixSelector",
        300_000,
        3_600_000,
    )
    assert selector["matchers"] == [{"name": "__name__", "value": "x_total", "type": "="}]
    for text in ("x[step():5m] @ end()", "-x smoothed", '"a"', "(1)", "a and on (b) c", "x @ 5"):
        assert data(server, "parse_query", query=text)["type"]


def test_another_look_back(server):
    late = {"query": "system_load_1", "time": NOW + 60}
    assert len(data(server, "query", **late)["result"]) == 2
    assert data(server, "query", **late, lookback_delta="30s")["result"] == []


def test_a_client_that_goes_stops_its_query(server):
    query = "+".join(["vector(1)"] * 150)
    app = server.client._app
    asked = urlencode({"query": query, "start": 0, "end": 10_000, "step": 1}).encode()
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/api/v1/query_range",
        "raw_path": b"/api/v1/query_range",
        "root_path": "",
        "query_string": asked,
        "headers": [(b"host", b"test")],
    }

    async def gone():
        return {"type": "http.disconnect"}

    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, gone, send))
    assert sent[0]["status"] == 499
    assert server.counted("gnomon.query.queries", outcome="canceled") == 1


def test_limit_warnings_and_stats(server):
    body = ask(server, "query", query="http_requests_total", limit=1, stats="all").json()
    assert len(body["data"]["result"]) == 1
    assert body["warnings"] == ["results truncated due to limit"]
    assert body["data"]["stats"]["samples"]["totalQueryableSamples"] == 60
    remarks = ask(server, "query", query="rate(system_load_1[1m])").json()
    assert "might not be a counter" in remarks["infos"][0]
    assert remarks["infos"][0].endswith("(1:6)")


def test_answers_are_compressed_when_asked(server):
    params = {
        "query": "http_requests_total",
        "start": NOW - 1000,
        "end": NOW,
        "step": 10,
    }
    plain = server.client.get("/api/v1/query_range", params)
    packed = server.client.get("/api/v1/query_range", params, {"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert msgspec.json.decode(plain.body)["status"] == "success"
