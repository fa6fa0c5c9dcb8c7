"""The ingest routes through the whole application, over the in-memory store."""

from __future__ import annotations

import gzip
from concurrent.futures import Future

import cramjam
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.codecs import native
from gnomon.core.component import Entry
from gnomon.core.errors import Full, Permanent
from gnomon.core.model import Batch, Event, Mark, Sample, Series
from gnomon.core.settings import Duration, Size
from gnomon.server.ingest.limits import Limits
from gnomon.server.store.interface import Matcher, MatchOp
from gnomon.testing.server import memory_server

LINE = b'{"metric":{"__name__":"cpu","host":"a"},"values":[1,2],"timestamps":[1000,2000]}\n'
NATIVE = {"Content-Type": native.CONTENT_TYPE}
ALL = [("match[]", '{__name__!=""}')]


@pytest.fixture
def server():
    with memory_server() as server:
        yield server


def entries(*sequences: int, host: str = "a") -> list[Entry]:
    return [
        Entry(
            Mark("agent", 7, sequence),
            Batch.of([Sample(Series.of("cpu", host=host), sequence * 1000, float(sequence))]),
        )
        for sequence in sequences
    ]


def stored(server, name: str = ".+") -> list[tuple[int, float]]:
    frame = server.store.raw([Matcher("__name__", MatchOp.REGEX, name)], 0, 10**12)
    return list(zip(frame.timestamps.tolist(), frame.values.tolist(), strict=True))


# --- /api/v1/import


def test_import_stores_and_says_what(server):
    answer = server.client.post("/api/v1/import", LINE)
    assert (answer.status, answer.json()) == (200, {"series": 1, "samples": 2, "outcome": "stored"})
    assert stored(server) == [(1000, 1.0), (2000, 2.0)]
    assert server.counted("gnomon.ingest.samples", route="import") == 2


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("zstd", lambda data: bytes(cramjam.zstd.compress(data)))],
)
def test_import_undoes_content_encodings(server, encoding, compress):
    headers = {"Content-Encoding": encoding}
    assert server.client.post("/api/v1/import", compress(LINE * 3), headers=headers).status == 200
    assert len(stored(server)) == 2


def test_import_in_pieces(server):
    pieces = [LINE[at : at + 7] for at in range(0, len(LINE), 7)]
    assert server.client.post("/api/v1/import", pieces).status == 200
    assert server.counted("gnomon.ingest.bytes") == len(LINE)
    assert server.counted("gnomon.ingest.held") == 0


def test_a_large_import_is_decoded_on_a_worker_thread(server):
    assert server.client.post("/api/v1/import", LINE * 1000).status == 200


def test_import_is_all_or_nothing(server):
    answer = server.client.post("/api/v1/import", LINE + b'{"metric":{}}\n')
    assert answer.status == 400
    assert answer.json()["error"].startswith("line 2: ")
    assert stored(server) == []
    assert server.counted("gnomon.ingest.requests", route="import", code="400") == 1


def test_import_with_a_key_is_stored_once(server):
    headers = {"Idempotency-Key": "k1"}
    server.client.post("/api/v1/import", LINE, headers=headers)
    again = server.client.post("/api/v1/import", LINE.replace(b"[1,2]", b"[8,9]"), headers=headers)
    assert (again.status, again.json()["outcome"]) == (200, "duplicate")
    assert stored(server) == [(1000, 1.0), (2000, 2.0)]
    assert server.counted("gnomon.ingest.duplicates", route="import") == 2


def test_a_key_belongs_to_its_route(server):
    headers = {"Idempotency-Key": "k1"}
    server.client.post("/api/v1/import", LINE, headers=headers)
    answer = server.client.post("/api/v1/events", b'{"title":"deploy"}', headers=headers)
    assert answer.json()["outcome"] == "stored"


def test_import_over_a_limit_of_a_series_names_it():
    with memory_server(Limits(label_length=2)) as server:
        answer = server.client.post("/api/v1/import", LINE)
        assert answer.status == 413
        assert "'cpu'" in answer.json()["error"]


# --- /api/v1/batches


def test_batches_are_stored_with_their_marks(server):
    encoder = native.Encoder()
    answer = server.client.post("/api/v1/batches", encoder.encode(entries(1, 2)), headers=NATIVE)
    assert (answer.status, answer.body) == (204, b"")
    assert server.counted("gnomon.ingest.samples", route="batches") == 2
    # What was not acknowledged comes again, perhaps bound together otherwise.
    for again in (entries(1, 2), entries(2, 3)):
        body = encoder.encode(again)
        assert server.client.post("/api/v1/batches", body, headers=NATIVE).status == 204
    assert stored(server) == [(1000, 1.0), (2000, 2.0), (3000, 3.0)]
    assert server.counted("gnomon.ingest.duplicates", route="batches") == 2


def test_batches_of_different_series_with_events_and_without(server):
    a, b = Series.of("a"), Series.of("b")
    batches = [
        Batch.of([Sample(a, 1, 1.0), Sample(b, 1, 2.0)]),
        Batch.of([Sample(b, 2, 3.0)], [Event(2, "restart")]),
        Batch.of([Sample(b, 3, 4.0), Sample(a, 3, 5.0)]),
        Batch.of([Sample(a, 4, 6.0), Sample(b, 4, 7.0)]),
    ]
    sent = [Entry(Mark("agent", 7, at), batch) for at, batch in enumerate(batches, 1)]
    for part in (sent[:2], sent, sent):
        body = native.Encoder().encode(part)
        assert server.client.post("/api/v1/batches", body, headers=NATIVE).status == 204
    assert stored(server, "a") == [(1, 1.0), (3, 5.0), (4, 6.0)]
    assert stored(server, "b") == [(1, 2.0), (2, 3.0), (3, 4.0), (4, 7.0)]
    assert [event.title for event in server.store.events(0, 10)] == ["restart"]


def test_an_unknown_dictionary_is_a_conflict(server):
    encoder = native.Encoder()
    encoder.encode(entries(1))
    body = encoder.encode(entries(2))
    answer = server.client.post("/api/v1/batches", body, headers=NATIVE)
    assert (answer.status, answer.json()["error"]) == (409, "unknown_dictionary")


def test_batches_of_another_content_type_are_refused(server):
    answer = server.client.post("/api/v1/batches", b"{}", headers={"Content-Type": "text/plain"})
    assert answer.status == 400
    assert native.CONTENT_TYPE in answer.json()["error"]


def test_an_offender_does_not_cost_the_others_their_samples(caplog):
    with memory_server(Limits(label_length=10)) as server:
        good, bad = entries(1), entries(2, host="a" * 11)
        body = native.Encoder().encode([*good, *bad])
        assert server.client.post("/api/v1/batches", body, headers=NATIVE).status == 204
        again = native.Encoder().encode(bad)
        assert server.client.post("/api/v1/batches", again, headers=NATIVE).status == 204
        assert stored(server) == [(1000, 1.0)]
        assert server.counted("gnomon.ingest.dropped", reason="label_length") == 2
    (record,) = caplog.records  # the same offence is not logged again
    assert "agent agent: label 'host' of series 'cpu' has 11 characters" in record.getMessage()


# --- what the store refuses


class Refusing:
    """A writer that does not take the second write, and fails the first as told."""

    def __init__(self, first: BaseException | None) -> None:
        self.first = first
        self.taken = 0

    def submit(self, write):
        self.taken += 1
        if self.taken > 1:
            raise Full("2000000 samples wait to be stored already", retry_after=2.5)
        future = Future()
        if self.first is not None:
            future.set_exception(self.first)
        return future

    def close(self):
        pass


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (Full("the disk is full", retry_after=30), 503, "30"),
        (Full("the disk is full"), 503, "1"),
        (Permanent("no such thing can be stored"), 400, None),
        (RuntimeError("a bug"), 500, None),
    ],
)
def test_what_the_store_refuses_is_answered(error, status, retry_after):
    with memory_server(writer=Refusing(error)) as server:
        answer = server.client.post("/api/v1/import", LINE)
        assert answer.status == status
        assert answer.headers.get("retry-after") == retry_after
        assert "a bug" not in answer.json()["error"]


def test_a_full_queue_is_answered_with_429():
    writer = Refusing(None)
    writer.taken = 1
    with memory_server(writer=writer) as server:
        answer = server.client.post("/api/v1/import", LINE)
        assert (answer.status, answer.headers["retry-after"]) == (429, "3")


# --- bounds of bodies


def test_a_body_over_the_limit_is_refused_by_its_announced_length():
    with memory_server(Limits(body=Size(100))) as server:
        answer = server.client.post("/api/v1/import", b"", headers={"Content-Length": "101"})
        assert answer.status == 413
        assert "limits.body" in answer.json()["error"]


def test_a_body_over_the_limit_is_refused_without_an_announced_length():
    with memory_server(Limits(body=Size(100))) as server:
        assert server.client.post("/api/v1/import", [LINE, LINE]).status == 413
        assert server.counted("gnomon.ingest.held") == 0


def test_a_body_that_unfolds_beyond_the_limit_is_refused():
    with memory_server(Limits(decompressed=Size(1000))) as server:
        headers = {"Content-Encoding": "gzip"}
        body = gzip.compress(bytes(1001))
        assert server.client.post("/api/v1/import", body, headers=headers).status == 413


def test_too_many_bodies_at_once_are_told_to_come_again():
    with memory_server(Limits(bodies=Size(50))) as server:
        answer = server.client.post("/api/v1/import", LINE)
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")


def test_a_slow_body_is_given_up():
    with memory_server(Limits(body_time=Duration(0))) as server:
        answer = server.client.post("/api/v1/import", [LINE, LINE])
        assert (answer.status, answer.headers["connection"]) == (408, "close")


# --- /api/v1/events


def test_events_one_or_many(server):
    assert server.client.post("/api/v1/events", b'{"title":"deploy"}').status == 200
    many = [
        {"title": "a", "timestamp": 5, "kind": "error", "text": "t", "source": "s"},
        {
            "title": "b",
            "timestamp": 6,
            "tags": ["env:prod", "env:eu", "canary"],
            "labels": {"x": "y"},
        },
    ]
    answer = server.client.post("/api/v1/events", msgspec.json.encode(many))
    assert answer.json() == {"events": 2, "outcome": "stored"}
    labels = (("canary", "true"), ("env", "prod,eu"), ("x", "y"))
    assert server.store.events(0, 2**62) == [
        Event(server.clock.now(), "deploy"),
        Event(6, "b", labels=labels),
        Event(5, "a", "t", "error", "s"),
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"x", "not an event"),
        (b'{"title":""}', "needs a title"),
        (b'{"title":"a","kind":"fine"}', "'fine' is not one of info"),
        (b'{"title":"a","timestamp":-1}', "timestamp -1"),
        (b'[{"title":"a"},{"text":"b"}]', "title"),
        (b'"\xff"', "not an event"),
    ],
)
def test_what_is_no_event_is_explained(server, body, expected):
    answer = server.client.post("/api/v1/events", body)
    assert answer.status == 400
    assert expected in answer.json()["error"]
    assert server.store.events(0, 2**62) == []


# --- fuzz

SESSION = native.Encoder().encode(entries(1, 2, 3))
BODIES = {
    "/api/v1/import": LINE * 2,
    "/api/v1/batches": SESSION,
    "/api/v1/events": b'[{"title":"a","tags":["k:v"],"labels":{"a":"b"},"timestamp":5}]',
}


@st.composite
def damaged(draw, body: bytes) -> bytes:
    """A body with some bytes changed, cut out or doubled; or anything at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=300))
    data = bytearray(body)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.sampled_from(["change", "cut", "double"])):
            case "change":
                data[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case "cut":
                del data[at : at + draw(st.integers(1, 8))]
            case _:
                data[at:at] = data[at : at + draw(st.integers(1, 8))]
    return bytes(data)


@pytest.mark.parametrize("path", sorted(BODIES))
def test_any_bytes_are_answered(path):
    with memory_server() as server:

        @settings(deadline=None)
        @given(
            damaged(BODIES[path]),
            st.sampled_from(["", "", "", "", "gzip", "deflate", "zstd", "snappy", "br"]),
            st.sampled_from(["", "k" * 300]),
        )
        def check(body, encoding, key):
            before = stored(server)
            headers = {
                "Content-Type": native.CONTENT_TYPE,
                "Content-Encoding": encoding,
                "Idempotency-Key": key,
            }
            answer = server.client.post(path, body, headers=headers)
            assert answer.status in (200, 204, 400, 409, 413), answer
            if answer.status >= 400:
                assert answer.json()["status"] == "error"
                assert answer.json()["error"]
                assert stored(server) == before

        check()
        assert server.client.get("/api/v1/export", ALL).status == 200
        assert server.counted("gnomon.ingest.held") == 0
