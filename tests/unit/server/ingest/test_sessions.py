from __future__ import annotations

import threading

import pytest

from gnomon.codecs import native
from gnomon.core.component import Entry
from gnomon.core.model import Batch, Mark, Sample, Series
from gnomon.server.ingest.sessions import Sessions


def entry(sequence: int, *names: str) -> Entry:
    samples = [Sample(Series.of(name), sequence, 1.0) for name in names]
    return Entry(Mark("agent", 1, sequence), Batch.of(samples))


@pytest.fixture
def sessions():
    return Sessions(native.Limits(), most_series=10)


def test_a_dictionary_is_remembered(sessions):
    encoder = native.Encoder()
    first, second = [entry(1, "a", "b")], [entry(2, "b", "c")]
    assert sessions.decode(encoder.encode(first)) == first
    assert sessions.decode(encoder.encode(second)) == second
    assert (len(sessions), sessions.series) == (1, 3)


def test_the_same_body_may_come_again(sessions):
    body = native.Encoder().encode([entry(1, "a")])
    assert sessions.decode(body) == sessions.decode(body)
    assert sessions.series == 1


def test_what_was_never_defined_here_is_unknown(sessions):
    encoder = native.Encoder()
    encoder.encode([entry(1, "a")])
    with pytest.raises(native.UnknownDictionary):
        sessions.decode(encoder.encode([entry(2, "a", "b")]))
    assert (len(sessions), sessions.series) == (0, 0)
    encoder.reset()
    again = [entry(2, "a", "b")]
    assert sessions.decode(encoder.encode(again)) == again


def test_the_longest_silent_makes_room(sessions):
    old, new, last = native.Encoder(), native.Encoder(), native.Encoder()
    sessions.decode(old.encode([entry(1, *"abcd")]))
    sessions.decode(new.encode([entry(1, *"abcd")]))
    sessions.decode(old.encode([entry(2, "a")]))  # now `new` is the one silent for longest
    sessions.decode(last.encode([entry(1, *"abcd")]))
    assert (len(sessions), sessions.series) == (2, 8)
    assert sessions.decode(old.encode([entry(3, "a")]))
    with pytest.raises(native.UnknownDictionary):
        sessions.decode(new.encode([entry(2, "a")]))


def test_one_session_larger_than_the_bound_still_works(sessions):
    encoder = native.Encoder()
    for sequence in (1, 2):
        assert sessions.decode(encoder.encode([entry(sequence, *"abcdefghijklmnop")]))
    assert sessions.series == 16


def test_many_threads_at_once(sessions):
    """Bodies of one session that come at once are all read, whoever defines first."""
    encoder = native.Encoder()
    sessions.decode(encoder.encode([entry(1, "a")]))
    bodies = [encoder.encode([entry(number, "a")]) for number in range(2, 50)]
    read: list[Entry] = []

    def work(part: list[bytes]) -> None:
        for body in part:
            read.extend(sessions.decode(body))

    threads = [threading.Thread(target=work, args=(bodies[at::4],)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found.mark.sequence for found in read) == list(range(2, 50))
