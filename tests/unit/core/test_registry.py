"""The registry: names without imports, errors that say what to do."""

import sys

import pytest

from gnomon.core.errors import SettingsError
from gnomon.core.registry import Registry


@pytest.fixture
def things(tmp_path, monkeypatch):
    package = tmp_path / "thing_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "good.py").write_text("class Good: ...\ncomponent = Good\n")
    (package / "needy.py").write_text("import no_such_driver\n")
    (package / "_private.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    yield Registry("thing", "thing_package", "gnomon.test_things")
    for name in [name for name in sys.modules if name.startswith("thing_package")]:
        del sys.modules[name]


def test_names_are_listed_without_importing(things):
    assert things.names() == ["good", "needy"]
    assert "thing_package.needy" not in sys.modules


def test_a_component_is_loaded_by_name(things):
    assert things.load("good").__name__ == "Good"


def test_an_unknown_name_gets_a_suggestion(things):
    with pytest.raises(SettingsError, match="thing 'godo' is not known; did you mean 'good'"):
        things.load("godo")


def test_a_missing_dependency_is_named(things):
    with pytest.raises(SettingsError, match="needs the Python module 'no_such_driver'"):
        things.load("needy")
