"""Open-Falcon's pushes through the whole application."""

from __future__ import annotations

import json

import pytest

from gnomon.server.ingest.limits import Limits
from gnomon.server.store.interface import Matcher, MatchOp
from gnomon.testing.server import memory_server

ITEM = {
    "endpoint": "web1",
    "metric": "m",
    "value": "2.5",
    "step": 60,
    "counterType": "COUNTER",
    "tags": "k=v",
    "timestamp": 1700000000,
}
BODY = json.dumps([ITEM, {**ITEM, "step": 0}]).encode()


@pytest.fixture
def server():
    with memory_server() as server:
        yield server


def stored(server):
    frame = server.store.raw([Matcher("__name__", MatchOp.EQUAL, "m")], 0, 10**14)
    return list(zip(map(repr, frame.series), frame.values.tolist(), strict=True))


def test_push_as_the_agent_answers_it(server):
    answer = server.client.post("/v1/push", BODY)
    assert (answer.status, answer.body) == (200, b"success")
    assert stored(server) == [("m{host='web1', k='v'}", 2.5)]
    assert server.counted("gnomon.ingest.dropped", route="falcon", reason="invalid") == 1


def test_push_as_the_transfer_answers_it(server):
    answer = server.client.post("/api/push", BODY)
    data = {"Message": "ok", "Total": 2, "Invalid": 1, "Latency": 0}
    assert (answer.status, answer.json()) == (200, {"msg": "success", "data": data})
    assert len(stored(server)) == 1


@pytest.mark.parametrize(
    ("path", "blank", "wrong"),
    [
        ("/v1/push", "body is blank", "connot decode body"),
        ("/api/push", "blank body", "decode error"),
    ],
)
def test_errors(server, path, blank, wrong):
    answer = server.client.post(path, b"")
    assert (answer.status, answer.body) == (400, f"{blank}\n".encode())
    answer = server.client.post(path, b"{")
    assert answer.status == 400
    assert answer.body.decode().startswith(f"{wrong}: not JSON")


def test_what_is_over_a_limit_counts_as_invalid():
    with memory_server(Limits(label_length=5)) as server:
        body = json.dumps([ITEM, {**ITEM, "metric": "longer"}]).encode()
        answer = server.client.post("/api/push", body)
        assert answer.json()["data"]["Invalid"] == 1
        assert len(stored(server)) == 1


def test_an_empty_list_is_fine(server):
    assert server.client.post("/v1/push", b"[]").status == 200
