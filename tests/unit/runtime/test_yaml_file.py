"""YAML with lines: what is read, and what a person reads when it is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.core.errors import SettingsError
from gnomon.runtime.yaml_file import parse_yaml, read_yaml


def test_lines_are_known_for_keys_and_items():
    located = parse_yaml("a: 1\nb:\n  - c: 2\n    d: 3\n", "f.yaml")
    assert located.data == {"a": 1, "b": [{"c": 2, "d": 3}]}
    assert located.where(("b", 0, "d")) == "f.yaml:4: b[0].d"
    assert located.at("b", 0).where(("d",)) == "f.yaml:4: d"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1", "f.yaml:2: not valid YAML: "),
        ("a: 1\na: 2", "f.yaml:2: a: this key stands here twice"),
        ("a: !!python/object:os.system x", "f.yaml:1: not valid YAML: "),
        ("\ta: 1", "f.yaml:1: not valid YAML: "),
        ("? [a]\n: " + "[" * 200 + "]" * 200, "nested too deeply"),
    ],
)
def test_errors_point_at_the_line(text, expected):
    with pytest.raises(SettingsError) as error:
        parse_yaml(text, "f.yaml")
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read_say_why(tmp_path):
    with pytest.raises(SettingsError, match=r"none.yaml: cannot be read: No such file"):
        read_yaml(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9")
    with pytest.raises(SettingsError, match="not UTF-8 text"):
        read_yaml(tmp_path / "latin.yaml")


@given(st.text())
def test_any_text_gives_data_or_a_settings_error(text):
    try:
        parsed = parse_yaml(text, "f.yaml")
    except SettingsError as error:
        shown = str(error)
    else:
        shown = parsed.file
    assert shown.startswith("f.yaml")
