from __future__ import annotations

import contextlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.codecs import json_lines
from gnomon.core.errors import DecodeError
from gnomon.core.model import Batch, Kind, Metric, Sample, Series

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=10)
VALUES = st.floats(allow_nan=False)
TIMES = st.integers(-(2**63), 2**63 - 1)


@given(name=NAMES, labels=st.dictionaries(NAMES, NAMES), points=st.lists(st.tuples(TIMES, VALUES)))
def test_what_is_written_is_read(name, labels, points):
    labels.pop("__name__", None)
    series = Series.of(name, Kind.COUNTER)
    series = Series(series.metric, tuple(sorted(labels.items())))
    line = json_lines.encode(series, [t for t, _ in points], [v for _, v in points], about=True)
    batch = json_lines.decode(line)
    assert batch == Batch.of([Sample(series, t, v) for t, v in points])
    assert [known.metric.kind for known in batch.series] == [Kind.COUNTER]


def test_the_form_is_that_of_victoriametrics():
    line = json_lines.encode(Series.of("cpu", host="a"), [1, 2], [math.nan, -math.inf])
    assert json.loads(line) == {
        "metric": {"__name__": "cpu", "host": "a"},
        "values": [None, "-Infinity"],
        "timestamps": [1, 2],
    }


def test_special_values_come_back():
    line = (
        b'{"metric":{"__name__":"a"},"values":[null,"Infinity","-inf",1e-3],"timestamps":[1,2,3,4]}'
    )
    values = json_lines.decode(line).values.tolist()
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf, 0.001]


def test_lines_of_one_series_are_joined_and_others_are_kept_apart():
    body = (
        b'{"metric":{"__name__":"a","x":""},"values":[1],"timestamps":[1]}\n\n'
        b'{"metric":{"__name__":"b"},"values":[2],"timestamps":[2],"more":{"is":"ignored"}}\r\n'
        b'{"metric":{"__name__":"a"},"values":[3],"timestamps":[3]}'
    )
    batch = json_lines.decode(body)
    a, b = Series.of("a"), Series.of("b")
    assert batch == Batch.of([Sample(a, 1, 1), Sample(b, 2, 2), Sample(a, 3, 3)])


def test_what_the_metric_is_comes_along_when_asked():
    series = Series(Metric("m", Kind.RATE, "byte/second", "Bytes sent."))
    line = json_lines.encode(series, [1], [2.0], about=True)
    assert json_lines.decode(line).series[0].metric == series.metric
    assert b"kind" not in json_lines.encode(series, [1], [2.0])


def test_an_empty_body_is_an_empty_batch():
    assert not json_lines.decode(b" \n\n")


GOOD = b'{"metric":{"__name__":"a"},"values":[1],"timestamps":[1]}\n\n'


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"not json", "line 3: JSON is malformed"),
        (b'{"metric":{"__name__":"a"},"values":[1,2],"timestamps":[1]}', "line 3: 2 values but 1"),
        (b'{"metric":{},"values":[1],"timestamps":[1]}', 'line 3: "metric" has no __name__'),
        (b'{"metric":{"__name__":""},"values":[1],"timestamps":[1]}', "line 3: .*no __name__"),
        (b'{"metric":{"__name__":"a","":"b"},"values":[],"timestamps":[]}', "line 3: a label has"),
        (b'{"metric":{"__name__":"a","l":1},"values":[1],"timestamps":[1]}', "line 3: .*str.*int"),
        (b'{"metric":{"__name__":"a"},"values":["x"],"timestamps":[1]}', "line 3: 'x' is not a n"),
        (b'{"metric":{"__name__":"a"},"values":[1],"timestamps":[1.5]}', "line 3: .*int.*float"),
        (b'{"metric":{"__name__":"a"},"values":[1],"timestamps":[9223372036854775808]}', "line 3"),
        (GOOD.strip() + b'{"metric":{},"values":[1],"timestamps":[1]}', "line 3: .*no __name__"),
        (b'{"metric":{"__name__":"a"},"values":[1]}', "line 3: .*timestamps"),
        (b'{"metric":{"__name__":"\xff"},"values":[1],"timestamps":[1]}', "line 3: not UTF-8"),
        (b'{"metric":{"__name__":"a"},\n"values":[1],"timestamps":["1"]}', "line 3"),
    ],
)
def test_an_error_names_the_line(line, expected):
    with pytest.raises(DecodeError, match=expected):
        json_lines.decode(GOOD + line)


@given(st.binary(max_size=200))
def test_nothing_but_decode_errors(data):
    with contextlib.suppress(DecodeError):
        json_lines.decode(data)


@given(st.data())
def test_damaged_lines_give_nothing_but_decode_errors(data):
    body = bytearray(GOOD * 2)
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DecodeError):
        json_lines.decode(bytes(body))
