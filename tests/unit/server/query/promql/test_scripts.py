"""The behaviour of PromQL, written down in scripts: ours, and Prometheus' own where they are."""

import os
from pathlib import Path

import pytest

from gnomon.testing.promql_script import run_script

OURS = Path(__file__).parents[4] / "scripts" / "promql"
PROMETHEUS = os.environ.get("GNOMON_PROMETHEUS_TESTDATA", "")
"""A folder with the `*.test` files of Prometheus' promqltest."""


@pytest.mark.parametrize("path", sorted(OURS.glob("*.test")), ids=lambda path: path.stem)
def test_our_scripts(path):
    outcomes = list(run_script(path.read_text()))
    assert outcomes
    wrong = [f"{path.name}:{one.line}: {one.problem}" for one in outcomes if one.problem]
    assert not wrong, "\n".join(wrong)
