"""StatsD and DogStatsD over UDP and Unix datagram sockets, aggregated in buckets of 10 s.

One thread reads and aggregates. The way of a known context is short: a line is cut at its first
colon and its first bar, and the pair (name, what follows the value) leads to the list its value is
appended to; everything else is worked out when a context is first seen and when the bucket ends.
Samples carry the time of their bucket's start. Losses are counted by reason, those of the kernel
(`drops` in `/proc/net/udp`) too.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterable
from pathlib import Path

from gnomon.codecs.dogstatsd import (
    Context as MetricContext,
)
from gnomon.codecs.dogstatsd import (
    EventLine,
    Line,
    Metric,
    ServiceCheckLine,
    decode_line,
)
from gnomon.core.component import Context, Emit
from gnomon.core.errors import DecodeError, GnomonError, Retryable
from gnomon.core.model import Batch, Event, Kind, Sample, Series, labels_of
from gnomon.core.model import Metric as MetricFacts
from gnomon.core.settings import Settings as Base
from gnomon.core.tags import tags_to_labels
from gnomon.core.telemetry import counter, gauge
from gnomon.transforms.aggregate import Aggregation, Slot, Values, fold

LINES = counter("gnomon.statsd.lines", "Lines taken in.", "line")
DATAGRAMS = counter("gnomon.statsd.datagrams", "Datagrams read.", "datagram")
DROPPED = counter("gnomon.statsd.dropped", "Lines lost, by reason.", "line")
KERNEL_DROPS = counter("gnomon.statsd.kernel_drops", "Datagrams the kernel dropped.", "datagram")
CONTEXTS = gauge("gnomon.statsd.contexts", "Contexts in use.", "context")

LARGEST_DATAGRAM = 65_536
RECEIVE_BUFFER = 4 << 20
"""Bytes asked of the kernel, so that a burst survives a busy moment."""
SERVICE_CHECK = MetricFacts(
    "service_check", Kind.GAUGE, "", "Outcome of a check: 0 ok, 1 warning, 2 critical, 3 unknown."
)


class Settings(Base, frozen=True, kw_only=True):
    """What the StatsD listener can be told."""

    address: str = "127.0.0.1:8125"
    """UDP address; "" for none."""
    socket: str = ""
    """Path of a Unix datagram socket; "" for none."""
    namespace: str = ""
    """Put in front of each name, with a dot."""
    interval: int = 10
    """Seconds of a bucket."""
    expiry: int = 300
    """Seconds for which a count that is not used any more is reported as 0."""
    histogram_aggregates: tuple[str, ...] = ("max", "median", "avg", "count")
    """Of histograms and timers: any of min, max, median, avg, sum, count."""
    histogram_percentiles: tuple[float, ...] = (0.95,)
    """Of histograms and timers, over 0 and under 1."""
    contexts: int = 100_000
    """Most contexts at once; values of further ones are dropped and counted."""
    signed_gauges: bool = False
    """Whether `+5` and `-5` change a gauge (StatsD) or are its value (Datadog)."""

    def aggregation(self) -> Aggregation:
        """For the aggregation."""
        return Aggregation(**{name: getattr(self, name) for name in Aggregation.__struct_fields__})


SlotKey = tuple[str, str, tuple[str, ...], str | None, str]


class Statsd:
    """The listener."""

    Settings = Settings
    DEFAULT = True

    def __init__(self, settings: Settings, context: Context, emit: Emit) -> None:
        self._settings = settings
        self._context = context
        self._emit = emit
        self._rules = settings.aggregation()
        self._known: dict[tuple[bytes, bytes], Values] = {}
        self._slots: dict[SlotKey, Slot] = {}
        self._series: dict[tuple[SlotKey, str], Series] = {}
        self._direct: list[Sample] = []
        self._events: list[Event] = []
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._lines = context.telemetry.value(LINES)
        self._datagrams = context.telemetry.value(DATAGRAMS)
        context.telemetry.observe(CONTEXTS, lambda: len(self._slots))

    @property
    def addresses(self) -> list[str]:
        """What it listens on, with the ports the system chose."""
        return [_shown(held) for held in self._sockets]

    @property
    def port(self) -> int:
        """The UDP port; 0 before the start."""
        for held in self._sockets:
            if held.family != socket.AF_UNIX:
                return int(held.getsockname()[1])
        return 0

    def start(self) -> None:
        """Opens the sockets; raises `Retryable` when one is taken."""
        try:
            if self._settings.address:
                self._sockets.append(_udp_socket(self._settings.address))
            if self._settings.socket:
                self._sockets.append(_unix_socket(self._settings.socket))
        except OSError as error:
            self._close()
            where = self._settings.address or self._settings.socket
            raise Retryable(f"cannot listen on {where}: {error.strerror}") from None
        for held in self._sockets:
            self._threads.append(threading.Thread(target=self._read, args=(held,), daemon=True))
        self._threads.append(threading.Thread(target=self._flush_regularly, daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Closes the sockets and hands on the bucket under way."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=5)
        self._close()
        self.flush(self._context.clock.now())

    def feed(self, datagram: bytes) -> None:
        """Takes one datagram in."""
        known = self._known
        lines = 0
        for line in datagram.split(b"\n"):
            name, _, rest = line.partition(b":")
            value, _, meta = rest.partition(b"|")
            values = known.get((name, meta))
            if values is not None:
                values.append(value)
                lines += 1
            elif line:
                self._learn(line.rstrip(b"\r"), (name, meta))
                lines += 1
        self._lines.add(lines)

    def flush(self, now: int) -> None:
        """Ends the bucket: hands on what it gave. `now` in milliseconds."""
        width = self._rules.interval * 1000
        start = now // width * width - width
        with self._lock:
            samples, self._direct = self._direct, []
            events, self._events = self._events, []
            for key, slot in list(self._slots.items()):
                samples += self._results(key, slot, start, now / 1000)
        if samples or events:
            try:
                self._emit(Batch.of(samples, events))
            except GnomonError as error:
                self._drop("buffer", len(samples))
                self._context.log.error("statsd: %d samples lost: %s", len(samples), error)

    def _results(self, key: SlotKey, slot: Slot, start: int, now: float) -> list[Sample]:
        used = any(slot.values.values())
        if used:
            slot.last_used = now
        elif slot.type != "count" or now - slot.last_used > self._rules.expiry:
            if now - slot.last_used > self._rules.expiry:
                self._forget(key)
            return []
        results, bad = fold(slot, self._rules)
        slot.clear()
        if bad:
            self._drop("not_a_number", bad)
        return [
            Sample(self._series_of(key, result.suffix, result.kind), start, result.value)
            for result in results
        ]

    def _read(self, held: socket.socket) -> None:
        held.settimeout(0.25)
        while not self._stopping.is_set():
            try:
                datagram = held.recv(LARGEST_DATAGRAM)
            except TimeoutError:
                continue
            except OSError:
                return
            with self._lock:
                self._datagrams.add()
                self.feed(datagram)
                with contextlib.suppress(BlockingIOError, TimeoutError):
                    for _ in range(256):
                        self.feed(held.recv(LARGEST_DATAGRAM, socket.MSG_DONTWAIT))
                        self._datagrams.add()

    def _flush_regularly(self) -> None:
        clock, width = self._context.clock, self._rules.interval * 1000
        while not self._stopping.wait((width - clock.now() % width) / 1000):
            self.flush(clock.now())
            self._count_kernel_drops()

    def _learn(self, line: bytes, key: tuple[bytes, bytes]) -> None:
        """The long way: a context seen for the first time, an event, a check, a bad line."""
        try:
            decoded = decode_line(line)
        except DecodeError as error:
            self._drop("malformed")
            self._context.log.debug("statsd: %s", error)
            return
        for item in decoded:
            if isinstance(item, Metric):
                self._take(item, key if len(decoded) == 1 else None)
            else:
                self._take_other(item)

    def _take(self, metric: Metric, key: tuple[bytes, bytes] | None) -> None:
        context = metric.context
        if context.timestamp is not None:
            kind = Kind.COUNT if context.type == "count" else Kind.GAUGE
            series = self._series_of(_slot_key(context), "", kind)
            for value in metric.values:
                self._direct.append(Sample(series, context.timestamp * 1000, float(value)))
            return
        slot_key = _slot_key(context)
        slot = self._slots.get(slot_key)
        if slot is None:
            if len(self._slots) >= self._rules.contexts:
                self._drop("contexts")
                return
            slot = self._slots[slot_key] = Slot(context.type, self._context.clock.now() / 1000)
        values = slot.at_rate(context.rate)
        values.extend(value.encode() for value in metric.values)
        if key is not None:
            self._known[key] = values

    def _take_other(self, item: Line) -> None:
        now = self._context.clock.now()
        if isinstance(item, EventLine):
            labels = self._labels(item.tags, item.host)
            at = item.timestamp * 1000 if item.timestamp else now
            self._events.append(
                Event(at, item.title, item.text, item.kind, item.source, labels_of(labels))
            )
        elif isinstance(item, ServiceCheckLine):
            labels = {**self._labels(item.tags, item.host), "check": item.name}
            series = Series(SERVICE_CHECK, labels_of(labels))
            at = item.timestamp * 1000 if item.timestamp else now
            self._direct.append(Sample(series, at, float(item.status)))
            if item.message:
                title = f"{item.name} is {item.status.name.lower()}"
                self._events.append(
                    Event(at, title, item.message, "service_check", item.name, series.labels)
                )

    def _series_of(self, key: SlotKey, suffix: str, kind: Kind) -> Series:
        found = self._series.get((key, suffix))
        if found is None:
            name, _, tags, host, device = key
            labels = self._labels(tags, host)
            if device:
                labels["device"] = device
            full = f"{self._settings.namespace}.{name}" if self._settings.namespace else name
            found = Series(MetricFacts(full + suffix, kind), labels_of(labels))
            self._series[key, suffix] = found
        return found

    def _labels(self, tags: Iterable[str], host: str | None) -> dict[str, str]:
        labels = tags_to_labels(tags)
        labels["host"] = self._context.hostname if host is None else host
        return labels

    def _forget(self, key: SlotKey) -> None:
        slot = self._slots.pop(key)
        gone = {id(values) for values in slot.values.values()}
        self._known = {at: held for at, held in self._known.items() if id(held) not in gone}
        self._series = {at: held for at, held in self._series.items() if at[0] != key}

    def _drop(self, reason: str, amount: int = 1) -> None:
        self._context.telemetry.value(DROPPED, reason=reason).add(amount)

    def _count_kernel_drops(self) -> None:
        inodes = {
            str(os.fstat(held.fileno()).st_ino) for held in self._sockets if held.fileno() > 0
        }
        for table in ("udp", "udp6"):
            with contextlib.suppress(OSError):
                for line in self._context.proc("net", table).read_text().splitlines()[1:]:
                    fields = line.split()
                    if fields[9] in inodes:
                        drops = float(fields[-1])
                        self._context.telemetry.value(KERNEL_DROPS).set(drops)

    def _close(self) -> None:
        for held in self._sockets:
            held.close()
        self._sockets.clear()
        if self._settings.socket:
            Path(self._settings.socket).unlink(missing_ok=True)


def _slot_key(context: MetricContext) -> SlotKey:
    return context.name, context.type, context.tags, context.host, context.device


def _udp_socket(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    held = socket.socket(family, socket.SOCK_DGRAM)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        held.bind((host, int(port)))
    except OSError:
        held.close()
        raise
    return held


def _shown(held: socket.socket) -> str:
    if held.family == socket.AF_UNIX:
        return f"unix:{held.getsockname()}"
    host, port = held.getsockname()[:2]
    return f"udp:[{host}]:{port}" if ":" in host else f"udp:{host}:{port}"


def _unix_socket(path: str) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        if Path(path).is_socket():
            Path(path).unlink()
    held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        held.bind(path)
    except OSError:
        held.close()
        raise
    return held


component = Statsd
