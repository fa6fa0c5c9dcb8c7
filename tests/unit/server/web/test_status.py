from __future__ import annotations

import logging

import msgspec
import pytest

from gnomon.core.model import Metric
from gnomon.testing.server import memory_server

LINE = b'{"metric":{"__name__":"cpu"},"values":[1],"timestamps":[1000]}\n'


@pytest.fixture
def server():
    with memory_server() as server:
        yield server


def test_health(server):
    assert server.client.get("/-/healthy").body == b"ok\n"
    assert server.client.request("HEAD", "/-/ready").status == 200


def test_own_metrics_in_the_prometheus_form(server):
    server.client.post("/api/v1/import", LINE)
    answer = server.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b'\ngnomon_ingest_samples{route="import"} 1\n' in answer.body


def test_the_status_object(server):
    server.client.post("/api/v1/import", LINE)
    server.client.post("/api/v1/agents/a1/status", b'{"hostname":"web1","pid":7}')
    server.telemetry.value(Metric("gnomon.test.dropped")).add(3)
    status = server.client.get("/api/v1/status").json()
    assert status["now"] == server.clock.now()
    assert status["store"] | {"engine": ""} == {
        "engine": "",
        "series": 1,
        "samples": 1,
        "events": 0,
        "bytes": 0,
        "oldest": 1000,
        "newest": 1000,
        "details": {},
    }
    assert status["queue"]["samples"] == 0
    assert status["drops"] == {"gnomon.test.dropped": 3.0}
    assert status["agents"] == [{"agent": "a1", "host": "web1", "received": server.clock.now()}]
    assert status["metrics"]["gnomon.ingest.samples{route=import}"] == 1


def test_a_reading_that_is_no_number_does_not_break_the_status(server):
    server.telemetry.observe(Metric("gnomon.test.reading"), lambda: float("nan"))
    assert server.client.get("/api/v1/status").json()["metrics"]["gnomon.test.reading"] is None


@pytest.mark.parametrize("part", ["buildinfo", "runtimeinfo", "flags", "tsdb"])
def test_what_prometheus_clients_ask(server, part):
    answer = server.client.get(f"/api/v1/status/{part}").json()
    assert answer["status"] == "success"
    assert isinstance(answer["data"], dict)


def test_an_unknown_part_is_not_found(server):
    assert server.client.get("/api/v1/status/nothing").status == 404


def test_agents_report_and_are_listed(server):
    document = b'{"hostname":"web1","pid":7,"checks":[{"name":"cpu"}]}'
    assert server.client.post("/api/v1/agents/a1/status", document).status == 204
    server.client.post("/api/v1/agents/a0/status", b'{"hostname":"web2"}')
    first, second = server.client.get("/api/v1/agents").json()
    assert (first["agent"], second["agent"]) == ("a1", "a0")
    assert first["status"] == msgspec.json.decode(document)
    assert server.client.get("/api/v1/agents/a1/status").json() == first
    assert server.client.get("/api/v1/agents/a9/status").status == 404


@pytest.mark.parametrize(
    ("agent", "body", "status"),
    [
        ("a", b"x", 400),
        ("a", b"[]", 400),
        ("a", b'{"hostname":5}', 400),
        ("a", b'{"hostname":""}', 400),
        ("a", b'{"hostname":"\xff"}', 400),
        ("a", b'{"a":' * 5000, 400),
        ("a" * 300, b'{"hostname":"h"}', 400),
        ("a", b'{"hostname":"' + b"x" * (1 << 20), 413),
    ],
)
def test_a_report_that_cannot_be_is_refused(server, agent, body, status):
    answer = server.client.post(f"/api/v1/agents/{agent}/status", body)
    assert (answer.status, answer.json()["status"]) == (status, "error")
    assert server.client.get("/api/v1/agents").json() == []


def test_unknown_paths_and_methods_are_answered_in_json(server):
    assert server.client.get("/api/v1/nothing").json()["errorType"] == "not_found"
    assert server.client.request("DELETE", "/api/v1/import").status == 405


def test_a_bug_is_logged_and_answered(server, monkeypatch, caplog):
    monkeypatch.setattr(server.store, "stats", lambda: 1 / 0)
    with caplog.at_level(logging.ERROR):
        answer = server.client.get("/-/ready")
    assert (answer.status, answer.json()["errorType"]) == (500, "internal")
    assert "ZeroDivisionError" in caplog.text
    assert "division" not in answer.json()["error"]
    assert server.counted("gnomon.http.answers", code="5xx") == 1
