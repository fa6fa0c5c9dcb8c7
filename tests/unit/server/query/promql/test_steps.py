"""A range query is what instant queries at its steps would answer, whatever is asked."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.server.query.promql.engine import Engine
from gnomon.server.query.promql.errors import QueryError
from gnomon.server.query.promql.value import Vector, full_labels
from gnomon.testing.promql_script import Point, ScriptSource, almost_equal

NAMES = ("a_total", "b", "c_bucket")
LABELS = [{"host": "x"}, {"host": "y"}, {"host": "x", "le": "1"}, {"host": "x", "le": "+Inf"}]
STEP = 20_000
POINTS = 4
START = 100_000
STALE = float(np.array([0x7FF0_0000_0000_0002], dtype=np.int64).view(np.float64)[0])


@st.composite
def sources(draw):
    source = ScriptSource()
    values = st.sampled_from([None, 0.0, 1.0, 2.5, -3.0, 7.0, math.nan, math.inf, STALE])
    for name in NAMES:
        for labels in LABELS:
            pairs = tuple(sorted({"__name__": name, **labels}.items()))
            points = draw(st.lists(values, min_size=0, max_size=12))
            pace = draw(st.sampled_from([10_000, 15_000, 30_000]))
            source.load(pairs, pace, [Point(value) for value in points])
    return source


SELECTORS = st.sampled_from(
    [
        "a_total",
        "b",
        "c_bucket",
        'b{host="x"}',
        "b offset 20s",
        "a_total @ 90",
        "nothing",
        "b @ end()",
    ]
)
RANGES = st.builds(
    "{}[{}]{}".format,
    st.sampled_from(["a_total", "b", 'c_bucket{host!="y"}']),
    st.sampled_from(["10s", "45s", "1m", "2m:25s", "1m:20s"]),
    st.sampled_from(["", " offset 15s", " @ 80", " offset -30s"]),
)
NUMBERS = st.sampled_from(["0", "1", "2", "-1", "0.5", "NaN", "1e9", "time() / 100", "scalar(b)"])
OVER_TIME = st.sampled_from(
    [
        "rate",
        "increase",
        "delta",
        "irate",
        "idelta",
        "resets",
        "changes",
        "deriv",
        "sum_over_time",
        "avg_over_time",
        "min_over_time",
        "max_over_time",
        "stddev_over_time",
        "last_over_time",
        "first_over_time",
        "count_over_time",
        "mad_over_time",
        "ts_of_max_over_time",
        "absent_over_time",
    ]
)
SIMPLE = st.sampled_from(["abs", "ceil", "exp", "sgn", "timestamp", "sort", "absent", "-"])
BINARY = st.sampled_from(
    ["+", "-", "*", "/", "%", "^", "==", "!= bool", "> bool", "<", ">=", "and", "or", "unless"]
)
MATCHING = st.sampled_from(
    [
        "",
        "on (host)",
        "ignoring (le)",
        "on ()",
        "on (host) group_left (le)",
        "ignoring (le) group_right ()",
    ]
)
AGGREGATES = st.sampled_from(["sum", "avg", "count", "min", "max", "group", "stddev", "stdvar"])
GROUPING = st.sampled_from(["", "by (host)", "without (host)", "by (__name__, le)"])


def grow(inner):
    return st.one_of(
        st.builds("{}({})".format, OVER_TIME, RANGES),
        st.builds("quantile_over_time({}, {})".format, NUMBERS, RANGES),
        st.builds("predict_linear({}, 10)".format, RANGES),
        st.builds("{}({})".format, SIMPLE, inner),
        st.builds("clamp({}, {}, {})".format, inner, NUMBERS, NUMBERS),
        st.builds("({} {} {} {})".format, inner, BINARY, MATCHING, inner),
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "/", "> bool", "<="]), NUMBERS),
        st.builds("{} {} ({})".format, AGGREGATES, GROUPING, inner),
        st.builds("topk {} ({}, {})".format, GROUPING, NUMBERS, inner),
        st.builds("quantile {} ({}, {})".format, GROUPING, NUMBERS, inner),
        st.builds('count_values {} ("v", {})'.format, GROUPING, inner),
        st.builds("histogram_quantile({}, {})".format, NUMBERS, inner),
        st.builds('label_replace({}, "le", "$1", "host", "(.)")'.format, inner),
        st.builds("sum_over_time(({})[1m:30s])".format, inner),
    )


QUERIES = st.recursive(SELECTORS, grow, max_leaves=5)


def at_step(vector, step):
    return {
        full_labels(name, labels): float(vector.values[row, step])
        for row, (name, labels) in enumerate(vector.identities())
        if vector.present[row, step]
    }


def answer(ask):
    """The vector, or None if the query fails."""
    try:
        return ask().value
    except QueryError:
        return None


@settings(max_examples=50, deadline=None)
@given(sources(), QUERIES)
def test_steps_do_not_know_each_other(source, query):
    query = query.replace("@ end()", "@ 160")
    engine = Engine(source)
    times = [START + STEP * step for step in range(POINTS)]
    together = answer(lambda: engine.range(query, times[0], times[-1], STEP))
    each = [answer(lambda time=time: engine.instant(query, time)) for time in times]
    if together is None:
        assert None in each, "no step fails alone"
        return
    for step, alone in enumerate(each):
        assert isinstance(alone, Vector)
        assert isinstance(together, Vector)
        expected, found = at_step(alone, 0), at_step(together, step)
        assert set(found) == set(expected)
        assert all(almost_equal(found[labels], expected[labels]) for labels in found)
