"""Settings: what is accepted, and what a person reads when it is not."""

import pytest

from gnomon.core.errors import SettingsError
from gnomon.core.schema import field_docs, schema
from gnomon.core.settings import (
    Duration,
    Located,
    Secret,
    Settings,
    Size,
    build,
    plain,
)
from gnomon.runtime.yaml_file import parse_yaml


class Inner(Settings, frozen=True, kw_only=True):
    url: str
    """Where to."""
    password: Secret | None = None
    """Never shown."""


class Outer(Settings, frozen=True, kw_only=True):
    port: int = 1
    """A port."""
    wait: Duration = Duration(1)
    size: Size = Size(1)
    sinks: list[Inner] = []
    named: dict[str, Inner] = {}


def read(text: str) -> Outer:
    return build(parse_yaml(text, "a.yaml"), Outer)


def message(text: str) -> str:
    with pytest.raises(SettingsError) as error:
        read(text)
    return str(error.value)


def test_everything_has_a_default():
    assert read("") == Outer()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10", 10), ("10s", 10), ("500ms", 0.5), ("5m", 300), ("2h", 7200), ("1.5", 1.5)],
)
def test_durations(text, seconds):
    assert read(f"wait: {text}").wait == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("10", 10), ("2KB", 2048), ("50MB", 50 << 20), ("1g", 1 << 30)]
)
def test_sizes(text, size):
    assert read(f"size: {text}").size == size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("port: many", "a.yaml:1: port: expected int, got str"),
        ("\nprot: 1", "a.yaml:2: prot: unknown key; did you mean 'port'?"),
        (
            "sinks:\n  - url: x\n    pasword: y",
            "a.yaml:3: sinks[0].pasword: unknown key; did you mean 'password'?",
        ),
        ("sinks:\n  - password: y", "a.yaml:2: sinks[0]: the key 'url' is required here"),
        ("wait: soon", "a.yaml:1: wait: expected a duration such as 10s, 5m or 2h, got 'soon'"),
        ("wait: -1", "a.yaml:1: wait: expected a duration such as 10s, 5m or 2h, got -1"),
        ("size: true", "a.yaml:1: size: expected a size such as 512KB, 50MB or 2GB"),
        ("- 1", "a.yaml:1: expected object, got array"),
        ("xyzzy: 1", "a.yaml:1: xyzzy: unknown key; known keys: named, port, sinks, size, wait"),
        ("named:\n  b: {url: u}\n  a: {url: 1}", "a.yaml:3: named.a.url: expected str, got int"),
        ("named:\n  a:\n    ulr: 1", "a.yaml:3: named.a.ulr: unknown key; did you mean 'url'?"),
    ],
)
def test_errors_name_file_line_key_and_what_was_expected(text, expected):
    assert message(text) == expected


def test_secrets_come_from_file_environment_and_command(tmp_path, monkeypatch):
    file = tmp_path / "secret"
    file.write_text("from-file\n")
    monkeypatch.setenv("GNOMON_TEST_SECRET", "from-env")
    for given, expected in (
        ("plain", "plain"),
        ({"file": str(file)}, "from-file"),
        ({"env": "GNOMON_TEST_SECRET"}, "from-env"),
        ({"command": "x"}, "ran x"),
    ):
        built = build(
            Located({"url": "u", "password": given}), Inner, run=lambda command: f"ran {command}"
        )
        assert built.password is not None
        assert built.password.reveal() == expected


def test_a_secret_that_cannot_be_had_says_why():
    assert "sinks[0].password: the environment variable NO_SUCH is not set" in message(
        "sinks: [{url: u, password: {env: NO_SUCH}}]"
    )


def test_secrets_never_show():
    settings = Inner(url="u", password=Secret("hunter2"))
    for shown in (
        repr(settings),
        str(settings.password),
        str(plain(settings)),
        f"{settings.password}",
    ):
        assert "hunter2" not in shown


def test_schema_describes_every_field_with_text_and_default():
    described = schema(Outer)["properties"]
    assert set(described) == {"port", "wait", "size", "sinks", "named"}
    assert described["port"] == {"type": "integer", "description": "A port.", "default": 1}
    assert described["wait"]["default"] == 1.0
    inner = described["sinks"]["items"]
    assert inner["required"] == ["url"]
    assert inner["properties"]["password"]["description"] == "Never shown."


def test_field_docs_are_the_text_under_the_field():
    assert field_docs(Inner) == {"url": "Where to.", "password": "Never shown."}
