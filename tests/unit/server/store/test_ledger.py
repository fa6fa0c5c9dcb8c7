"""Marks as interval sets."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.core.model import Batch, Mark
from gnomon.server.store.interface import Write
from gnomon.server.store.ledger import Intervals, Ledger, Run, Verdict, runs_of

spans = st.tuples(st.integers(0, 60), st.integers(0, 8)).map(lambda t: (t[0], t[0] + t[1]))


@settings(deadline=None)
@given(st.lists(spans))
def test_intervals_are_the_set_of_their_numbers(added):
    intervals, model = Intervals(), set()
    for first, last in added:
        intervals.add(first, last)
        model.update(range(first, last + 1))
    assert {n for n in range(-2, 72) if n in intervals} == model
    assert [n for first, last in intervals for n in range(first, last + 1)] == sorted(model)
    gaps = sum(1 for n in model if n + 1 not in model)
    assert len(intervals) == gaps


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 2), st.integers(1, 9))))
def test_runs_are_the_marks(triples):
    marks = [Mark(*triple) for triple in triples]
    spread = [
        Mark(run.agent, run.epoch, n)
        for run in runs_of(marks)
        for n in range(run.first, run.last + 1)
    ]
    assert spread == sorted(set(marks))


def judged(ledger: Ledger, *writes: Write) -> list[Verdict]:
    return ledger.judge(writes)


def marked(*sequences: int, key: str = "") -> Write:
    return Write(Batch.of(()), [Mark("a", 1, n) for n in sequences], key)


def test_a_write_is_judged_by_what_is_known_of_its_marks():
    ledger = Ledger()
    ledger.record(Run("a", 1, 3, 4), 0)
    assert judged(ledger, marked(3), marked(3, 4), marked(4, 5), marked(5), marked()) == [
        Verdict.DUPLICATE,
        Verdict.DUPLICATE,
        Verdict.PARTLY,
        Verdict.DUPLICATE,
        Verdict.NEW,
    ]
    assert judged(ledger, marked(5)) == [Verdict.NEW], "judging records nothing"


def test_a_key_is_enough():
    ledger = Ledger()
    assert judged(ledger, marked(key="k"), marked(key="k"), marked(key="l")) == [
        Verdict.NEW,
        Verdict.DUPLICATE,
        Verdict.NEW,
    ]
    ledger.record_key("l", 5)
    assert judged(ledger, marked(7, key="l")) == [Verdict.DUPLICATE]


def test_what_was_not_seen_for_long_is_forgotten():
    ledger = Ledger()
    ledger.record(Run("a", 1, 1, 9), 100)
    ledger.record(Run("b", 1, 1, 9), 100)
    ledger.record(Run("b", 1, 10, 10), 300)
    ledger.record(Run("b", 1, 11, 11), 50)  # the clock was set back
    ledger.record_key("old", 100)
    ledger.record_key("new", 300)
    assert not ledger.forget(100)
    assert ledger.forget(200)
    assert list(ledger.runs()) == [(Run("b", 1, 1, 11), 300)]
    assert list(ledger.keys()) == [("new", 300)]
