"""The reference pages are what the code would make today."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnomon.core.registry import CHECKS
from gnomon.testing import manual, reference

FOLDER = Path(__file__).parents[2] / "docs" / "reference" / "checks"


@pytest.mark.parametrize("check", CHECKS.names())
def test_page_is_current(check: str) -> None:
    stored = (FOLDER / f"{check}.md").read_text(encoding="utf-8")
    assert stored == reference.page(check), "run: make docs"


def test_index_is_current_and_no_page_is_left_over() -> None:
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == reference.index(CHECKS.names())
    assert {file.stem for file in FOLDER.glob("*.md")} == {"README", *CHECKS.names()}


def test_writing_removes_pages_of_checks_that_are_gone(tmp_path: Path) -> None:
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "gone.md").write_text("old", encoding="utf-8")
    written = reference.write(tmp_path)
    assert sorted(written) == sorted(p for p in tmp_path.rglob("*") if p.is_file())
    assert tmp_path / "checks" / "gone.md" not in written


@pytest.mark.parametrize(("name", "text"), list(manual.pages()), ids=lambda value: value[:20])
def test_manual_is_current(name: str, text: str) -> None:
    stored = (FOLDER.parent / name).read_text(encoding="utf-8")
    assert stored == text, "run: make docs"
