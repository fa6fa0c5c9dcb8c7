"""The way of samples over HTTP: a real server process, spoken to over its wire only."""

from __future__ import annotations

import gzip
import json
import logging
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gnomon.agent.sinks.gnomon import Gnomon, Settings
from gnomon.codecs import json_lines
from gnomon.core.clock import SystemClock
from gnomon.core.component import Context, Entry
from gnomon.core.errors import Permanent, Retryable
from gnomon.core.model import Batch, Event, Mark, Sample, Series
from gnomon.core.settings import Duration, Secret
from gnomon.core.telemetry import Telemetry
from gnomon.testing.processes import GnomonServer
from gnomon.testing.servers import NotReady, free_port
from gnomon.transport.http_client import Tls

NOW = int(time.time()) * 1000
KEY = "correct-horse"
ALL = "/api/v1/export?match[]=%7B__name__=~%22t..%2B%22%7D"
"""Everything but the server's own metrics."""


def make_sink(server: GnomonServer, **settings) -> Gnomon:
    context = Context("host", SystemClock(), Telemetry(), logging.getLogger("gnomon.test"))
    return Gnomon(Settings(url=server.url, timeout=Duration(20), **settings), context)


def entries(first: int, last: int, samples: int = 3, *, name: str = "test") -> list[Entry]:
    """Batches `first` to `last`, each with its own points in time."""
    series = [Series.of(name, number=str(number)) for number in range(samples)]
    return [
        Entry(
            Mark("agent", 1, sequence),
            Batch.of(
                [Sample(one, NOW + sequence, sequence / (7 + at)) for at, one in enumerate(series)],
                [Event(NOW + sequence, f"batch {sequence}")],
            ),
        )
        for sequence in range(first, last + 1)
    ]


def exported(server: GnomonServer, headers=None) -> list[Sample]:
    answer = server.request("GET", ALL, headers=headers)
    assert answer.status == 200, answer
    return list(json_lines.decode(answer.body))


def event_titles(server: GnomonServer) -> list[str]:
    answer = server.request("GET", f"/api/v1/events?from={NOW}&to={NOW + 100_000}&limit=10000")
    return [event["title"] for event in json.loads(answer.body)]


def assert_stored_once(server: GnomonServer, sent: list[Entry]) -> None:
    expected = [sample for entry in sent for sample in entry.batch]
    key = lambda sample: (sample.timestamp, sample.series.labels)  # noqa: E731
    assert sorted(exported(server), key=key) == sorted(expected, key=key)
    assert sorted(event_titles(server)) == sorted(e.batch.events[0].title for e in sent)


@pytest.fixture(scope="module")
def server():
    """One server for the tests that need no settings of their own."""
    with GnomonServer() as server:
        yield server


# --- import and export


def test_a_dump_is_imported_into_another_server(server):
    series = [Series.of("tdump", host=f"web{number}") for number in range(20)]
    lines = [
        json_lines.encode(
            one, [NOW + at * 1000 for at in range(500)], [at / 10 for at in range(500)]
        )
        for one in series
    ]
    headers = {"Content-Encoding": "gzip", "Idempotency-Key": "dump-1"}
    body = gzip.compress(b"".join(lines))
    for outcome in ("stored", "duplicate"):
        answer = server.request("POST", "/api/v1/import", body, headers)
        assert json.loads(answer.body) == {"series": 20, "samples": 10_000, "outcome": outcome}
    dump = server.request("GET", "/api/v1/export?match[]=tdump").body
    with GnomonServer() as other:
        assert other.request("POST", "/api/v1/import", dump).status == 200
        assert other.request("GET", "/api/v1/export?match[]=tdump").body == dump
        other.kill()
        other.start()
        assert other.request("GET", "/api/v1/export?match[]=tdump").body == dump


def test_a_wrong_line_is_named_and_nothing_is_stored(server):
    good = json_lines.encode(Series.of("twrong"), [NOW], [1.0])
    answer = server.request("POST", "/api/v1/import", good + b"{}\n")
    assert answer.status == 400
    assert "line 2" in json.loads(answer.body)["error"]
    assert server.request("GET", "/api/v1/export?match[]=twrong").body == b""


def test_the_servers_own_metrics_are_served(server):
    text = server.request("GET", "/metrics").text(100_000)
    assert "gnomon_store_series" in text
    status = server.status()
    assert status["store"]["engine"] == "duckdb"
    assert status["limits"]["body"] == 16 << 20


# --- delivery


def test_batches_survive_kills_and_restarts_of_the_server():
    with GnomonServer() as server:
        sink = make_sink(server)
        sink.send(entries(1, 10))
        server.kill()
        with pytest.raises(Retryable, match=r"refused|closed"):
            sink.send(entries(11, 12))
        server.start()
        # The server does not know the dictionary any more: 409, and then at once anew.
        sink.send(entries(11, 12))
        sink.send(entries(9, 20))  # what an agent sends again that had no answer
        server.stop()
        server.start()
        sink.send(entries(21, 30))
        sink.close()
        assert_stored_once(server, entries(1, 30))


def test_several_agents_at_once():
    def agent(number: int) -> None:
        sink = make_sink(server)
        for first in range(1, 101, 10):
            sent = [
                Entry(Mark(f"agent{number}", 1, entry.mark.sequence), entry.batch)
                for entry in entries(first, first + 9, name=f"t_agent{number}")
            ]
            sink.send(sent)
        sink.close()

    with GnomonServer() as server, ThreadPoolExecutor(8) as pool:
        list(pool.map(agent, range(8)))
        assert len(exported(server)) == 8 * 100 * 3
        assert len(event_titles(server)) == 8 * 100


def test_what_is_too_large_at_once_is_sent_in_parts():
    with GnomonServer(limits={"body": 6000}) as server:
        sink = make_sink(server)
        sink.send(entries(1, 60, samples=40))
        assert_stored_once(server, entries(1, 60, samples=40))
        assert server.counted("gnomon.ingest.requests") > 2
        with pytest.raises(Permanent, match="refused 2000 samples"):
            sink.send(entries(61, 61, samples=2000))
        sink.close()


def test_a_full_queue_tells_when_to_come_again_and_loses_nothing():
    settings = {"queue_samples": 10, "gather": 0.3, "retry_after": 1}
    refused: list[Retryable] = []

    def agent(number: int) -> None:
        sink = make_sink(server)
        sent = [Entry(Mark(f"agent{number}", 1, 1), entries(number, number)[0].batch)]
        for _ in range(100):
            try:
                sink.send(sent)
                break
            except Retryable as error:
                refused.append(error)
                time.sleep(0.01)
        sink.close()

    with GnomonServer(writer=settings) as server, ThreadPoolExecutor(12) as pool:
        list(pool.map(agent, range(1, 13)))
        assert_stored_once(server, entries(1, 12))
        assert refused
        assert {(str(error).split()[2], error.retry_after) for error in refused} == {("429:", 1.0)}
        assert server.counted("gnomon.store.queue.refused") == len(refused)


@pytest.mark.skipif(not shutil.which("prlimit"), reason="prlimit (Debian: util-linux) is missing")
def test_a_full_disk_is_refused_politely_and_nothing_is_torn():
    with GnomonServer() as server:
        sink = make_sink(server)
        sink.send(entries(1, 10))
        prlimit = ["prlimit", "--pid", str(server.pid)]
        subprocess.run([*prlimit, "--fsize=4096:unlimited"], check=True)
        with pytest.raises(Retryable, match="answered 503: no space left") as error:
            sink.send(entries(11, 20))
        assert error.value.retry_after
        assert len(exported(server)) == 30
        subprocess.run([*prlimit, "--fsize=unlimited:unlimited"], check=True)
        sink.send(entries(11, 20))
        server.kill()
        server.start()
        sink.close()
        assert_stored_once(server, entries(1, 20))


def test_what_was_acknowledged_before_the_end_is_there_after_it():
    with GnomonServer() as server:
        acknowledged: list[Entry] = []

        def agent(number: int) -> None:
            sink = make_sink(server)
            try:
                for sequence in range(number, 10_000, 4):
                    sent = entries(sequence, sequence)
                    sink.send(sent)
                    acknowledged.extend(sent)
            except Retryable:
                pass  # the server has gone
            finally:
                sink.close()

        threads = [threading.Thread(target=agent, args=(number,)) for number in range(1, 5)]
        for thread in threads:
            thread.start()
        while len(acknowledged) < 50:
            time.sleep(0.01)
        process = server.process
        server.stop()
        assert process.returncode == 0
        for thread in threads:
            thread.join()
        server.start()
        found = event_titles(server)
        assert len(found) == len(set(found))
        assert {entry.batch.events[0].title for entry in acknowledged} <= set(found)


def test_a_second_signal_does_not_wait_for_clients():
    with (
        GnomonServer(stop_time=600) as server,
        socket.create_connection((server.address, server.port)) as link,
    ):
        link.sendall(b"POST /api/v1/import HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
        process = server.process
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


# --- who may send


def test_a_wrong_key_loses_nothing():
    with GnomonServer(api_keys=["another-key", KEY]) as server:
        for key, expected in ((None, "wants an API key"), ("wrong-key", "does not accept")):
            sink = make_sink(server, api_key=Secret(key) if key else None)
            with pytest.raises(Retryable, match=expected) as error:
                sink.send(entries(1, 3))
            assert "wrong-key" not in str(error.value)
            sink.close()
        sink = make_sink(server, api_key=Secret(KEY))
        sink.send(entries(1, 3))
        sink.close()
        assert len(exported(server, {"X-API-Key": KEY})) == 9
        assert server.request("GET", "/api/v1/status").status == 401
        assert KEY not in server.log


@pytest.fixture
def certificate(tmp_path):
    """A certificate for 127.0.0.1 that nobody but who is given it trusts."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is missing")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    command += " -subj /CN=gnomon -addext subjectAltName=IP:127.0.0.1"
    words = [*command.split(), "-keyout", str(key), "-out", str(cert)]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    return {"cert": str(cert), "key": str(key)}


def test_tls(certificate):
    trusted = Tls(ca=certificate["cert"])
    server = GnomonServer(tls=trusted)
    server.settings["tls"] = certificate
    with server:
        assert server.url.startswith("https://")
        good = make_sink(server, tls=trusted)
        good.send(entries(1, 2))
        good.close()
        unknown = make_sink(server)
        with pytest.raises(Retryable, match="certificate is not trusted: self-signed certificate"):
            unknown.send(entries(3, 3))
        unknown.close()
        trial = make_sink(server, tls=Tls(verify=False))
        trial.send(entries(3, 3))
        trial.close()
        assert len(exported(server)) == 9
        with socket.create_connection((server.address, server.port)) as link:
            link.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert not link.recv(100).startswith(b"HTTP/1.1 200")


# --- clients that behave badly


def test_a_body_that_does_not_come_is_given_up():
    with GnomonServer(limits={"body_time": 0.2}) as server:
        with socket.create_connection((server.address, server.port), timeout=20) as link:
            link.sendall(b"POST /api/v1/import HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
            assert link.recv(1000).startswith(b"HTTP/1.1 408 ")
        assert server.counted("gnomon.ingest.held") == 0


def test_too_large_a_body_is_answered_before_it_was_sent(server):
    with socket.create_connection((server.address, server.port), timeout=20) as link:
        link.sendall(
            b"POST /api/v1/import HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            b"Content-Length: 100000000\r\n\r\n"
        )
        assert link.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_hangs_up_leaves_nothing_behind(server):
    for _ in range(5):
        with socket.create_connection((server.address, server.port), timeout=20) as link:
            link.sendall(b"POST /api/v1/import HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
    deadline = time.monotonic() + 20
    while server.counted("gnomon.ingest.held") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert server.counted("gnomon.ingest.held") == 0


# --- what keeps it from starting


def refusal(*arguments: str) -> tuple[int, str]:
    """Exit code and standard error of a server that does not start."""
    done = subprocess.run(
        [sys.executable, "-m", "gnomon", "server", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_a_taken_port_is_one_clear_line(server, tmp_path):
    listen = f"{server.address}:{server.port}"
    code, said = refusal("--listen", listen, "--data", str(tmp_path))
    assert code == 2
    assert said.startswith(f"gnomon: listen: {listen} is taken by another program; ")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("listen", "expected"),
    [("127.0.0.1:x", "'x' is not a port"), ("0.0.0.0:8420", "can be reached by other machines")],
)
def test_a_bad_address_is_one_clear_line(tmp_path, listen, expected):
    code, said = refusal("--listen", listen, "--data", str(tmp_path))
    assert code == 2
    assert expected in said
    assert said.count("\n") == 1


def test_a_folder_in_use_is_one_clear_line(server):
    code, said = refusal("--listen", f"127.0.0.1:{free_port()}", "--data", str(server.data))
    assert code == 2
    assert f"is in use by another Gnomon server (process {server.pid})" in said
    assert said.count("\n") == 1


def test_a_folder_that_cannot_be_used_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    data = str(tmp_path / "file")
    code, said = refusal("--listen", f"127.0.0.1:{free_port()}", "--data", data)
    assert code == 2
    assert said.startswith(f"gnomon: {data}/server: the data folder cannot be used: ")
    assert said.count("\n") == 1


def test_a_certificate_that_cannot_be_used_is_one_clear_line(tmp_path):
    (tmp_path / "server.yaml").write_text(f"tls: {{cert: {tmp_path}/none.pem}}\n")
    code, said = refusal("--config", str(tmp_path / "server.yaml"), "--data", str(tmp_path))
    assert (code, said) == (
        2,
        f"gnomon: tls: cannot use {tmp_path}/none.pem: No such file or directory\n",
    )


def test_a_damaged_database_does_not_keep_it_from_starting():
    with GnomonServer() as server:
        sink = make_sink(server)
        sink.send(entries(1, 10))
        server.stop()
        file = server.data / "server" / "gnomon.duckdb"
        file.write_bytes(b"\xff" * 100_000)
        try:
            server.start()
        except NotReady as error:
            pytest.fail(f"it did not start: {error}")
        sink.send(entries(11, 12))
        sink.close()
        found = {sample.timestamp - NOW for sample in exported(server)}
        assert {11, 12} <= found
