"""Datadog's API through the whole application: answers, encodings, keys, at most once."""

from __future__ import annotations

import gzip
import json
import zlib

import cramjam
import pytest

from gnomon.codecs.datadog.calls import CALLS
from gnomon.server.ingest.limits import Limits
from gnomon.server.store.interface import Matcher, MatchOp
from gnomon.testing.server import memory_server

SERIES = {"series": [{"metric": "m", "points": [[1700000000, 1.5]], "host": "web1"}]}
BODY = json.dumps(SERIES).encode()
RUN = b'{"check":"up","status":1,"timestamp":1700000000,"message":"slow"}'


@pytest.fixture
def server():
    with memory_server() as server:
        yield server


def stored(server, name="m"):
    frame = server.store.raw([Matcher("__name__", MatchOp.EQUAL, name)], 0, 10**14)
    return list(zip(frame.timestamps.tolist(), frame.values.tolist(), strict=True))


def events(server):
    return [event["title"] for event in server.client.get("/api/v1/events").json()]


@pytest.mark.parametrize("path", [path for call in CALLS for path in call.paths])
@pytest.mark.parametrize("slash", ["", "/"])
def test_every_path_answers_with_and_without_a_slash(server, path, slash):
    answer = server.client.post(f"/datadog{path}{slash}", b"5")
    assert (answer.status, list(answer.json())) == (400, ["errors"])


def test_series_v1_is_stored_and_answered_without_the_key_errors(server):
    answer = server.client.post("/datadog/api/v1/series", BODY, {"api_key": "k"})
    assert (answer.status, answer.json()) == (202, {"status": "ok"})
    assert stored(server) == [(1700000000000, 1.5)]
    assert server.counted("gnomon.ingest.samples", route="datadog") == 1


def test_series_v2_is_answered_with_the_key_errors(server):
    item = {"metric": "m", "type": 3, "points": [{"timestamp": 1700000000, "value": 2}]}
    answer = server.client.post("/datadog/api/v2/series", json.dumps({"series": [item]}).encode())
    assert (answer.status, answer.json()) == (202, {"errors": []})
    assert stored(server) == [(1700000000000, 2.0)]


def raw_deflate(data: bytes) -> bytes:
    return zlib.compress(data)[2:-4]


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("gzip", gzip.compress),
        ("zstd", lambda data: bytes(cramjam.zstd.compress(data))),
        ("zstd1", lambda data: bytes(cramjam.zstd.compress(data))),
    ],
)
def test_encodings(server, encoding, compress):
    headers = {"Content-Encoding": encoding}
    answer = server.client.post("/datadog/api/v1/series", compress(BODY), headers=headers)
    assert answer.status == 202
    assert stored(server) == [(1700000000000, 1.5)]


def test_good_items_are_stored_bad_ones_counted(server):
    mixed = {"series": [*SERIES["series"], {"metric": "n", "points": [[1, None]]}]}
    assert server.client.post("/datadog/api/v1/series", json.dumps(mixed).encode()).status == 202
    assert stored(server) == [(1700000000000, 1.5)]
    assert server.counted("gnomon.ingest.dropped", route="datadog", reason="malformed") == 1


def test_a_body_without_anything_good_is_refused(server):
    bad = b'{"series":[{"metric":"n","points":[[1,null]]}]}'
    answer = server.client.post("/datadog/api/v1/series", bad)
    assert (answer.status, answer.json()) == (400, {"errors": ["'n': 'None' is not a number"]})


def test_an_empty_list_is_fine(server):
    assert server.client.post("/datadog/api/v1/series", b'{"series":[]}').status == 202


def test_a_series_over_a_limit_is_left_out():
    long = {"metric": "m" * 99, "points": [[1, 1]]}
    body = json.dumps({"series": [*SERIES["series"], long]}).encode()
    with memory_server(Limits(label_length=50)) as server:
        assert server.client.post("/datadog/api/v1/series", body).status == 202
        assert stored(server) == [(1700000000000, 1.5)]
        assert server.counted("gnomon.ingest.dropped", reason="label_length") == 1


def test_too_large_a_body_is_413_in_their_form():
    with memory_server(Limits(body=10)) as server:
        answer = server.client.post("/datadog/api/v1/series", BODY)
        assert answer.status == 413
        assert "larger than 10 bytes" in answer.json()["errors"][0]


def test_the_same_events_are_stored_once(server):
    for _ in range(2):
        assert server.client.post("/datadog/api/v1/check_run", RUN).status == 202
    assert events(server) == ["up is warning"]
    assert stored(server, "service_check") == [(1700000000000, 1.0)]


def test_events_without_a_time_of_their_own_are_all_kept(server):
    for _ in range(2):
        answer = server.client.post("/datadog/api/v1/events", b'{"title":"deploy","text":"v2"}')
        assert answer.status == 202
    assert answer.json()["event"]["title"] == "deploy"
    assert events(server) == ["deploy", "deploy"]


def test_metadata_is_taken_and_counted(server):
    body = b'{"internalHostname":"web1","host-tags":{"system":["a"]},"gohai":"{}"}'
    assert server.client.post("/datadog/intake/metadata", body).status == 202
    assert server.counted("gnomon.ingest.dropped", route="datadog", reason="gohai") == 1


def test_keys():
    with memory_server(keys=["secret"]) as server:
        validate = "/datadog/api/v1/validate"
        right = server.client.get(validate, {"api_key": "secret"})
        assert (right.status, right.json()) == (200, {"valid": True})
        assert server.client.get(validate, {"api_key": "wrong"}).status == 403
        denied = server.client.post("/datadog/intake/", b"{}")
        assert (denied.status, list(denied.json())) == (401, ["errors"])
        headers = {"DD-API-KEY": "secret"}
        assert server.client.post("/datadog/intake/", b"{}", headers=headers).status == 202
