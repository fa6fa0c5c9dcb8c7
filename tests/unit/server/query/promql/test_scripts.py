"""The behaviour of PromQL, written down in scripts: ours, and Prometheus' own where they are."""

import os
import re
from pathlib import Path

import pytest

from gnomon.server.query.promql.binary import HISTOGRAM_OPERATORS, OPERATORS, SET_HELP
from gnomon.server.query.promql.functions.catalogue import FUNCTIONS
from gnomon.server.query.promql.syntax import AGGREGATIONS
from gnomon.testing.promql_script import run_script

OURS = Path(__file__).parents[4] / "scripts" / "promql"
PROMETHEUS = os.environ.get("GNOMON_PROMETHEUS_TESTDATA", "")
"""A folder with the `*.test` files of Prometheus' promqltest."""
KNOWN_GAPS = {"start_timestamps.test"}
"""Scripts about what is not stored here: when a counter began."""


@pytest.mark.parametrize("path", sorted(OURS.glob("*.test")), ids=lambda path: path.stem)
def test_our_scripts(path):
    outcomes = list(run_script(path.read_text()))
    assert outcomes
    wrong = [f"{path.name}:{one.line}: {one.problem}" for one in outcomes if one.problem]
    assert not wrong, "\n".join(wrong)


def test_our_scripts_cover_every_function_and_operator():
    queries = "\n".join(
        line
        for path in OURS.glob("*.test")
        for line in path.read_text().splitlines()
        if line.startswith("eval")
    )
    words = set(re.findall(r"[a-z_0-9]+(?=\s*(?:\(|by|without))", queries))
    missing = (set(FUNCTIONS) | set(AGGREGATIONS)) - words
    operators = {*OPERATORS, *SET_HELP, *HISTOGRAM_OPERATORS}
    missing |= {one for one in operators if f" {one} " not in queries}
    assert not missing


@pytest.mark.skipif(not PROMETHEUS, reason="GNOMON_PROMETHEUS_TESTDATA names no folder")
def test_prometheus_scripts():
    """All cases of floats pass, but for those that need what is not stored."""
    wrong = [
        f"{path.name}:{one.line}: {one.problem}"
        for path in sorted(Path(PROMETHEUS).glob("*.test"))
        if path.name not in KNOWN_GAPS
        for one in run_script(path.read_text())
        if one.problem and not one.native
    ]
    assert not wrong, "\n".join(wrong)
