"""Reading through psutil, which must work wherever the tests run."""

import os
import socket

import psutil

from gnomon.agent.discovery import portable


def test_sees_our_own_sockets_and_process():
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
        socket.create_connection(tcp.getsockname()) as client,
    ):
        udp.bind(("127.0.0.1", 0))
        host = portable.read()
        ports = {
            (one.protocol, one.port): one
            for one in host.listeners
            if host.owners.get(one.inode) == os.getpid()
        }
        assert ports["tcp", tcp.getsockname()[1]].address == "127.0.0.1"
        assert ("udp", udp.getsockname()[1]) in ports
        assert ("tcp", client.getsockname()[1]) not in ports
    me = host.processes[os.getpid()]
    assert me.parent == os.getppid()
    assert me.command


def test_without_the_right_to_see_all_sockets_sees_its_own(monkeypatch):
    def refuse(kind):
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", refuse)
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = portable.read()
        [mine] = [one for one in host.listeners if one.port == server.getsockname()[1]]
        assert host.owners[mine.inode] == os.getpid()
