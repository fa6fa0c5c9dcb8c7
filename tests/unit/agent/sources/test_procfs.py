from __future__ import annotations

import os
from pathlib import Path

import pytest

from gnomon.agent.sources import procfs, proctable
from gnomon.core.errors import NeedsSetup, NoData, Retryable


def test_reads_a_file_larger_than_one_read(tmp_path: Path) -> None:
    content = bytes(range(256)) * 8192
    (tmp_path / "big").write_bytes(content)
    assert procfs.read(tmp_path / "big") == content


def test_a_missing_file_is_no_data_and_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoData, match="none does not exist here"):
        procfs.read(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(NoData):
        procfs.read(tmp_path / "file" / "below")


def test_a_forbidden_file_needs_setup(tmp_path: Path, monkeypatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(NeedsSetup, match="may not be read by this user"):
        procfs.read(tmp_path / "secret")
    assert procfs.read_if_there(tmp_path / "secret") == b""


def test_any_other_error_may_pass(tmp_path: Path) -> None:
    with pytest.raises(Retryable, match="Is a directory"):
        procfs.read(tmp_path)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"MemFree:  12 kB\nCached: 7 kB\n", {b"MemFree": 12, b"Cached": 7}),
        (b"pgfault 5\nnr_x -1\n", {b"pgfault": 5}),
        (b"", {}),
        (b"one\n: \n::: 4\n", {b"": 4}),
    ],
)
def test_table(data: bytes, expected: dict[bytes, int]) -> None:
    assert procfs.table(data) == expected


@pytest.mark.parametrize(("data", "expected"), [(b"7\n", 7), (b"max\n", None), (b"", None)])
def test_number(data: bytes, expected: int | None) -> None:
    assert procfs.number(data) == expected


def test_text_is_always_fit_for_a_label() -> None:
    assert procfs.text(b"caf\xc3\xa9") == "café"
    assert procfs.text(b"caf\xe9") == "caf\N{REPLACEMENT CHARACTER}"
    assert procfs.text(os.fsdecode(b"caf\xe9")) == "caf\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("online", "cores"), [("0-3\n", 4), ("0\n", 1), ("0-1,4,6-7\n", 5), ("nonsense\n", 0)]
)
def test_core_count(context, online: str, cores: int) -> None:
    file = context.sys("devices", "system", "cpu", "online")
    file.parent.mkdir(parents=True)
    file.write_text(online)
    assert procfs.core_count(context) == cores


def test_a_process_that_ends_while_it_is_read_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    assert proctable.find(tmp_path, "7") is None
    assert list(proctable.scan(tmp_path)) == []


def test_a_real_process_is_read_right() -> None:
    me = proctable.find(Path("/proc"), str(os.getpid()))
    assert me is not None
    assert (me.pid, me.parent, me.kernel) == (os.getpid(), os.getppid(), False)
    assert me.threads >= 1
    assert me.resident > 0
    first = proctable.find(Path("/proc"), "1")
    assert first is not None
    assert first.started <= me.started
