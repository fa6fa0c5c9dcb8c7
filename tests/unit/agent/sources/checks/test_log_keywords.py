from __future__ import annotations

import os

import pytest

from gnomon.core.errors import NeedsSetup, SettingsError


def test_a_rotated_file_is_counted_to_its_end(build, run, context) -> None:
    log = context.root / "app.log"
    log.touch()
    check = build("log_keywords", path="/app.log", keywords=("ERROR",))
    run(check)
    with log.open("a") as file:
        file.write("ERROR 1\nERROR 2\n")
    log.rename(context.root / "app.log.1")
    log.write_text("ERROR 3\n")
    assert run(check).value("app.log.ERROR", file="/app.log") == 3
    check.close()


def test_a_file_that_went_is_counted_to_its_end(build, run, context) -> None:
    for name in ("a.log", "b.log"):
        (context.root / name).touch()
    check = build("log_keywords", path="/*.log", keywords=("x",))
    run(check)
    (context.root / "a.log").write_text("x\n")
    (context.root / "a.log").unlink()
    assert run(check).value("app.log.x", file="/a.log") == 1
    assert run(check).value("app.log.x", file="/a.log") is None
    check.close()


def test_a_file_that_may_not_be_read_says_how_to_allow_it(build, run, context, monkeypatch) -> None:
    (context.root / "app.log").touch()
    check = build("log_keywords", path="/app.log", keywords=("x",))

    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(NeedsSetup, match=r"^/app\.log may not be read") as raised:
        run(check)
    assert raised.value.hint == "setfacl -m u:gnomon:r /app.log"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"path": "/x", "keywords": ()}, "keywords: name at least one"),
        ({"path": "/x", "keywords": {}}, "keywords: name at least one"),
        ({"path": "/x", "keywords": ("",)}, "may not be empty"),
        ({"path": "/x", "keywords": {"a": "["}}, r"keywords\.a: '\[' is not a regular expression"),
        ({"path": "/", "keywords": ("a",)}, "path: name a file"),
    ],
)
def test_settings_that_cannot_be_used(build, settings, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        build("log_keywords", **settings)


def test_cron_log_that_may_not_be_read(build, run, context, monkeypatch) -> None:
    (context.root / "cron").touch()
    check = build("cron_runs", files=("/cron",))

    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(NeedsSetup, match="log of cron may not be read"):
        run(check)
