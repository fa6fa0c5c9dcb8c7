"""Golden cases: a host as a folder of files, the settings of a check, and what it must say.

A case is a folder::

    settings.yaml     settings of the check (may be missing)
    1/  2/  ...       the host's file system at each run: proc/stat, sys/block/sda/size ...
    1.yaml 2.yaml     what is no file at that run (may be missing), see `Step`
    expected.txt      what the runs put, written anew by `pytest --update-golden`

Runs are ten seconds apart. A file that begins like its predecessor is appended to; any other that
changed is a new file, as after a rotation.
"""

from __future__ import annotations

import errno
import inspect
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_type_hints

import msgspec

from gnomon.core.component import Check, Context
from gnomon.core.errors import GnomonError
from gnomon.core.registry import CHECKS
from gnomon.core.settings import Located, build
from gnomon.core.telemetry import Telemetry
from gnomon.runtime.yaml_file import read_yaml
from gnomon.testing.clock import FakeClock
from gnomon.testing.output import RecordingOutput

INTERVAL = 10.0


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a run finds that is no file."""

    after: float = INTERVAL
    """Seconds since the run before."""
    calls: dict[str, Any] = {}
    """Method of the check → what it answers instead of asking the kernel: a value, or for a method
    with an argument a mapping from argument to value. Values are converted to the type the method
    declares; `{raises: ESTALE}` raises that `OSError`."""
    ages: dict[str, float] = {}
    """File → seconds since it was changed last. Others keep the time at which they were laid."""


def cases(folder: Path) -> list[Path]:
    """All cases below `<folder>/<check>/<case>`, sorted."""
    return sorted(
        case
        for check in folder.iterdir()
        if check.is_dir() and not check.name.startswith(("_", "."))
        for case in check.iterdir()
        if case.is_dir()
    )


def run(case: Path, scratch: Path) -> str:
    """Runs the check named by the case's parent folder; what it put, as text.

    `scratch` is an empty folder where the host is laid out.
    """
    kind = CHECKS.load(case.parent.name)
    file = case / "settings.yaml"
    settings = build(read_yaml(file) if file.exists() else Located({}), kind.Settings)
    clock = FakeClock()
    log = logging.getLogger(f"gnomon.golden.{case.parent.name}")
    context = Context("test", clock, Telemetry(), log, scratch)
    answers: dict[str, Any] = {}
    numbers = _numbers(case)
    lay(case / numbers[0], scratch)
    check: Check = _with_calls(kind, answers)(settings, context)
    out = RecordingOutput(context.hostname)
    text: list[str] = []
    for number in numbers:
        step = _step(case, number)
        if number != numbers[0]:
            clock.advance(step.after)
        lay(case / number, scratch)
        for name, age in step.ages.items():
            changed = clock.now() / 1000 - age
            os.utime(scratch / name, (changed, changed))
        answers.clear()
        answers.update(step.calls)
        out.begin(clock.now(), clock.monotonic())
        text += [f"# run {number}", *_collect(check, out)]
    check.close()
    return "\n".join(text).replace(str(scratch), "") + "\n"


def compare(file: Path, actual: str, *, update: bool) -> None:
    """Fails with both texts when they differ; writes the file anew when told to `update`."""
    if update:
        file.write_text(actual, encoding="utf-8")
        return
    expected = file.read_text(encoding="utf-8") if file.exists() else ""
    assert actual == expected, f"{file} differs; see the diff after: make golden"


def lay(tree: Path, root: Path) -> None:
    """Makes `root` look like `tree`; files that stay are kept open by whoever holds them."""
    wanted: set[Path] = set()
    for source in sorted(tree.rglob("*")) if tree.is_dir() else ():
        target = root / source.relative_to(tree)
        wanted.add(target)
        if source.is_symlink():
            target.unlink(missing_ok=True)
            target.symlink_to(source.readlink())
        elif source.is_dir():
            target.mkdir(exist_ok=True)
        else:
            _write(target, source.read_bytes())
    for old in sorted(root.rglob("*"), reverse=True):
        if old not in wanted:
            shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()


def _write(target: Path, content: bytes) -> None:
    before = target.read_bytes() if target.exists() else None
    if before is not None and content.startswith(before):
        with target.open("ab") as file:
            file.write(content[len(before) :])
    else:
        fresh = target.with_name(target.name + ".fresh")
        fresh.write_bytes(content)
        fresh.replace(target)


def _numbers(case: Path) -> list[str]:
    found = {entry.name.removesuffix(".yaml") for entry in case.iterdir()}
    numbers = sorted((name for name in found if name.isdigit()), key=int)
    assert numbers, f"{case} has no folder 1/"
    return numbers


def _step(case: Path, number: str) -> Step:
    file = case / f"{number}.yaml"
    return build(read_yaml(file), Step) if file.exists() else Step()


def _collect(check: Check, out: RecordingOutput) -> list[str]:
    try:
        check.collect(out)
    except GnomonError as error:
        return [*out.lines(), f"{type(error).__name__}: {error}"]
    return out.lines()


def _with_calls(kind: type[Any], answers: Mapping[str, Any]) -> type[Any]:
    """A subclass whose methods answer from `answers` where that has something for them."""

    def replaced(name: str, method: Any) -> Any:
        returns = get_type_hints(method).get("return", Any)
        takes_argument = len(inspect.signature(method).parameters) > 1

        def call(self: Any, *arguments: Any) -> Any:
            if name not in answers:
                return method(self, *arguments)
            answer = answers[name]
            if takes_argument:
                answer = answer[arguments[0]]
            if isinstance(answer, Mapping) and "raises" in answer:
                number = getattr(errno, str(cast(Mapping[str, Any], answer)["raises"]))
                raise OSError(number, os.strerror(number))
            return msgspec.convert(answer, returns)

        return call

    methods = {
        name: replaced(name, method)
        for name, method in vars(kind).items()
        if inspect.isfunction(method) and not name.startswith("_") and name not in _CONTRACT
    }
    return type(kind.__name__, (kind,), methods)


_CONTRACT = {"collect", "close"}
