"""Versions: from paths, files, and what services say to anybody, word for word."""

import contextlib
import logging
import re
import socket
import threading

import pytest

from gnomon.agent.discovery.known import SERVICES, Greeting
from gnomon.agent.discovery.matching import Found
from gnomon.agent.discovery.model import Process, Service
from gnomon.agent.discovery.version import greet, loopback, version_of
from gnomon.core.component import Context
from gnomon.core.telemetry import Telemetry
from gnomon.testing.clock import FakeClock

KNOWN = {known.name: known for known in SERVICES}


@pytest.mark.parametrize(
    ("name", "answer", "version"),
    [
        ("MySQL", b"J\0\0\0\x0a8.0.36-0ubuntu0.22.04.1\0\x08\0\0\0", "8.0.36"),
        ("MariaDB", b"n\0\0\0\x0a5.5.5-10.11.6-MariaDB-0+deb12u1\0", "10.11.6"),
        ("MariaDB", b"n\0\0\0\x0a11.4.2-MariaDB-ubu2404\0", "11.4.2"),
        ("Redis", b"$99\r\n# Server\r\nredis_version:7.0.15\r\nredis_git_sha1:0\r\n", "7.0.15"),
        ("Valkey", b"# Server\r\nredis_version:7.2.4\r\nvalkey_version:8.0.1\r\n", "7.2.4"),
        ("memcached", b"VERSION 1.6.18\r\n", "1.6.18"),
        ("OpenSSH", b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", "9.2p1"),
        ("nginx", b"HTTP/1.1 405 Not Allowed\r\nServer: nginx/1.22.1\r\nDate: x\r\n", "1.22.1"),
        ("Apache", b"HTTP/1.1 200 OK\r\nDate: x\r\nServer: Apache/2.4.57 (Debian)\r\n", "2.4.57"),
        ("etcd", b'HTTP/1.0 200 OK\r\n\r\n{"etcdserver":"3.5.1","etcdcluster":"3.5.0"}', "3.5.1"),
        ("Elasticsearch", b'{ "version" : { "number" : "8.12.0", "build"', "8.12.0"),
        ("Prometheus", b'{"status":"success","data":{"version":"2.42.0",', "2.42.0"),
        ("MongoDB", b"....\x02version\x00\x07\x00\x00\x006.0.14\x00", "6.0.14"),
    ],
)
def test_what_they_say(name, answer, version):
    match = re.search(KNOWN[name].greeting.answer, answer)
    assert match.group(1) == version.encode()


def test_the_question_to_mongodb_is_a_message_of_the_length_it_says():
    ask = KNOWN["MongoDB"].greeting.ask
    assert int.from_bytes(ask[:4], "little") == len(ask)
    document = ask[21:]
    assert int.from_bytes(document[:4], "little") == len(document)


def answering(*parts, close=True):
    """A server that answers the first client with some bytes; returns its port and thread."""
    server = socket.create_server(("127.0.0.1", 0))
    heard = []

    def serve():
        client, _ = server.accept()
        with server, client, contextlib.suppress(OSError):
            for part in parts:
                if part is None:
                    heard.append(client.recv(100))
                else:
                    client.sendall(part)
            if not close:
                client.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    return server.getsockname()[1], thread, heard


def test_asks_and_reads_until_the_version_is_whole():
    greeting = Greeting(rb"VERSION ([\d.]+)", b"version\r\n")
    port, thread, heard = answering(None, b"VERSION 1.6", b".18\r\n")
    assert greet("127.0.0.1", port, greeting) == "1.6.18"
    thread.join(5)
    assert heard == [b"version\r\n"]


@pytest.mark.parametrize(
    "parts", [(), (b"-NOAUTH Authentication required.\r\n",), (b"\xff" * 50000,)]
)
def test_no_version_is_no_harm(parts):
    port, thread, _ = answering(*parts, close=not parts)
    assert greet("127.0.0.1", port, Greeting(rb"VERSION ([\d.]+)")) == ""
    thread.join(5)


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert greet("127.0.0.1", port, Greeting(b"(x)")) == ""


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("0.0.0.0", "127.0.0.1"),
        ("::", "127.0.0.1"),
        ("127.0.0.53", "127.0.0.53"),
        ("::1", "::1"),
        ("192.168.1.5", ""),
    ],
)
def test_never_leaves_this_host(address, expected):
    assert loopback(address) == expected


def found(name, process, **more):
    return Found(Service(name=name, **more), KNOWN[name], process)


def test_of_postgresql_without_connecting(tmp_path):
    context = Context("test", FakeClock(), Telemetry(), logging.getLogger("test"), tmp_path)
    debian = Process(7, 1, "postgres", ("/usr/lib/postgresql/15/bin/postgres", "-D", "/x"))
    red_hat = Process(7, 1, "postgres", ("/usr/pgsql-16/bin/postgres", "-D", "/x"))
    own = Process(7, 1, "postgres", ("/opt/db/bin/postgres", "-D", "/x"))
    assert version_of(found("PostgreSQL", debian, port=5432), context) == "15"
    assert version_of(found("PostgreSQL", red_hat, port=5432), context) == "16"
    assert version_of(found("PostgreSQL", own, port=5432), context) == ""
    (tmp_path / "proc" / "7" / "cwd").mkdir(parents=True)
    (tmp_path / "proc" / "7" / "cwd" / "PG_VERSION").write_text("9.6\n")
    assert version_of(found("PostgreSQL", own, port=5432), context) == "9.6"


def test_a_service_that_was_only_guessed_is_not_spoken_to():
    context = Context("test", FakeClock(), Telemetry(), logging.getLogger("test"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        port = server.getsockname()[1]
        assert version_of(found("Redis", None, port=port), context) == ""
        with pytest.raises(TimeoutError):
            server.accept()
