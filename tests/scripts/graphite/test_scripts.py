"""Runs the scripts of this folder; `--update-golden` writes what is answered now into them."""

import re
from pathlib import Path

import pytest

from gnomon.server.query.graphite.catalogue import FUNCTIONS
from gnomon.testing import graphite_script

FOLDER = Path(__file__).parent
SCRIPTS = sorted(FOLDER.glob("*.test"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script(path, update_golden):
    text = path.read_text()
    if update_golden:
        path.write_text(graphite_script.rewritten(text))
        return
    wrong = graphite_script.failures(text)
    assert not wrong, "\n\n".join(map(str, wrong))


def test_every_function_is_evaluated_by_a_script():
    every = "\n".join(
        target for path in SCRIPTS for target in graphite_script.targets(path.read_text())
    )
    called = set(re.findall(r"(\w+)\(", every))
    assert sorted(set(FUNCTIONS) - called) == []
