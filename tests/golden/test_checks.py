"""Each check on hosts made of files: what it must say of them, number by number."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnomon.core.registry import CHECKS
from gnomon.testing import golden

FOLDER = Path(__file__).parent / "checks"
CASES = golden.cases(FOLDER)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_says_what_is_expected(case: Path, tmp_path: Path, update_golden: bool) -> None:
    golden.compare(case / "expected.txt", golden.run(case, tmp_path), update=update_golden)


def test_every_folder_belongs_to_a_check() -> None:
    assert {case.parent.name for case in CASES} <= set(CHECKS.names())
