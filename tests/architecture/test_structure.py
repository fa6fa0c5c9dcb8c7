"""What the tree must look like, beside what the import contracts check."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
LONGEST_FILE = 600
FORBIDDEN_NAMES = {"utils", "util", "common", "helpers", "misc"}


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=ids)
def test_each_module_says_what_it_is_for_and_is_not_too_long(path):
    text = path.read_text()
    assert text.count("\n") <= LONGEST_FILE
    assert ast.get_docstring(ast.parse(text)), "no module docstring"
    assert path.stem not in FORBIDDEN_NAMES


@pytest.mark.parametrize("path", SOURCES, ids=ids)
def test_no_error_is_swallowed_in_silence(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            pytest.fail(f"bare except in line {node.lineno}")


def test_paths_named_in_the_documents_exist():
    missing = [
        f"{document}: {name}"
        for document in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")
        for name in re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / document).read_text())
        if not (ROOT / name).exists()
    ]
    assert missing == []


def test_every_verb_of_the_command_is_a_module_with_three_examples():
    from importlib import import_module

    from gnomon.cli.main import VERBS

    for verb in VERBS:
        module = import_module(f"gnomon.cli.{verb}")
        assert len(module.EXAMPLES) >= 3, verb
        assert all(line.startswith("gnomon ") for line, _ in module.EXAMPLES)
