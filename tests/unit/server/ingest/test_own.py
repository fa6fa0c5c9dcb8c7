from __future__ import annotations

from gnomon.core.errors import Full
from gnomon.core.telemetry import Telemetry, counter
from gnomon.server.ingest.own import OwnMetrics
from gnomon.server.store.interface import Matcher, MatchOp
from gnomon.testing.clock import FakeClock
from gnomon.testing.server import memory_server

SEEN = counter("gnomon.test.seen", "Seen.")


def test_a_reading_is_stored_at_the_last_full_interval():
    clock = FakeClock(1_700_000_013_500)
    with memory_server(clock=clock) as server:
        own = OwnMetrics(server.writer, server.telemetry, clock, "web1")
        server.telemetry.value(SEEN, part="a").add(2)
        own.report()
        clock.advance(10)
        server.telemetry.value(SEEN, part="a").add(3)
        own.report()
        server.writer.close()
        frame = server.store.raw([Matcher("__name__", MatchOp.EQUAL, SEEN.name)], 0, 2**62)
    assert frame.timestamps.tolist() == [1_700_000_010_000, 1_700_000_020_000]
    assert frame.values.tolist() == [2.0, 5.0]
    (series,) = frame.series
    assert dict(series.labels) == {"host": "web1", "part": "a", "service": "gnomon-server"}


def test_a_full_queue_does_without_it():
    class FullWriter:
        def submit(self, write):
            raise Full("no")

        def close(self):
            pass

    telemetry = Telemetry()
    telemetry.value(SEEN)
    OwnMetrics(FullWriter(), telemetry, FakeClock(), "web1").report()
