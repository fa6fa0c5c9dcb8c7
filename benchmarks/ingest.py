"""Samples per second through HTTP into the durable store, and what many small posts cost.

The same samples go to Gnomon (native wire, JSON lines), to VictoriaMetrics (its JSON lines, remote
write) and to Prometheus (remote write), each over its own protocol from bodies that were made
before; two connections send as fast as they are answered. CPU is that of the server's process. An
answer of Gnomon means that the samples survive `kill -9`; the peers' answers do not say so.
"""

from __future__ import annotations

import http.client
import os
import random
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cramjam

from gnomon.codecs import json_lines, native
from gnomon.core.component import Entry
from gnomon.core.model import Batch, Kind, Mark, Metric, Sample, Series, labels_of
from gnomon.testing.processes import GnomonServer
from gnomon.testing.servers import Missing, Server

AGENTS = int(os.environ.get("GNOMON_BENCH_AGENTS", "34"))
SERIES = 300
"""Of each agent."""
SAMPLES = int(os.environ.get("GNOMON_BENCH_SAMPLES", "3000000"))
BATCHES = 20
"""In one body: what an agent sends after a short outage."""
CONNECTIONS = 4
SMALL_POSTS = 1000
"""A second."""
SMALL_SECONDS = 5
SMALL_CONNECTIONS = 50
STEP = 10_000
TICK = os.sysconf("SC_CLK_TCK")


class Request(NamedTuple):
    """What is posted, again and again."""

    path: str
    body: bytes
    headers: dict[str, str]


class Result(NamedTuple):
    """Of one run."""

    samples: int
    wall: float
    cpu: float
    bytes: int


def series_of(agent: int) -> list[Series]:
    return [
        Series(
            Metric(f"system.part{number % 60}.reading", Kind.GAUGE),
            labels_of({"host": f"web{agent:03}", "device": f"d{number // 60}", "env": "prod"}),
        )
        for number in range(SERIES)
    ]


def rounds(start: int) -> Iterator[tuple[int, list[list[Sample]]]]:
    """(agent, batches of one body) for ever: each agent in turn, then the time that follows."""
    series = [series_of(agent) for agent in range(AGENTS)]
    chance = random.Random(1)
    step = 0
    while True:
        for agent in range(AGENTS):
            batches = []
            for at in range(step, step + BATCHES):
                timestamp = start + at * STEP
                batches.append(
                    [
                        Sample(one, timestamp, round(chance.gauss(50, 20), 2))
                        for one in series[agent]
                    ]
                )
            yield agent, batches
        step += BATCHES


def bodies(start: int) -> list[tuple[int, list[list[Sample]]]]:
    return list(islice(rounds(start), SAMPLES // (SERIES * BATCHES)))


def native_requests(start: int) -> list[Request]:
    encoders = [native.Encoder() for _ in range(AGENTS)]
    sequences = [0] * AGENTS
    headers = {"Content-Type": native.CONTENT_TYPE}
    made = []
    for agent, batches in bodies(start):
        entries = []
        for batch in batches:
            sequences[agent] += 1
            entries.append(Entry(Mark(f"agent{agent}", 1, sequences[agent]), Batch.of(batch)))
        made.append(Request("/api/v1/batches", encoders[agent].encode(entries), headers))
    return made


def json_requests(start: int) -> list[Request]:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    return [
        Request(
            "/api/v1/import",
            bytes(cramjam.gzip.compress(b"".join(lines(batches)), level=1)),
            headers,
        )
        for _, batches in bodies(start)
    ]


def lines(batches: Sequence[Sequence[Sample]]) -> Iterator[bytes]:
    for column in zip(*batches, strict=True):
        times = [sample.timestamp for sample in column]
        yield json_lines.encode(column[0].series, times, [sample.value for sample in column])


def remote_write_requests(start: int) -> list[Request]:
    headers = {
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
    return [
        Request(
            "/api/v1/write",
            bytes(cramjam.snappy.compress_raw(b"".join(write_request(batches)))),
            headers,
        )
        for _, batches in bodies(start)
    ]


def write_request(batches: Sequence[Sequence[Sample]]) -> Iterator[bytes]:
    """`prometheus.WriteRequest`: field 1, `TimeSeries` (1: labels, 2: samples), by hand."""
    for column in zip(*batches, strict=True):
        series = column[0].series
        pairs = [("__name__", series.name.replace(".", "_")), *series.labels]
        parts = [
            field(1, field(1, name.encode()) + field(2, value.encode())) for name, value in pairs
        ]
        parts += [
            field(2, b"\x09" + struct.pack("<d", sample.value) + b"\x10" + varint(sample.timestamp))
            for sample in column
        ]
        yield field(1, b"".join(parts))


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


class VictoriaMetrics(Server):
    """One process, its defaults."""

    program = "victoria-metrics"
    package = "victoria-metrics"

    def command(self) -> list[str]:
        """See `Server`."""
        return [
            self.executable,
            f"-storageDataPath={self.folder / 'data'}",
            f"-httpListenAddr={self.address}:{self.port}",
            "-retentionPeriod=100y",
        ]


class Prometheus(Server):
    """With its receiver of remote write."""

    program = "prometheus"
    package = "prometheus"

    def prepare(self) -> None:
        """See `Server`."""
        self.write("prometheus.yml", "global: {scrape_interval: 1h}\n")

    def command(self) -> list[str]:
        """See `Server`."""
        return [
            self.executable,
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address={self.address}:{self.port}",
            "--web.enable-remote-write-receiver",
        ]


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def post(link: http.client.HTTPConnection, request: Request) -> None:
    link.request("POST", request.path, request.body, request.headers)
    answer = link.getresponse()
    text = answer.read()
    if answer.status not in (200, 204):
        raise SystemExit(f"{request.path} answered {answer.status}: {text[:300]!r}")


def send(server: Server, requests: Sequence[Request]) -> Result:
    """All requests over a few connections; those of one agent keep their order."""

    def work(part: int) -> None:
        link = http.client.HTTPConnection(server.address, server.port, timeout=60)
        for request in share[part]:
            post(link, request)
        link.close()

    share: list[list[Request]] = [[] for _ in range(CONNECTIONS)]
    for position, request in enumerate(requests):
        share[position % AGENTS % CONNECTIONS].append(request)
    cpu, began = cpu_seconds(server.pid), time.monotonic()
    run_threads(work, CONNECTIONS)
    wall = time.monotonic() - began
    return Result(
        len(requests) * SERIES * BATCHES,
        wall,
        cpu_seconds(server.pid) - cpu,
        sum(len(request.body) for request in requests),
    )


def run_threads(work: Callable[[int], None], count: int) -> None:
    threads = [threading.Thread(target=work, args=(part,)) for part in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


CASES: tuple[tuple[str, Callable[[], Server], Callable[[int], list[Request]]], ...] = (
    ("Gnomon, native wire", GnomonServer, native_requests),
    ("Gnomon, JSON lines", GnomonServer, json_requests),
    ("VictoriaMetrics, JSON lines", VictoriaMetrics, json_requests),
    ("VictoriaMetrics, remote write", VictoriaMetrics, remote_write_requests),
    ("Prometheus, remote write", Prometheus, remote_write_requests),
)


def ingest() -> None:
    start = int(time.time() * 1000) // STEP * STEP - (SAMPLES // (SERIES * AGENTS)) * STEP
    print(f"{SAMPLES} samples of {AGENTS * SERIES} series, {SERIES * BATCHES} in a body\n")
    print("| | samples/s | samples/s and core | times Gnomon's CPU | bytes/sample on the wire |")
    print("|---|---|---|---|---|")
    first: Result | None = None
    for name, make, requests in CASES:
        try:
            with make() as server:
                result = send(server, requests(start))
        except Missing as missing:
            print(f"| {name} | {missing} | | | |")
            continue
        first = first or result
        print(
            f"| {name} | {result.samples / result.wall / 1e3:,.0f} k "
            f"| {result.samples / result.cpu / 1e3:,.0f} k "
            f"| {result.cpu / first.cpu:.1f} "
            f"| {result.bytes / result.samples:.2f} |",
            flush=True,
        )


def small_posts() -> None:
    """1,000 posts a second of ten samples each, over fifty connections."""
    each = SMALL_POSTS * SMALL_SECONDS // SMALL_CONNECTIONS
    now = int(time.time() * 1000)
    headers = {"Content-Type": native.CONTENT_TYPE}
    waits: list[float] = []

    def work(part: int) -> None:
        link = http.client.HTTPConnection(server.address, server.port, timeout=60)
        encoder = native.Encoder()
        series = series_of(part)[:10]
        began = time.monotonic() + part / SMALL_POSTS
        for number in range(each):
            samples = [Sample(one, now + number, 1.0) for one in series]
            entry = Entry(Mark(f"small{part}", 1, number + 1), Batch.of(samples))
            request = Request("/api/v1/batches", encoder.encode([entry]), headers)
            due = began + number * SMALL_CONNECTIONS / SMALL_POSTS
            time.sleep(max(0.0, due - time.monotonic()))
            asked = time.monotonic()
            post(link, request)
            waits.append(time.monotonic() - asked)
        link.close()

    with GnomonServer() as server:
        before, cpu = server.counted("gnomon.store.groups"), cpu_seconds(server.pid)
        began = time.monotonic()
        run_threads(work, SMALL_CONNECTIONS)
        wall = time.monotonic() - began
        groups = server.counted("gnomon.store.groups") - before
        used = cpu_seconds(server.pid) - cpu
    waits.sort()
    print(
        f"\n{len(waits)} small posts in {wall:.1f} s ({len(waits) / wall:,.0f}/s): "
        f"{groups:.0f} commits, {len(waits) / groups:.1f} posts each; answered within "
        f"{waits[len(waits) // 2] * 1e3:.0f} ms (median), "
        f"{waits[len(waits) * 99 // 100] * 1e3:.0f} ms (99 %); "
        f"{used / wall * 100:.0f} % of a core"
    )


def main() -> None:
    ingest()
    small_posts()
