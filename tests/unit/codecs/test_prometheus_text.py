from __future__ import annotations

import math
import re
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.codecs import prometheus_text
from gnomon.core.model import Kind, Metric, Sample, Series, labels_of

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
SAMPLES = st.lists(
    st.builds(
        lambda name, help_, labels, value: Sample(
            Series(Metric(name, Kind.COUNTER, help=help_), labels_of(labels)), 1, value
        ),
        TEXT.filter(bool),
        TEXT,
        st.dictionaries(TEXT.filter(bool), TEXT, max_size=3),
        st.floats(),
    ),
    max_size=8,
)
LINE = re.compile(
    r"""[a-zA-Z_:][a-zA-Z0-9_:]*
    (\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\[\\n"])*"(,(?!\}))?)+\})?
    \ (?P<value>[^ ]+)""",
    re.VERBOSE,
)


def test_the_form():
    help_ = 'Samples "stored"\nby route \\ kind.'
    samples = [
        Sample(Series(Metric("gnomon.ingest.samples", Kind.COUNTER, help=help_)), 5, 3.0),
        Sample(Series.of("up.time", host='a"b\\c\nd'), 5, 0.1),
        Sample(Series.of("up.time", host="b"), 5, -math.inf),
        Sample(Series.of("9lives", Kind.HISTOGRAM), 5, math.nan),
    ]
    assert prometheus_text.encode(samples).decode() == (
        '# HELP gnomon_ingest_samples Samples "stored"\\nby route \\\\ kind.\n'
        "# TYPE gnomon_ingest_samples counter\n"
        "gnomon_ingest_samples 3\n"
        "# TYPE up_time gauge\n"
        'up_time{host="a\\"b\\\\c\\nd"} 0.1\n'
        'up_time{host="b"} -Inf\n'
        "# TYPE _9lives untyped\n"
        "_9lives NaN\n"
    )


def test_names_that_become_the_same_are_given_once_and_families_stay_together():
    samples = [
        Sample(Series.of("a.b"), 1, 1.0),
        Sample(Series.of("z"), 1, 2.0),
        Sample(Series.of("a_b"), 1, 3.0),
        Sample(Series.of("a_b", **{"l.x": "1", "l_x": "2"}), 1, 4.0),
    ]
    lines = prometheus_text.encode(samples).decode().splitlines()
    assert lines == ["# TYPE a_b gauge", "a_b 1", 'a_b{l_x="1"} 4', "# TYPE z gauge", "z 2"]


@given(SAMPLES)
def test_every_line_is_of_the_format(samples):
    text = prometheus_text.encode(samples).decode()
    assert not text or text.endswith("\n")
    types = re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE)
    assert len(types) == len(set(types))
    for line in text.split("\n"):
        if line and not line.startswith("# "):
            found = LINE.fullmatch(line)
            assert found
            float(found["value"])


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (Debian: prometheus) is missing")
@settings(deadline=None, max_examples=30)
@given(samples=SAMPLES)
def test_prometheus_reads_it(samples):
    text = prometheus_text.encode(samples)
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, timeout=30, check=False
    )
    assert done.returncode in (0, 3), done.stderr  # 3: only advice on naming
    assert b"error while linting" not in done.stderr
