"""The launchers of real servers, with the one that starts fastest."""

import os
import signal
import socket
import sys
import unittest

import pytest

from gnomon.testing import servers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="launchers are for Linux")


class Greeter(servers.Server):
    """Python's own web server: there wherever the tests are."""

    program = "python3"
    package = "python3"

    def command(self):
        return [self.executable, "-m", "http.server", str(self.port), "--bind", self.address]


def test_a_server_answers_while_it_runs_and_leaves_nothing():
    with Greeter() as server:
        folder, pid = server.folder, server.pid
        socket.create_connection((server.address, server.port), timeout=5).close()
        assert server.answers()
    assert not server.answers()
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_server_comes_back_on_its_port():
    with Greeter() as server:
        server.kill()
        assert not server.answers()
        first = server.port
        server.start()
        assert server.answers()
        assert server.port == first


def test_a_stopped_server_can_be_ended():
    with Greeter() as server:
        os.kill(server.pid, signal.SIGSTOP)
        server.stop()
        assert server.process is None


def test_a_server_that_is_not_installed_is_a_skipped_test():
    class Nowhere(servers.Server):
        program = "no-such-server"
        package = "no-such-package"

    with pytest.raises(unittest.SkipTest, match="Debian package no-such-package"):
        Nowhere()


def test_a_server_that_does_not_come_up_shows_its_log():
    class Broken(Greeter):
        def command(self):
            return [self.executable, "-c", "raise SystemExit('no luck today')"]

    with pytest.raises(servers.NotReady, match="no luck today"), Broken():
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as somebody else")
def test_acting_as_somebody_else_ends():
    with servers.acting_as("nobody"):
        assert os.geteuid() != 0
    assert os.geteuid() == 0
