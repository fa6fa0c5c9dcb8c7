"""The page of PromQL is what the code would make today."""

from pathlib import Path

from gnomon.testing import reference_promql

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


def test_promql_page_is_current():
    ((name, text),) = reference_promql.pages()
    assert (FOLDER / name).read_text(encoding="utf-8") == text, "run: make docs"
