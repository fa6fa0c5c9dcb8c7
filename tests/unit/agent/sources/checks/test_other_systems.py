"""The way of systems without /proc: psutil, which answers on Linux just as well."""

from __future__ import annotations

import importlib

import pytest

from gnomon.agent.sources import procfs
from gnomon.core.errors import NoData
from gnomon.core.registry import CHECKS
from gnomon.testing import reference


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch) -> None:
    monkeypatch.setattr(procfs, "LINUX", False)


@pytest.mark.parametrize(
    ("check", "metric"),
    [
        ("cpu", "system.cpu.user"),
        ("load", "system.load.1"),
        ("memory", "system.mem.used"),
        ("swap", "system.swap.total"),
        ("disk", "system.disk.in_use"),
        ("network", "system.net.tcp4.listening"),
        ("processes", "system.processes.total"),
        ("uptime", "system.boot_time"),
    ],
)
def test_says_the_same_things(check: str, metric: str, build, run, monkeypatch) -> None:
    if check == "disk":
        monkeypatch.setattr("gnomon.agent.sources.checks.disk.check.Disk.statvfs", usage)
    found = build(check)
    run(found)
    cpu_goes_by()
    out = run(found)
    value = next(sample.value for sample in out.batch if sample.series.name == metric)
    assert value >= 0
    declared = {metric.name for metric in reference.module_of(check).METRICS}
    assert {s.series.name for s in out.batch} <= declared | {"service_check"}
    found.close()


def usage(self: object, point: str) -> object:
    asking = importlib.import_module("gnomon.agent.sources.checks.disk.asking")
    return asking.Usage(total=100 << 20, free=50 << 20, available=40 << 20)


def cpu_goes_by() -> None:
    """Until the kernel has counted a tick of this process, or of any other."""
    import psutil

    before = psutil.cpu_times()
    while psutil.cpu_times() == before:
        sum(range(10_000))


def test_devices_have_totals_psutil_knows() -> None:
    io = importlib.import_module("gnomon.agent.sources.checks.io")
    for counters in io.read_psutil().values():
        assert all(value >= 0 for value in counters)


def test_a_process_is_watched(build, run) -> None:
    import os

    found = build("process", name="me", pid=os.getpid())
    run(found)
    out = run(found)
    assert out.value("system.processes.number") == 1
    assert out.value("system.processes.mem.rss") > 1 << 20
    assert out.value("system.processes.threads") >= 1


def test_processes_are_found_by_command_line_children_and_user(build, run) -> None:
    import getpass
    import os
    import subprocess
    import sys

    word = f"asked-for-by-{os.getpid()}"
    code = f"import time; print(flush=True); time.sleep(60)  # {word}"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        found = build(
            "process",
            name="child",
            search_string=word,
            exact_match=False,
            collect_children=True,
            user=getpass.getuser(),
        )
        assert run(found).value("system.processes.number") == 1
    finally:
        child.kill()
        child.communicate()
    found = build("process", name="child", pid=child.pid)
    assert run(found).value("system.processes.number") == 0


@pytest.mark.parametrize(
    "check",
    [name for name in CHECKS.names() if "linux" in getattr(CHECKS.load(name), "PLATFORMS", ())],
)
def test_what_only_linux_has_is_no_error(check: str, build, run) -> None:
    with pytest.raises(NoData):
        run(build(check))


def test_the_clock_needs_a_server(build, run) -> None:
    with pytest.raises(NoData, match="set host"):
        run(build("ntp"))
