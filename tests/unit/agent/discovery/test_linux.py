"""Reading `/proc`, on trees of files."""

import logging
import os
import socket
import sys

import pytest

from gnomon.agent.discovery import linux
from gnomon.agent.discovery.matching import match
from gnomon.agent.discovery.model import Listener
from gnomon.core.component import Context
from gnomon.core.telemetry import Telemetry
from gnomon.testing.clock import FakeClock

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout"


class Tree:
    """A `/proc` made of files."""

    def __init__(self, root):
        self.root = root
        self.proc = root / "proc"
        self.context = Context(
            "test", FakeClock(), Telemetry(), logging.getLogger("test"), self.root
        )
        (self.proc / "net").mkdir(parents=True)

    def table(self, name, lines):
        (self.proc / "net" / name).write_text("\n".join((HEAD, *lines, "")))

    def process(self, pid, name, *command, parent=1, sockets=()):
        folder = self.proc / str(pid)
        (folder / "fd").mkdir(parents=True)
        fields = " ".join(str(number) for number in range(5, 23))
        (folder / "stat").write_text(f"{pid} ({name}) S {parent} {fields}\n")
        (folder / "cmdline").write_text("".join(f"{word}\0" for word in command))
        for number, inode in enumerate(sockets, 3):
            (folder / "fd" / str(number)).symlink_to(f"socket:[{inode}]")
        (folder / "fd" / "0").symlink_to("/dev/null")
        return folder


def inet(local, inode, state="0A", uid=0, remote="00000000:0000"):
    return (
        f"   0: {local} {remote} {state} 00000000:00000000 00:00000000 00000000 {uid} 0 {inode} 1 x"
    )


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_sockets_of_all_kinds(tree):
    tree.table("tcp", [inet("0100007F:1538", 11, uid=101), inet("0100007F:9999", 12, state="01")])
    tree.table(
        "tcp6",
        [
            inet("00000000000000000000000000000000:0050", 13),
            inet("00000000000000000000000001000000:0016", 14),
            inet("0000000000000000FFFF00000100007F:0CEA", 15),
        ],
    )
    tree.table("udp", [inet("00000000:21C9", 16, state="07"), inet("00000000:0035", 17, "01")])
    (tree.proc / "net" / "unix").write_text(
        "Num       RefCount Protocol Flags    Type St Inode Path\n"
        "0000: 00000002 00000000 00010000 0001 01 18 /run/postgresql/.s.PGSQL.5432\n"
        "0000: 00000003 00000000 00000000 0001 03 19 /run/connected.sock\n"
        "0000: 00000002 00000000 00010000 0001 01 20 @abstract\n"
        "0000: 00000002 00000000 00010000 0001 01 21 /run/with a blank.sock\n"
    )
    assert linux.read(tree.context).listeners == [
        Listener("tcp", 11, "127.0.0.1", 5432, uid=101),
        Listener("tcp", 13, "::", 80, uid=0),
        Listener("tcp", 14, "::1", 22, uid=0),
        Listener("tcp", 15, "127.0.0.1", 3306, uid=0),
        Listener("udp", 16, "0.0.0.0", 8649, uid=0),
        Listener("unix", 18, path="/run/postgresql/.s.PGSQL.5432"),
        Listener("unix", 21, path="/run/with a blank.sock"),
    ]


def test_processes_and_whose_sockets_are_whose(tree):
    tree.table("tcp", [inet("00000000:18EB", 31), inet("00000000:1F90", 32)])
    tree.process(300, "redis-server", "/usr/bin/redis-server *:6379", sockets=[77, 31])
    tree.process(200, "od) d (name", "/opt/odd", sockets=[32])
    tree.process(100, "kworker/0:1")
    host = linux.read(tree.context)
    assert host.owners == {31: 300, 32: 200}
    assert set(host.processes) == {300}
    redis = host.processes[300]
    assert (redis.name, redis.parent, redis.started) == ("redis-server", 1, 22)
    assert redis.command == ("/usr/bin/redis-server *:6379",)
    [found] = match(host)
    assert found.service.title == "Redis on 6379"


def test_what_is_not_there_or_broken_is_left_out(tree):
    tree.table("tcp", ["   0: nonsense", inet("0100007F:ZZZZ", 41), inet("01:1538", 42), "\xff"])
    (tree.proc / "50").mkdir()
    (tree.proc / "51").mkdir()
    (tree.proc / "51" / "stat").write_text("51 (half")
    assert linux.read(tree.context) == ([], {}, {})


def test_listeners_are_found_before_fifty_thousand_connections(tree, monkeypatch):
    listening = [inet(f"0100007F:{port:04X}", port) for port in (5432, 6379)]
    remote = "0100007F:0050"
    connected = [inet(f"0100007F:{n % 60000:04X}", n, "01", remote=remote) for n in range(50_000)]
    tree.table("tcp", listening + connected)
    path, taken = tree.proc / "net" / "tcp", []
    assert path.stat().st_size > 4 * linux.CHUNK
    with path.open("rb") as file:
        monkeypatch.setattr(linux.Path, "open", lambda *_, **__: _Counting(file, taken))
        assert len(list(linux._lines(path, b" 0A ", come_first=True))) == 2
    assert sum(taken) <= 2 * linux.CHUNK


class _Counting:
    def __init__(self, file, taken):
        self.file, self.taken = file, taken

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def read(self, size):
        data = self.file.read(size)
        self.taken.append(len(data))
        return data


def test_looks_at_a_bounded_number_of_files(tree, monkeypatch):
    monkeypatch.setattr(linux, "MOST_FILES", 20)
    tree.table("tcp", [inet("00000000:18EB", 1), inet("00000000:1538", 2)])
    tree.process(10, "chatty", sockets=range(1000, 1100))
    tree.process(20, "redis-server", sockets=[1])
    tree.process(30, "late", sockets=[2])
    assert linux.read(tree.context).owners == {1: 20}


def test_in_a_container_the_first_process_has_the_network_of_the_host(tree):
    tree.table("tcp", [inet("00000000:0050", 1)])
    tree.process(1, "systemd")
    (tree.proc / "1" / "net").mkdir()
    (tree.proc / "1" / "net" / "tcp").write_text(inet("00000000:1538", 2) + "\n")
    assert [one.port for one in linux.read(tree.context).listeners] == [5432]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
def test_on_this_machine():
    context = Context("test", FakeClock(), Telemetry(), logging.getLogger("test"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = linux.read(context)
        port = server.getsockname()[1]
        [mine] = [one for one in host.listeners if one.port == port]
        assert mine.address == "127.0.0.1"
        assert host.owners[mine.inode] == os.getpid()
