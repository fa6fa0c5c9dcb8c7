"""Small batches become one; nothing is lost between flushes."""

import threading

from gnomon.agent.pipeline import gather as module
from gnomon.agent.pipeline.gather import Gather
from gnomon.core.model import Batch, Event, Sample, Series

A = Series.of("a")


def test_a_flush_hands_on_everything_once():
    handed = []
    gather = Gather(handed.append)
    gather.add(Batch.of([Sample(A, 1, 1.0)]))
    gather.add(Batch.of([Sample(A, 2, 2.0)], [Event(2, "x")]))
    gather.flush()
    gather.flush()
    assert [s.value for s in handed[0]] == [1.0, 2.0]
    assert len(handed[0].events) == 1
    assert len(handed) == 1


def test_a_large_batch_does_not_wait(monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 2)
    handed = []
    gather = Gather(handed.append)
    gather.add(Batch.of([Sample(A, 1, 1.0), Sample(A, 2, 1.0)]))
    assert len(handed) == 1


def test_adding_while_flushing_loses_nothing():
    handed = []
    gather = Gather(handed.append)

    def add():
        for n in range(500):
            gather.add(Batch.of([Sample(A, n, 1.0)]))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        gather.flush()
    gather.flush()
    assert sum(len(batch) for batch in handed) == 2000
