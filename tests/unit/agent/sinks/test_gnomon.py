"""The sink against a server that answers what it is told, and against the real application."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

from gnomon.agent.sinks.gnomon import Gnomon, Settings
from gnomon.codecs import native
from gnomon.core.component import Context, Entry
from gnomon.core.errors import Permanent, Retryable, SettingsError
from gnomon.core.model import Batch, Mark, Sample, Series
from gnomon.core.registry import SINKS
from gnomon.core.settings import Duration, Secret
from gnomon.core.telemetry import Telemetry
from gnomon.testing.clock import FakeClock


def entries(*sequences: int) -> list[Entry]:
    return [
        Entry(
            Mark("agent", 7, sequence),
            Batch.of([Sample(Series.of("cpu", host="a"), sequence, float(sequence))]),
        )
        for sequence in sequences
    ]


def refused(kind: str = "bad_data", text: str = "no") -> bytes:
    return msgspec.json.encode({"status": "error", "errorType": kind, "error": text})


class Server:
    """Hands each body to `answer`, which gives (status, body, headers)."""

    def __init__(self) -> None:
        self.answer: Callable[[bytes], tuple] = lambda body: (204,)
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.ports: set[int] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.bodies.append(body)
                outer.headers.append(dict(self.headers))
                outer.ports.add(self.client_address[1])
                assert self.path == "/api/v1/batches"
                answer = outer.answer(body)
                status, content, headers = (*answer, *(None, b"", {})[len(answer) :])
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def context():
    return Context("host", FakeClock(), Telemetry(), logging.getLogger("gnomon.sink"))


@pytest.fixture
def sink(server, context):
    sink = Gnomon(Settings(url=server.url, timeout=Duration(5)), context)
    yield sink
    sink.close()
    sink.close()


def counted(context, name: str) -> float:
    return sum(s.value for s in context.telemetry.samples(0) if s.series.name == name)


def test_it_is_found_by_name():
    assert SINKS.load("gnomon") is Gnomon


def test_delivered_batches_share_a_connection_and_a_dictionary(server, sink, context):
    decoder = native.Decoder()
    for sequence in range(1, 6):
        sink.send(entries(sequence))
    assert [e for body in server.bodies for e in decoder.decode(body)] == entries(1, 2, 3, 4, 5)
    assert len(server.ports) == 1
    assert len(server.bodies[1]) < len(server.bodies[0])
    assert server.headers[0]["Content-Type"] == native.CONTENT_TYPE
    assert counted(context, "gnomon.sink.bytes") == sum(map(len, server.bodies))


def test_a_repeated_delivery_is_the_same_bytes(server, sink):
    server.answer = lambda _body: (503, refused("unavailable", "the disk is full"))
    for _ in range(3):
        with pytest.raises(Retryable, match="answered 503: the disk is full"):
            sink.send(entries(1, 2))
    server.answer = lambda _body: (204,)
    sink.send(entries(1, 2))
    assert len(set(server.bodies)) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_retried_after_what_was_asked(server, sink, status):
    server.answer = lambda _body: (status, b"", {"Retry-After": "17"})
    with pytest.raises(Retryable) as error:
        sink.send(entries(1))
    assert error.value.retry_after == 17


def test_an_unknown_dictionary_is_sent_anew_at_once(server, sink, context):
    sink.send(entries(1))
    decoder = native.Decoder()  # as after a restart of the server

    def answer(body):
        try:
            decoder.decode(body)
        except native.UnknownDictionary:
            return 409, refused("unknown_dictionary", "unknown_dictionary")
        return (204,)

    server.answer = answer
    sink.send(entries(2))
    assert decoder.decode(server.bodies[-1]) == entries(2)
    assert counted(context, "gnomon.sink.dictionaries") == 1


def test_a_dictionary_that_stays_unknown_is_retried_later(server, sink):
    server.answer = lambda _body: (409, refused("unknown_dictionary"))
    with pytest.raises(Retryable, match="409"):
        sink.send(entries(1))
    assert len(server.bodies) == 2


def takes_at_most(count: int, status: int, content: bytes) -> Callable[[bytes], tuple]:
    decoder = native.Decoder()
    return lambda body: (204,) if len(decoder.decode(body)) <= count else (status, content)


@pytest.mark.parametrize("content", [refused("too_large"), b"<html>nginx</html>"])
def test_too_large_a_body_is_halved_until_it_is_taken(server, sink, context, content):
    server.answer = takes_at_most(3, 413, content)
    sink.send(entries(*range(1, 11)))
    assert counted(context, "gnomon.sink.refused") == 0
    assert len(server.bodies) == 7


def test_only_the_batch_that_is_refused_is_given_up(server, sink, context, caplog):
    decoder, taken = native.Decoder(), []

    def answer(body):
        found = [entry.mark.sequence for entry in decoder.decode(body)]
        if 6 in found:
            return 400, refused("bad_data", "sequence 6 is malformed")
        taken.extend(found)
        return (204,)

    server.answer = answer
    sink.send(entries(*range(1, 11)))
    assert taken == [1, 2, 3, 4, 5, 7, 8, 9, 10]
    assert counted(context, "gnomon.sink.refused") == 1
    assert f"{server.url} refused 1 samples: sequence 6 is malformed" in caplog.text


@pytest.mark.parametrize("status", [400, 413])
def test_when_all_is_refused_it_is_permanent(server, sink, status):
    server.answer = lambda _body: (status, refused("bad_data", "sorry"))
    with pytest.raises(Permanent, match="refused 1 samples: sorry"):
        sink.send(entries(1, 2))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            (200, b"<html>log in to the hotel</html>"),
            "answered 200 where a Gnomon server answers 204",
        ),
        ((302, b"", {"Location": "https://elsewhere/"}), "answered 302 where"),
        ((400, b"<html>bad request</html>"), "answered 400 where"),
        ((404, b""), "answered 404 where"),
        ((405, b""), "answered 405 where"),
        ((413, b"<html>too large</html>"), "answered 413 where"),
        ((401, refused("unauthorized")), "wants an API key: set api_key"),
        ((403, refused("forbidden", "unknown key")), "does not accept this api_key: unknown key"),
    ],
)
def test_what_a_person_can_mend_loses_nothing(server, sink, answer, expected):
    server.answer = lambda _body: answer
    with pytest.raises(Retryable, match=expected):
        sink.send(entries(1))


def test_the_key_is_sent_and_not_shown(server, context):
    settings = Settings(url=server.url, api_key=Secret("secret"))
    sink = Gnomon(settings, context)
    server.answer = lambda _body: (403, refused("forbidden", "no"))
    with pytest.raises(Retryable) as error:
        sink.send(entries(1))
    sink.close()
    assert server.headers[0]["X-API-Key"] == "secret"
    assert "secret" not in str(error.value) + repr(settings)
    assert all("secret" not in str(s.series) for s in context.telemetry.samples(0))


def test_nobody_there_is_retried(context):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    sink = Gnomon(Settings(url=f"http://127.0.0.1:{port}"), context)
    with pytest.raises(Retryable, match=f"127.0.0.1:{port}.*: connection refused"):
        sink.send(entries(1))
    sink.close()


def test_nothing_to_send_is_fine(server, sink):
    sink.send([])
    assert server.bodies == []


def test_a_wrong_url_is_a_settings_error(context):
    with pytest.raises(SettingsError, match="not a URL such as"):
        Gnomon(Settings(url="127.0.0.1:8420"), context)


def test_a_password_in_the_url_is_refused_since_it_would_show(context):
    with pytest.raises(SettingsError, match="use api_key") as error:
        Gnomon(Settings(url="http://me:secret@127.0.0.1:8420"), context)
    assert "secret" not in str(error.value)
