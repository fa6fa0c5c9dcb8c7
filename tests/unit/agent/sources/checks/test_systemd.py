"""The part of the check that golden cases replace: calling systemctl."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnomon.core.errors import NoData, Retryable


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch, context):
    """A folder on PATH where a test puts its own systemctl."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    context.root.joinpath("run/systemd/system").mkdir(parents=True)

    def write(script: str) -> None:
        file = folder / "systemctl"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    return write


def test_asks_for_the_units_of_the_settings(systemctl, build, run, tmp_path: Path) -> None:
    systemctl(
        f"printf '%s\\n' \"$@\" > {tmp_path}/arguments\n"
        "printf 'Id=a.service\\nLoadState=loaded\\nSubState=running\\n'"
    )
    out = run(build("systemd", units=("a", "b@1", "c.timer", "d@*")))
    assert out.value("system.service.state", service="a.service") == 1
    arguments = (tmp_path / "arguments").read_text().split()
    assert arguments[0] == "show"
    assert arguments[-5:] == ["--", "a.service", "b@1.service", "c.timer", "d@*.service"]


def test_an_error_of_systemctl_is_told_in_one_line(systemctl, build, run) -> None:
    systemctl("echo 'Failed to connect to bus: No medium found' >&2; echo more >&2; exit 1")
    with pytest.raises(Retryable, match=r"^systemctl: Failed to connect to bus: No medium found$"):
        run(build("systemd"))


def test_an_answer_that_does_not_come_is_not_waited_for(systemctl, build, run) -> None:
    systemctl("exec sleep 30")
    with pytest.raises(Retryable, match=r"did not answer within 0\.2 s"):
        run(build("systemd", timeout=0.2))


def test_a_command_that_cannot_run(systemctl, build, run, tmp_path: Path) -> None:
    systemctl("")
    (tmp_path / "bin" / "systemctl").write_bytes(b"\x7fnot a program")
    with pytest.raises(Retryable, match="systemctl cannot be run"):
        run(build("systemd"))


def test_no_command_is_no_data(systemctl, build, run, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoData, match="no command systemctl"):
        run(build("systemd"))
