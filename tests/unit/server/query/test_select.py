"""Which stored series a PromQL selector finds, and under which name they answer."""

import pytest

from gnomon.core.model import Batch, Sample, Series
from gnomon.server.query.promql.parser import parse_selector
from gnomon.server.query.select import Selector, classic
from gnomon.server.store.interface import Write
from gnomon.server.store.memory import MemoryStore

STORED = ["system.cpu.user", "system.cpu.idle", "system_load_1", "up", "1st.place", "été"]


@pytest.fixture
def selector():
    store = MemoryStore()
    samples = [
        Sample(Series.of(name, host=host), 1000 * at, float(at))
        for name in STORED
        for host in ("a", "b")
        for at in range(3)
    ]
    store.append([Write(Batch.of(samples))])
    return Selector(store)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("system_cpu_user", ["system_cpu_user"]),
        ('{"system.cpu.user"}', ["system.cpu.user"]),
        ('{"system.cpu_user"}', []),
        ("system_load_1", ["system_load_1"]),
        ("_1st_place", ["_1st_place"]),
        ("_t_", ["_t_"]),
        ('{__name__=~"system_.*"}', ["system_cpu_idle", "system_cpu_user", "system_load_1"]),
        ('{__name__=~"system[.].*"}', ["system.cpu.idle", "system.cpu.user"]),
        (
            '{__name__=~"system.*", __name__!="system_cpu_idle"}',
            ["system.cpu.user", "system_load_1"],
        ),
        ('{__name__!~"system.*|[1_é].*", host="a"}', ["up"]),
        ("nothing", []),
    ],
)
def test_a_series_has_two_names(selector, query, names):
    matchers = parse_selector(query)
    assert sorted({name for name, _ in selector.series(matchers)}) == names
    found = selector.raw(matchers, 0, 10_000)
    assert sorted(set(found.names)) == names
    assert len(found.values) == 3 * len(found.names)


def test_without_a_name_all_are_found_under_their_own(selector):
    found = selector.raw(parse_selector('{host="a"}'), 0, 10_000)
    assert sorted(found.names) == sorted(STORED)


def test_new_names_are_noticed(selector):
    assert selector.series(parse_selector("late_name")) == []
    selector.store.append([Write(Batch.of([Sample(Series.of("late.name"), 1000, 1.0)]))])
    assert selector.series(parse_selector("late_name")) == [("late_name", ())]


def test_of_two_that_look_alike_the_one_of_that_very_name_answers(selector):
    more = [
        Sample(Series.of("system.load.1", host="a"), 1000, 99.0),
        Sample(Series.of("system.load.1", host="c"), 1000, 77.0),
        Sample(Series.of("system-load-1", host="c"), 1000, 66.0),
    ]
    selector.store.append([Write(Batch.of(more))])
    found = selector.raw(parse_selector("system_load_1"), 0, 10_000)
    by_host = {
        labels: found.values[found.offsets[row] : found.offsets[row + 1]].tolist()
        for row, labels in enumerate(found.labels)
    }
    assert len(found.names) == 3
    assert by_host[("host", "a"),] == [0.0, 1.0, 2.0]
    assert by_host[("host", "c"),] in ([77.0], [66.0])


def test_classic_names():
    assert classic("a.b-c d") == "a_b_c_d"
    assert classic("a:b_9") == "a:b_9"
    assert classic("9a") == "_9a"
