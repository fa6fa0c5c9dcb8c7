"""Self-metrics: one object for each label set, read all at once."""

import threading

from gnomon.core.telemetry import Telemetry, counter, gauge

SEEN = counter("gnomon.test.seen", "Seen.")
DEPTH = gauge("gnomon.test.depth", "Depth.")


def test_the_same_labels_give_the_same_value():
    telemetry = Telemetry()
    telemetry.value(SEEN, sink="a").add(2)
    telemetry.value(SEEN, sink="a").add()
    telemetry.value(SEEN, sink="b").add()
    assert [(s.series.label("sink"), s.value) for s in telemetry.samples(5)] == [("a", 3), ("b", 1)]


def test_observed_values_are_read_when_asked_for():
    telemetry = Telemetry()
    depth = [1]
    telemetry.observe(DEPTH, lambda: depth[0])
    depth[0] = 7
    assert [sample.value for sample in telemetry.samples(5)] == [7]


def test_forget_drops_all_values_of_a_part():
    telemetry = Telemetry()
    telemetry.value(SEEN, sink="a").add()
    telemetry.observe(DEPTH, lambda: 1, sink="a")
    telemetry.value(SEEN, sink="b").add()
    telemetry.forget(sink="a")
    assert [sample.series.label("sink") for sample in telemetry.samples(5)] == ["b"]


def test_counting_from_many_threads_loses_nothing():
    telemetry = Telemetry()

    def count():
        for _ in range(1000):
            telemetry.value(SEEN).add()

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert telemetry.value(SEEN).value == 8000
