from __future__ import annotations

import socket
import struct
from collections import Counter
from pathlib import Path

import pytest

from gnomon.agent.sources.checks.network import connections

LISTEN, ESTABLISHED = 10, 1


@pytest.fixture
def sockets():
    """Five connections and their listener over IPv4, and a UDP socket."""
    listener = socket.create_server(("127.0.0.1", 0))
    opened = [listener]
    for _ in range(5):
        opened.append(socket.create_connection(listener.getsockname()))
        opened.append(listener.accept()[0])
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", 0))
    opened.append(datagrams)
    yield opened
    for one in opened:
        one.close()


def counted(family: str) -> connections.Counts:
    try:
        return connections.count(family)
    except connections.Unsupported as error:
        pytest.skip(f"this kernel has no sock_diag: {error}")


def test_the_kernel_and_its_files_agree(sockets) -> None:
    for family in ("tcp4", "udp4"):
        asked = counted(family)
        read = connections.parse(Path("/proc/net", connections.FAMILIES[family]).read_bytes())
        for state in (LISTEN, ESTABLISHED, 7):
            # Others open and close sockets at the same time: they need not agree to the last one.
            assert abs(asked.get(state, 0) - read.get(state, 0)) <= 30
    assert counted("tcp4")[ESTABLISHED] >= 10
    assert counted("tcp4")[LISTEN] >= 1
    assert sum(counted("udp4").values()) >= 1


def test_a_family_the_kernel_does_not_have_is_left_out(tmp_path: Path) -> None:
    assert connections.read("tcp6", tmp_path, diag=False) is None


def test_files_are_read_where_the_kernel_does_not_answer(tmp_path: Path, monkeypatch) -> None:
    def refuse(family: str) -> connections.Counts:
        raise connections.Unsupported("sandbox")

    monkeypatch.setattr(connections, "count", refuse)
    (tmp_path / "tcp").write_bytes(
        b"  sl  local_address rem_address   st\n"
        b"   0: 0100007F:2137 00000000:0000 0A 00000000:00000000\n"
        b"10000: 0100007F:2137 00000000:0000 01 00000000:00000000\n"
    )
    assert connections.read("tcp4", tmp_path, diag=True) == {LISTEN: 1, ESTABLISHED: 1}


def message(state: int, extra: int = 0, kind: int = 20) -> bytes:
    body = bytes([2, state]) + bytes(70 + extra)
    padded = body + bytes(-len(body) % 4)
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + padded


def tallied(*messages: bytes) -> tuple[Counter[int], bool]:
    counts: Counter[int] = Counter()
    data = b"".join(messages)
    buffer = bytearray(65536)
    buffer[: len(data)] = data
    return counts, connections.tally(buffer, len(data), counts)


def test_messages_of_one_length_are_counted_at_once() -> None:
    assert tallied(*[message(1)] * 7, message(6)) == ({1: 7, 6: 1}, False)


def test_messages_of_several_lengths_are_counted_one_by_one() -> None:
    assert tallied(message(1), message(1, 5), message(10, 9)) == ({1: 2, 10: 1}, False)


def test_the_end_may_come_with_the_last_messages() -> None:
    assert tallied(message(1), message(0, kind=3)) == ({1: 1}, True)
    assert tallied(message(0, kind=3)) == ({}, True)


def test_a_refusal_is_told_apart() -> None:
    with pytest.raises(connections.Unsupported):
        tallied(message(0, kind=2))


def test_many_sockets_are_counted_once_a_minute(build, run, context, monkeypatch) -> None:
    calls: list[str] = []

    def read(family: str, net: Path, *, diag: bool) -> connections.Counts:
        calls.append(family)
        return {1: 15_000}

    monkeypatch.setattr(connections, "read", read)
    context.proc("net").mkdir(parents=True)
    context.proc("net", "dev").touch()
    check = build("network")
    for _ in range(7):
        run(check)
    assert len(calls) == 2 * 4, "in the first run, and in the one a minute later"


def test_connections_need_not_be_counted(build, run, context) -> None:
    context.proc("net").mkdir(parents=True)
    context.proc("net", "dev").touch()
    context.proc("net", "tcp").write_text("header\n")
    assert run(build("network", collect_connection_state=False)).lines() == []
