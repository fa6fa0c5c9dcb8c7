"""No content of a kernel file, however broken, is a bug of the check that reads it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.agent.sources import proctable
from gnomon.core.errors import NoData

CHECKS = "gnomon.agent.sources.checks"
GOLDEN = Path(__file__).parents[4] / "golden" / "checks"


def function(path: str) -> Callable[[bytes], Any]:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(f"{CHECKS}.{module}"), name)


PARSERS = {
    "cpu.parse": "cpu/two-cores/1/proc/stat",
    "load.parse": "load/two-cores/1/proc/loadavg",
    "uptime.parse": "uptime/kernel-6/1/proc/uptime",
    "file_handles.parse": "file_handles/kernel-6/1/proc/sys/fs/file-nr",
    "io.parse": "io/virtual-disk/1/proc/diskstats",
    "vmstat.parse": "vmstat/kernel-6/1/proc/vmstat",
    "conntrack.parse": "conntrack/a-busy-router/1/proc/net/stat/nf_conntrack",
    "pressure.parse": "pressure/kernel-6/1/proc/pressure/cpu",
    "disk.mounts.parse": "disk/a-file-server/1/proc/mounts",
    "network.interfaces.parse": "network/odd-names/1/proc/net/dev",
    "network.connections.parse": "network/kernel-6/1/proc/net/tcp",
    "network.stack.parse_snmp": "network/kernel-6/1/proc/net/snmp",
    "network.stack.parse_sockstat": "network/kernel-6/1/proc/net/sockstat",
    "cron_runs.parse": "cron_runs/debian/2/var/log/syslog",
}


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """A real file with a piece replaced by anything."""
    start = draw(st.integers(0, len(whole)))
    end = draw(st.integers(start, min(len(whole), start + 40)))
    return whole[:start] + draw(st.binary(max_size=20)) + whole[end:]


@pytest.mark.parametrize("parser", PARSERS)
@given(data=st.data())
def test_anything_gives_numbers_or_no_data(parser: str, data: st.DataObject) -> None:
    whole = (GOLDEN / PARSERS[parser]).read_bytes()
    content = data.draw(st.one_of(damaged(whole), st.binary(max_size=200)))
    try:
        function(parser)(content)
    except NoData as error:
        assert str(error)  # noqa: PT017  # either outcome is right


@given(content=st.binary(max_size=200))
def test_a_broken_stat_of_a_process_is_a_value_error(content: bytes) -> None:
    try:
        proctable.parse(content)
    except ValueError:
        return
    assert content.count(b" ") >= 21
