from __future__ import annotations

from base64 import b64encode

import pytest

from gnomon.testing.server import memory_server

KEY = "correct-horse"
LINE = b'{"metric":{"__name__":"cpu"},"values":[1],"timestamps":[1000]}\n'


@pytest.fixture
def server():
    with memory_server(keys=["another-key", KEY]) as server:
        yield server


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"me:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("headers", "params"),
    [
        ({"Authorization": f"Bearer {KEY}"}, {}),
        ({"Authorization": f"bearer  {KEY}"}, {}),
        (basic(KEY), {}),
        ({"X-API-Key": KEY}, {}),
        ({"DD-API-KEY": KEY}, {}),
        ({}, {"api_key": KEY}),
        ({"Authorization": "Bearer wrong", "X-API-Key": KEY}, {}),
    ],
)
def test_a_key_is_taken_from_where_programs_put_it(server, headers, params):
    assert server.client.post("/api/v1/import", LINE, params, headers).status == 200


@pytest.mark.parametrize("path", ["/api/v1/import", "/api/v1/batches", "/api/v1/agents/a/status"])
def test_without_a_key_nothing_is_taken(server, path):
    answer = server.client.post(path, LINE)
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert answer.json()["errorType"] == "unauthorized"
    assert server.counted("gnomon.http.denied", reason="no_key") == 1
    assert server.store.stats().samples == 0


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/v1/status", "/api/v1/agents", "/nothing"])
def test_without_a_key_nothing_is_told(server, path):
    assert server.client.get(path).status == 401
    expected = 404 if path == "/nothing" else 200
    assert server.client.get(path, headers={"X-API-Key": KEY}).status == expected


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer wrong"}, 403),
        ({"Authorization": "Bearer " + KEY[:-1]}, 403),
        ({"Authorization": "Bearer " + KEY + "x"}, 403),
        ({"X-API-Key": ""}, 403),
        ({"X-API-Key": "ümläut"}, 403),
        (basic("wrong"), 401),  # a browser asks its user again
        ({"Authorization": "Basic not-base64!"}, 401),
        ({"Authorization": "Digest x"}, 401),
    ],
)
def test_a_wrong_key_is_refused_without_being_repeated(server, headers, status):
    answer = server.client.post("/api/v1/import", LINE, headers=headers)
    assert answer.status == status
    assert b"wrong" not in answer.body
    assert server.store.stats().samples == 0


def test_health_needs_no_key(server):
    assert server.client.get("/-/healthy").status == 200
    assert server.client.get("/-/ready").status == 200


def test_a_page_of_another_site_may_not_change_anything():
    with memory_server() as server:
        foreign = {"Sec-Fetch-Site": "cross-site"}
        assert server.client.post("/api/v1/import", LINE, headers=foreign).status == 403
        own = {"Sec-Fetch-Site": "same-origin"}
        assert server.client.post("/api/v1/import", LINE, headers=own).status == 200
        assert server.client.get("/api/v1/status", headers=foreign).status == 200
