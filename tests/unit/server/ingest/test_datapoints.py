"""The datapoints API through the whole application."""

from __future__ import annotations

import json

import pytest

from gnomon.codecs.datapoints import LARGEST
from gnomon.server.ingest.limits import Limits
from gnomon.server.store.interface import Matcher, MatchOp
from gnomon.testing.server import memory_server

PATH = "/openapi/v2/datapoints"
ITEM = {"host": "web1", "metric": "m", "timeStamp": "1700000000", "value": 2.5, "tags": ["k:v"]}


@pytest.fixture
def server():
    with memory_server() as server:
        yield server


def post(server, *items, **how):
    return server.client.post(PATH, json.dumps(items).encode(), **how)


def stored(server):
    frame = server.store.raw([Matcher("__name__", MatchOp.EQUAL, "m")], 0, 10**14)
    return list(zip(map(repr, frame.series), frame.values.tolist(), strict=True))


def test_good_items_are_stored_bad_ones_named(server):
    answer = post(server, ITEM, {**ITEM, "value": None})
    rejected = [{"index": 1, "reason": "value: expected a number, not null"}]
    assert answer.status == 202
    assert answer.json() == {"status": "ok", "accepted": 1, "rejected": rejected}
    assert stored(server) == [("m{host='web1', k='v'}", 2.5)]
    assert server.counted("gnomon.ingest.dropped", route="datapoints", reason="malformed") == 1


def test_the_same_items_again_are_stored_once(server):
    assert post(server, ITEM).status == post(server, ITEM).status == 202
    assert len(stored(server)) == 1


def test_nothing_good_is_400(server):
    answer = post(server, {**ITEM, "metric": ""})
    assert (answer.status, answer.json()["status"], answer.json()["accepted"]) == (400, "error", 0)


def test_what_is_over_a_limit_is_named_like_any_bad_item():
    with memory_server(Limits(label_length=10)) as server:
        answer = post(server, {**ITEM, "metric": "m" * 11}, ITEM, 5)
        assert (answer.status, answer.json()["accepted"]) == (202, 1)
        assert [one["index"] for one in answer.json()["rejected"]] == [0, 2]


def test_an_answer_names_a_bounded_number_of_items(server):
    answer = post(server, ITEM, *[5] * 2000)
    assert (answer.status, len(answer.json()["rejected"])) == (202, 1000)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'[{"timeStamp;"1"}]'])
def test_what_is_no_list_is_400(server, body):
    answer = server.client.post(PATH, body)
    assert (answer.status, answer.json()["status"]) == (400, "error")


def test_too_large_a_body_is_413(server):
    assert server.client.post(PATH, b"[" + b" " * LARGEST + b"]").status == 413


def test_a_wrong_key_is_403():
    with memory_server(keys=["secret"]) as server:
        assert post(server, ITEM, params={"api_key": "wrong"}).status == 403
        assert post(server, ITEM, params={"api_key": "secret"}).status == 202
