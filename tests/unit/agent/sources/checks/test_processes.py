from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gnomon.agent.sources.checks.processes import FORGET_AFTER, OTHER, Names
from gnomon.core.component import Context
from gnomon.core.errors import SettingsError
from gnomon.core.registry import CHECKS

WORD = f"watched-by-{os.getpid()}"


def start() -> subprocess.Popen[bytes]:
    """A process that has its command line: for a moment after its start it has none."""
    code = f"import time; print(flush=True); time.sleep(60)  # {WORD}"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.communicate()


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = start()
    yield process
    end(process)


@pytest.fixture
def watch(context: Context):
    """A process check on this host."""
    kind = CHECKS.load("process")

    def made(**settings):
        return kind(kind.Settings(name="x", **settings), context._replace(root=Path("/")))

    return made


def test_a_name_that_was_in_no_list_for_a_day_makes_room() -> None:
    names = Names(2)
    assert [names.fold(name, 0.0) for name in "abc"] == ["a", "b", OTHER]
    assert names.fold("a", FORGET_AFTER / 2) == "a"
    assert names.fold("c", FORGET_AFTER + 1) == "c"
    assert names.fold("b", FORGET_AFTER + 1) == OTHER


def test_a_real_process_is_watched(watch, run, child) -> None:
    check = watch(search_string=WORD, exact_match=False)
    run(check)
    out = run(check)
    assert out.value("system.processes.number") == 1
    assert out.value("system.processes.mem.rss") > 1 << 20
    assert 0 < out.value("system.processes.mem.real") < out.value("system.processes.mem.rss")
    assert out.value("system.processes.open_file_descriptors") >= 3
    assert out.value("system.processes.run_time.max") >= 0
    assert out.value("system.processes.cpu.pct") >= 0


def test_one_that_ends_is_gone_and_one_that_starts_is_found_at_once(watch, run, child) -> None:
    check = watch(search_string=WORD, exact_match=False)
    assert run(check).value("system.processes.number") == 1
    end(child)
    out = run(check)
    assert out.value("system.processes.number") == 0
    assert [(status.name, message) for _, status, message in out.statuses] == [
        ("CRITICAL", "x: 0 processes found, expected at least 1")
    ]
    again = start()
    try:
        assert run(check).value("system.processes.number") == 1
    finally:
        end(again)


def test_only_processes_of_one_user(watch, run, child) -> None:
    me = pwd.getpwuid(os.getuid()).pw_name
    for user, number in ((me, 1), ("nobody-of-that-name", 0)):
        check = watch(search_string=WORD, exact_match=False, user=user)
        assert run(check).value("system.processes.number") == number


@pytest.mark.parametrize(
    "given", [{}, {"search_string": "x", "pid": 1}, {"pid": 1, "pid_file": "/run/x.pid"}]
)
def test_exactly_one_way_to_find_them(watch, given) -> None:
    with pytest.raises(SettingsError, match="give one of search_string, pid and pid_file"):
        watch(**given)


def test_one_that_was_only_just_forked_is_looked_at_again(build, run, context) -> None:
    folder = context.proc("7")
    folder.mkdir(parents=True)
    (folder / "stat").write_text("7 (sh) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0 0\n")
    context.proc("uptime").write_text("100.0 1.0\n")
    (folder / "comm").write_text("sh\n")
    check = build("process", name="x", search_string="mongod")
    assert run(check).value("system.processes.number") == 0
    (folder / "comm").write_text("mongod\n")
    assert run(check).value("system.processes.number") == 1


def test_a_program_that_only_now_fits_has_not_spent_all_its_time_now(build, run, context) -> None:
    folder = context.proc("7")
    folder.mkdir(parents=True)
    stat = "7 (sh) S 1 7 7 0 -1 0 0 0 0 0 {cpu} 0 0 0 20 0 1 0 500 0 0 0\n"
    (folder / "stat").write_text(stat.format(cpu=360_000))
    (folder / "comm").write_text("sh\n")
    context.proc("uptime").write_text("9000.0 1.0\n")
    check = build("process", name="x", search_string="mongod")
    run(check)
    (folder / "comm").write_text("mongod\n")
    assert run(check).value("system.processes.cpu.pct") == 0
    (folder / "stat").write_text(stat.format(cpu=360_100))
    assert run(check).value("system.processes.cpu.pct") == 10
