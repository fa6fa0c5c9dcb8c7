from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.core.errors import SettingsError
from gnomon.core.settings import Located, plain
from gnomon.server import config
from gnomon.server.config import Address, ServerSettings, address, bind, load


def write(tmp_path, text: str):
    file = tmp_path / "server.yaml"
    file.write_text(text)
    return file


def problem(tmp_path, text: str, **overrides) -> str:
    with pytest.raises(SettingsError) as error:
        load(write(tmp_path, text), overrides)
    return str(error.value).replace(str(tmp_path), "")


def test_without_a_file_the_defaults_hold():
    settings = load(None)
    assert settings.listen == "127.0.0.1:8420"
    assert settings.api_keys == []


def test_the_command_line_comes_before_the_file(tmp_path):
    file = write(tmp_path, "listen: 127.0.0.1:1\nlimits: {body: 1MB}\nstore: {retention: 30d}\n")
    settings = load(file, {"listen": "127.0.0.1:2", "data": "/d"})
    assert (settings.listen, settings.data) == ("127.0.0.1:2", "/d")
    assert (settings.limits.body, settings.store.retention) == (1 << 20, 30 * 86400)


def test_an_empty_file_is_fine(tmp_path):
    assert load(write(tmp_path, "# nothing\n")) == load(None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("listen: 127.0.0.1:84200", "/server.yaml:1: listen: '84200' is not a port"),
        ("listen: 8420", "/server.yaml:1: listen: expected str, got int"),
        ("listen: '8420'", "listen: '8420' is not an address such as"),
        ("listen: '::1:8420'", "is not an address such as 127.0.0.1:8420 or [::1]:8420"),
        ("listen: 127.0.0.1:http", "'http' is not a port"),
        ("\nlisten: 0.0.0.0:8420", "/server.yaml:2: listen: 0.0.0.0:8420 can be reached by other"),
        (
            "listen: ':8420'",
            "can be reached by other machines: set api_keys, or `allow_open: true`",
        ),
        ("api_keys: [short]", "/server.yaml:1: api_keys[0]: an API key has at least 8"),
        (
            "limits: {label_lenght: 1}",
            "limits.label_lenght: unknown key; did you mean 'label_length'?",
        ),
        ("workers: 0", "workers: expected a number from 1 to 64"),
        ("[a]", "expected keys such as"),
        ("tls: {key: a}", "tls: the key 'cert' is required here"),
        ("store: {retention: soon}", "store.retention: expected a duration"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, text, expected):
    line = problem(tmp_path, text)
    assert expected in line
    assert "\n" not in line


def test_a_wrong_override_does_not_blame_the_file(tmp_path):
    assert problem(tmp_path, "workers: 2", listen="x") == (
        "listen: 'x' is not an address such as 127.0.0.1:8420 or [::1]:8420"
    )


def test_other_machines_need_a_key_or_a_clear_word(tmp_path):
    load(write(tmp_path, "listen: 0.0.0.0:8420\napi_keys: [correct-horse]\n"))
    load(write(tmp_path, "listen: '[::]:8420'\nallow_open: true\n"))


def test_keys_do_not_show(tmp_path, monkeypatch):
    monkeypatch.setenv("KEY", "correct-horse")
    settings = load(write(tmp_path, "api_keys: [{env: KEY}, battery-staple]"))
    assert [key.reveal() for key in settings.api_keys] == ["correct-horse", "battery-staple"]
    assert "horse" not in str(settings) + str(plain(settings))


@pytest.mark.parametrize(
    ("text", "expected", "loopback"),
    [
        ("127.0.0.1:8420", Address("127.0.0.1", 8420), True),
        ("[::1]:0", Address("::1", 0), True),
        ("localhost:80", Address("localhost", 80), True),
        (":8420", Address("0.0.0.0", 8420), False),
        ("monitor.example:8420", Address("monitor.example", 8420), False),
    ],
)
def test_addresses(text, expected, loopback):
    assert address(text) == expected
    assert address(text).is_loopback is loopback


def test_a_taken_port_is_said_so():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"127.0.0.1:{port} is taken by another program"):
            bind(Address("127.0.0.1", port))


def test_an_address_of_another_machine_is_said_so():
    with pytest.raises(SettingsError, match="listen: "):
        bind(Address("192.0.2.1", 0))
    with pytest.raises(SettingsError, match="is not an address here"):
        bind(Address("no-such-host.invalid", 0))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = st.sampled_from([*ServerSettings.__struct_fields__, "unknown"])
SIZES = st.sampled_from(["1MB", "5 m", "-1", "1e3", "7 parsecs", ":8420", "[::1]:99"])


@settings(deadline=None)
@given(st.dictionaries(KEYS, VALUES | SIZES | st.fixed_dictionaries({}, optional={"body": VALUES})))
def test_any_settings_are_taken_or_explained(data):
    file = Path("server.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "read_yaml", lambda path: Located(data, str(path), {}))
        try:
            said = load(file)
        except SettingsError as error:
            said = str(error)
    if isinstance(said, str):
        assert said.startswith("server.yaml: ")
        assert "\n" not in said
