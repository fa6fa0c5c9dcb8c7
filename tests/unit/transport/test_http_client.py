from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gnomon.core.errors import Permanent, Retryable, SettingsError
from gnomon.transport.http_client import HttpClient, Tls, parse_url, safe_url


class Echo(BaseHTTPRequestHandler):
    """Answers what it saw: one header a line, then the body."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        port = f"client-port: {self.client_address[1]}\n"
        seen = "".join(f"{name.lower()}: {value}\n" for name, value in self.headers.items())
        answer = (port + seen + "\n").encode() + body
        if self.path == "/large":
            answer = bytes(5000)
        self.send_response(302 if self.path == "/elsewhere" else 200)
        self.send_header("Location", "/other")
        self.send_header("Retry-After", self.path.removeprefix("/after/"))
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass


@pytest.fixture
def echo():
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def client():
    client = HttpClient(5.0, largest_answer=4000)
    yield client
    client.close()
    client.close()


@contextmanager
def answers(data: bytes | None):
    """A server that answers one connection with fixed bytes, or never."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.recv(10_000)
                if data is not None:
                    connection.sendall(data)
                else:
                    done.wait(10)

        done = threading.Event()
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        done.set()
        thread.join()


def test_body_and_headers_arrive_and_the_connection_is_kept(echo, client):
    first = client.request("POST", echo + "/", b"body", {"X-Api-Key": "k"})
    second = client.request("POST", echo + "/", b"body")
    assert first.status == 200
    assert first.body.endswith(b"\n\nbody")
    assert "x-api-key: k" in first.text(1000)
    assert first.body.splitlines()[0] == second.body.splitlines()[0]


def test_user_and_password_become_basic_auth(echo, client):
    url = echo.replace("//", "//me:p%40ss@") + "/"
    assert "authorization: Basic bWU6cEBzcw==" in client.request("POST", url).text(1000)


def test_redirects_are_not_followed(echo, client):
    assert client.request("POST", echo + "/elsewhere").status == 302


def test_too_large_an_answer_is_permanent_and_leaves_the_client_usable(echo, client):
    with pytest.raises(Permanent, match="over 4000 bytes"):
        client.request("POST", echo + "/large")
    assert client.request("POST", echo + "/").status == 200


@pytest.mark.parametrize(("value", "seconds"), [("7", 7.0), ("99999", 3600.0), ("soon", None)])
def test_retry_after(echo, client, value, seconds):
    assert client.request("POST", f"{echo}/after/{value}").retry_after == seconds


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "closed by the other side"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "in the middle of the answer"),
        (b"SSH-2.0-OpenSSH\r\n", "does not speak HTTP"),
    ],
)
def test_broken_answers_are_retryable_and_explained(client, data, expected):
    with answers(data) as url, pytest.raises(Retryable, match=expected):
        client.request("POST", url)


def test_no_answer_is_retryable():
    client = HttpClient(0.05)
    with answers(None) as url, pytest.raises(Retryable, match="no answer within the time-out"):
        client.request("POST", url)
    client.close()


def test_refused_names_the_url_without_its_secrets(client):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Retryable) as error:
        client.request("POST", f"http://me:secret@127.0.0.1:{port}/a?api_key=secret")
    assert str(error.value) == f"http://127.0.0.1:{port}/a: connection refused (is it running?)"


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8420", "ftp://x", "http://x:99999", "http://me:secret@", "http://[::1", ""]
)
def test_what_is_no_url_is_a_settings_error(url):
    with pytest.raises(SettingsError) as error:
        parse_url(url)
    assert "secret" not in str(error.value)


def test_safe_url():
    assert safe_url("https://u:p@h:1/a?k=v#f") == "https://h:1/a"
    assert "p@" not in safe_url("http://u:p@[::1")


def test_unusable_certificate_files_are_settings_errors(tmp_path):
    with pytest.raises(SettingsError, match=r"cannot use .*none\.pem: No such file"):
        HttpClient(1.0, Tls(ca=str(tmp_path / "none.pem")))
    broken = tmp_path / "broken.pem"
    broken.write_text("not a certificate")
    with pytest.raises(SettingsError, match=r"broken\.pem"):
        HttpClient(1.0, Tls(ca=str(broken)))
