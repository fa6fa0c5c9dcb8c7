"""Moves batches from one buffer to one sink: back-off with jitter, acknowledge after delivery.

One thread for each sink. The back-off doubles from 1 s to 60 s with full jitter upward of half, so
that a fleet does not come back in step after an outage; `Retry-After` of the other side is obeyed.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Sequence

from gnomon.agent.pipeline.plan import QueueState, SinkSpec, SinkState
from gnomon.buffer.interface import Buffer
from gnomon.core.clock import Clock
from gnomon.core.component import Entry, Sink
from gnomon.core.errors import Permanent, Retryable, SettingsError
from gnomon.core.telemetry import Telemetry, counter, gauge

SENT = counter("gnomon.sink.sent", "Samples a sink's other side has acknowledged.", unit="sample")
FAILURES = counter("gnomon.sink.errors", "Deliveries that failed.", unit="delivery")
DROPPED = counter("gnomon.sink.dropped", "Samples lost before delivery, by reason.", unit="sample")
DEPTH = gauge("gnomon.sink.queue", "Samples waiting in the buffer of a sink.", unit="sample")

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
LONGEST_ASKED_WAIT = 600.0
"""A `Retry-After` beyond this is taken as this."""
MOST_SAMPLES = 20_000
"""Samples in one delivery."""


class Sender:
    """See the module's docstring; a `Component`."""

    def __init__(
        self,
        spec: SinkSpec,
        build: Callable[[], Sink],
        buffer: Buffer,
        clock: Clock,
        telemetry: Telemetry,
        log: logging.Logger,
    ) -> None:
        """`build` makes the sink; it may fail, and is tried again like a delivery."""
        self.spec = spec
        self.buffer = buffer
        self._build = build
        self._clock = clock
        self._telemetry = telemetry
        self._log = log
        self._sink: Sink | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._failed_in_row = 0
        self._state = "idle"
        self._message = ""
        self._next_try: int | None = None
        telemetry.observe(DEPTH, lambda: buffer.stats().samples, sink=spec.name)

    def start(self) -> None:
        """Begins to send."""
        name = f"sink-{self.spec.name}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def stop(self, drain: float = 0.0) -> None:
        """Ends; first tries for up to `drain` seconds to empty the buffer."""
        end = self._clock.monotonic() + drain
        while (
            self._thread is not None
            and self._failed_in_row == 0
            and self.buffer.stats().batches
            and self._clock.monotonic() < end
        ):
            self._clock.sleep(0.02)
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        self._close_sink()

    def state(self) -> SinkState:
        """For the status document."""
        stats = self.buffer.stats()
        labels = {"sink": self.spec.name}
        return SinkState(
            name=self.spec.name,
            sink=self.spec.sink,
            state=self._state,
            message=self._message,
            sent=int(self._telemetry.value(SENT, **labels).value),
            errors=int(self._telemetry.value(FAILURES, **labels).value),
            next_try=self._next_try,
            queue=QueueState(stats.batches, stats.samples, stats.bytes, stats.oldest),
            dropped=dict(stats.dropped),
        )

    def _run(self) -> None:
        while not self._stopping.is_set():
            entries = self.buffer.read(MOST_SAMPLES, timeout=0.5)
            if entries:
                self._deliver(entries)

    def _deliver(self, entries: Sequence[Entry]) -> None:
        marks = [entry.mark for entry in entries]
        samples = sum(len(entry.batch) for entry in entries)
        self._state = "sending" if self._failed_in_row == 0 else "retrying"
        try:
            if self._sink is None:
                self._sink = self._build()
            self._sink.send(entries)
        except (Retryable, SettingsError) as error:
            self._failed(str(error), getattr(error, "retry_after", None))
        except Permanent as error:
            self._telemetry.value(DROPPED, sink=self.spec.name, reason="refused").add(samples)
            self._log.error("sink %s: %d samples dropped: %s", self.spec.name, samples, error)
            self.buffer.drop(marks, "refused")
            self._message = str(error)
            self._count_failure()
        except Exception as error:  # noqa: BLE001  # a faulty sink must not end its thread: it is retried and shown
            self._log.warning("sink %s failed", self.spec.name, exc_info=True)
            self._failed(f"{type(error).__name__}: {error}", None)
        else:
            self.buffer.ack(marks)
            self._telemetry.value(SENT, sink=self.spec.name).add(samples)
            self._recovered()

    def _recovered(self) -> None:
        if self._failed_in_row:
            self._log.info("sink %s: delivering again", self.spec.name)
        self._failed_in_row = 0
        self._state, self._message, self._next_try = "idle", "", None

    def _failed(self, message: str, retry_after: float | None) -> None:
        self._count_failure()
        if message != self._message:
            self._log.warning("sink %s: %s", self.spec.name, message)
        self._failed_in_row += 1
        wait = back_off(self._failed_in_row, retry_after)
        self._state, self._message = "retrying", message
        self._next_try = self._clock.now() + round(wait * 1000)
        self._stopping.wait(wait)

    def _count_failure(self) -> None:
        self._telemetry.value(FAILURES, sink=self.spec.name).add()

    def _close_sink(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.close()


def back_off(failures: int, retry_after: float | None = None) -> float:
    """Seconds to wait after so many failures in a row."""
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(failures - 1, 16))
    wait = longest * random.uniform(0.5, 1.0)
    if retry_after is None:
        return wait
    return max(wait, min(retry_after, LONGEST_ASKED_WAIT))
