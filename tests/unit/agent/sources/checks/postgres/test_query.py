import pytest

from gnomon.agent.sources.checks.postgres import METRICS, QUERIES
from gnomon.agent.sources.checks.postgres.query import Column, Query, Rows
from gnomon.core.model import Kind, Metric
from gnomon.testing.output import RecordingOutput

USED = Metric("used", Kind.GAUGE)
DONE = Metric("done", Kind.RATE)
SHARE = Metric("share", Kind.GAUGE)
QUERY = Query(
    "things",
    labels={"thing": "name"},
    columns=(
        Column("used", USED),
        Column("done", DONE, since=100000),
        Column("hit", SHARE, of="hit + miss", until=170000),
    ),
    source="FROM things",
)


def rows_put(rows, runs, version=150000, query=QUERY):
    out = RecordingOutput()
    for turn, run in enumerate(runs):
        out.begin(1_700_000_000_000 + turn * 10_000, turn * 10.0)
        dropped = rows.put(query, version, run, out)
    return out, dropped


def test_asks_only_for_what_a_version_has():
    assert QUERY.statement(90624) == "SELECT name, used, hit, hit + miss FROM things"
    assert QUERY.statement(150000) == "SELECT name, used, done, hit, hit + miss FROM things"
    assert QUERY.statement(180000) == "SELECT name, used, done FROM things"


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_old_versions_are_asked_in_their_words(query):
    statement = query.statement(90600)
    for word in ("_lsn", "wal_", "backend_type", "{"):
        assert (
            word
            not in statement.replace("pg_stat_wal_receiver", "")
            .replace("restart_lsn", "")
            .replace("confirmed_flush_lsn", "")
            or query.since > 90600
        )


def test_every_metric_is_declared_once_and_explained():
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))
    for metric in METRICS:
        assert metric.help.endswith(".")
        assert metric.name.startswith("postgresql.")
        assert metric.unit.endswith("/second") == (metric.kind is Kind.RATE)


def test_one_metric_means_the_same_wherever_it_is_put():
    declared = {}
    for query in QUERIES:
        for column in query.columns:
            known = declared.setdefault(column.metric.name, column.metric)
            assert (known.kind, known.unit) == (column.metric.kind, column.metric.unit)


def test_names_of_queries_are_unique():
    names = [query.name for query in QUERIES]
    assert len(names) == len(set(names))


def test_rows_become_samples():
    out, dropped = rows_put(
        Rows({"server": "a:1"}, 10), [[("x", 1, 100, 5, 10)], [("x", 2, 150, 14, 20)]]
    )
    assert dropped == 0
    assert out.lines() == [
        'done{host="test",server="a:1",thing="x"} 5 - rate',
        'share{host="test",server="a:1",thing="x"} 0.9 - gauge',
        'used{host="test",server="a:1",thing="x"} 2 - gauge',
    ]


@pytest.mark.parametrize(
    "second",
    [
        ("x", None, None, None, None),  # nothing known
        ("x", None, 50, 5, 10),  # nothing read since; the total went back
        ("x", None, 50, 1, 2),  # the statistics were reset
        ("y", None, 50, 9, 10),  # another thing
    ],
)
def test_what_is_not_known_gives_no_sample(second):
    out, _ = rows_put(Rows({}, 10), [[("x", 1, 100, 5, 10)], [second]])
    assert out.lines() == []


def test_rows_over_the_limit_are_dropped_and_counted():
    out, dropped = rows_put(Rows({}, 2), [[(name, 1, 0, 0, 0) for name in "abcde"]])
    assert dropped == 3
    assert [line.partition("}")[0] for line in out.lines()] == [
        'used{host="test",thing="a"',
        'used{host="test",thing="b"',
    ]


def test_counts_over_the_limit_are_summed():
    query = QUERY._replace(columns=(Column("count(*)", USED),), folds=True)
    rows = [("a", 5), ("b", 3), ("c", 2), ("d", 1)]
    out, dropped = rows_put(Rows({}, 3), [rows], query=query)
    assert dropped == 0
    assert out.lines() == [
        'used{host="test",thing="a"} 5 - gauge',
        'used{host="test",thing="b"} 3 - gauge',
        'used{host="test",thing="other"} 3 - gauge',
    ]
