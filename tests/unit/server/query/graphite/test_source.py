"""What is fetched for a name: few matchers, known steps, bounded work."""

import numpy as np
import pytest

from gnomon.core.errors import LimitExceeded
from gnomon.core.model import Batch, Sample, Series
from gnomon.server.query.graphite.engine import Engine, Question
from gnomon.server.query.graphite.selection import selecting
from gnomon.server.query.graphite.source import Limits
from gnomon.server.store.interface import Matcher, MatchOp, Write
from gnomon.server.store.memory import MemoryStore
from gnomon.testing.clock import FakeClock

NOW = 1_700_000_000


class Counting(MemoryStore):
    """Counts the reads of samples and of names."""

    def __init__(self):
        super().__init__(FakeClock(NOW * 1000))
        self.reads = []
        self.lists = 0

    def raw(self, matchers, start, end):
        self.reads.append((tuple(matchers), start // 1000, end // 1000))
        return super().raw(matchers, start, end)

    def series(self, matchers, start=None, end=None):
        self.lists += not matchers
        return super().series(matchers, start, end)


def stored(*lines):
    store = Counting()
    samples = [
        Sample(series, (NOW - ago) * 1000, float(ago)) for series, agos in lines for ago in agos
    ]
    store.append([Write(Batch.of(samples))])
    return store


def ask(engine, target, start=NOW - 600, end=NOW):
    engine.refresh(NOW)
    return engine.answer(Question([target], start, end, NOW))


def test_matchers_are_narrow():
    hosts = [Series.of("load", host=host, env="prod") for host in ("a", "b")]
    assert selecting(hosts) == [
        Matcher("__name__", MatchOp.EQUAL, "load"),
        Matcher("env", MatchOp.EQUAL, "prod"),
        Matcher("host", MatchOp.REGEX, "a|b"),
    ]
    assert selecting([Series.of("x.a"), Series.of("x.b", host="h")]) == [
        Matcher("__name__", MatchOp.REGEX, r"x\.a|x\.b")
    ]


def test_series_beside_those_asked_for_are_left_out():
    same = [(Series.of("load", host=host, k=k), [20, 10]) for host in "ab" for k in "xy"]
    engine = Engine(stored(*same))
    names = [series.name for series in ask(engine, "{a.load.x,b.load.y}")]
    assert names == ["a.load.x", "b.load.y"]


def test_one_request_reads_a_path_once():
    store = stored((Series.of("a.b"), range(0, 600, 10)))
    ask(Engine(store), "asPercent(a.*,sumSeries(a.*))")
    assert len(store.reads) == 1


def test_names_are_listed_again_only_when_their_number_changed():
    store = stored((Series.of("a.b"), [10]))
    engine = Engine(store)
    for _ in range(3):
        ask(engine, "a.*")
    assert store.lists == 1
    store.append([Write(Batch.of([Sample(Series.of("a.c"), NOW * 1000, 1.0)]))])
    assert [series.name for series in ask(engine, "a.*")] == ["a.b", "a.c"]
    engine.refresh(NOW + 120)
    assert store.lists == 3


def test_the_step_is_known_from_before_the_window():
    store = stored((Series.of("slow"), range(0, 7200, 300)))
    (series,) = ask(Engine(store), "slow", NOW - 400)
    assert series.step == 300


def test_the_step_stays_known_where_there_are_no_samples():
    store = stored((Series.of("a.gone"), range(86400, 90000, 60)))
    engine = Engine(store)
    ask(engine, "a.gone", NOW - 90000, NOW - 86000)
    (series,) = ask(engine, "a.gone")
    assert series.step == 60
    assert np.isnan(series.values).all()
    assert len(series) == 10


def test_series_that_never_told_take_the_step_of_the_others():
    store = stored((Series.of("a.dead"), [9 * 86400]), (Series.of("a.live"), range(0, 600, 30)))
    dead, live = ask(Engine(store), "a.*")
    assert (dead.step, live.step) == (30, 30)
    alone = stored((Series.of("a.dead"), [9 * 86400]))
    assert ask(Engine(alone), "a.*")[0].step == 10


def test_looking_back_happens_once():
    store = stored((Series.of("a.dead"), [9 * 86400]))
    engine = Engine(store)
    for _ in range(3):
        ask(engine, "a.dead")
    assert len(store.reads) == 4


def test_staleness_marks_are_no_values():
    store = stored((Series.of("a"), range(0, 600, 10)))
    store.append([Write(Batch.of([Sample(Series.of("a"), NOW * 1000, float("nan"))]))])
    (series,) = ask(Engine(store), "a")
    assert np.isnan(series.values[-1])


def test_nothing_of_the_future_is_answered():
    store = stored((Series.of("a"), range(-300, 600, 10)))
    (series,) = ask(Engine(store), "a", NOW - 60, NOW + 300)
    assert series.end == NOW + 10
    assert ask(Engine(store), "a", NOW + 60, NOW + 300) == []


def test_limits_say_what_to_change():
    store = stored(*((Series.of(f"a.s{i}"), [10, 20]) for i in range(5)))
    with pytest.raises(LimitExceeded, match="asks for 5 series, more than 4; narrow the path"):
        ask(Engine(store, Limits(series=4)), "a.*")
    with pytest.raises(LimitExceeded, match="more than 9 samples"):
        ask(Engine(store, Limits(samples=9)), "a.*")
