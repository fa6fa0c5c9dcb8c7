"""`gnomon up`, as a person has it: one command, real processes, real numbers, an orderly end."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gnomon.testing.servers import free_port
from gnomon.transport.http_client import HttpClient

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


class Command:
    """The gnomon command with a data folder and ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.config = folder / "agent.yaml"
        self.port = free_port()
        self.status_port = free_port()
        self.config.write_text(
            f"status: 127.0.0.1:{self.status_port}\n"
            "listeners: {statsd: {address: '127.0.0.1:0'}}\n"
            "discovery: false\n"
        )
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = HttpClient(timeout=10)

    def run(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "gnomon", *words, "--data", str(self.data)],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "GNOMON_SERVER": self.url, "NO_COLOR": "1"},
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    def up(self, *words: str) -> dict:
        listen = f"127.0.0.1:{self.port}"
        return json.loads(
            self.run("up", "-d", "--json", "--listen", listen, "--config", str(self.config), *words)
        )

    def query(self, expression: str) -> list:
        answer = json.loads(self.run("query", "promql", expression, "--json"))
        return answer["data"]["result"]

    def until(self, condition, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "waited too long"
            time.sleep(0.2)

    def children(self, pid: int) -> dict[str, int]:
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if int(parent) == pid and b"gnomon" in words:
                    found[words[words.index(b"gnomon") + 1].decode()] = int(entry.name)
        return found


@pytest.fixture
def command(tmp_path):
    command = Command(tmp_path)
    yield command
    command.run("down")
    command.client.close()


def alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_one_command_shows_this_host_and_another_ends_it(command):
    ready = command.up()
    assert ready["url"] == command.url
    assert ready["data"] == str(command.data)
    assert isinstance(ready["found"], list)
    command.until(lambda: command.query("system_cpu_idle"))
    command.until(lambda: len(command.query("count_over_time(system_load_1[1m]) > 2")) == 1)
    status = json.loads(
        command.run("status", "--json", "--agent", f"127.0.0.1:{command.status_port}")
    )
    states = {check["name"]: check["status"] for check in status["agent"]["checks"]}
    assert {"cpu", "load", "memory", "disk", "network"} <= {
        n for n, s in states.items() if s == "ok"
    }
    assert status["agent"]["sinks"][0]["sent"] > 0
    assert status["server"]["store"]["samples"] > 0
    page = command.client.request("GET", command.url + "/")
    assert page.status == 200
    assert b"<html" in page.body.lower()
    children = command.children(ready["pid"])
    assert set(children) == {"server", "agent"}
    assert "stopped" in command.run("down")
    assert not any(alive(pid) for pid in children.values())
    command.until(lambda: not alive(ready["pid"]), seconds=5)


def test_killed_halves_come_back_and_nothing_is_lost_or_doubled(command):
    ready = command.up()
    command.until(lambda: command.query("count_over_time(system_uptime[1m]) > 3"))
    for half in ("server", "agent"):
        victim = command.children(ready["pid"])[half]
        os.kill(victim, signal.SIGKILL)
        command.until(lambda half=half, v=victim: command.children(ready["pid"]).get(half, v) != v)
    time.sleep(5)
    command.until(lambda: command.query("count_over_time(system_uptime[5s]) > 2"))
    series = json.loads(
        command.client.request(
            "GET", command.url + "/api/v1/export?match[]={__name__=%22system.uptime%22}"
        ).body.splitlines()[0]
    )
    assert len(series["timestamps"]) == len(set(series["timestamps"]))


def test_the_server_away_costs_nothing(command):
    ready = command.up()
    command.until(lambda: command.query("system_uptime"))
    server = command.children(ready["pid"])["server"]
    os.kill(server, signal.SIGSTOP)
    time.sleep(8)
    os.kill(server, signal.SIGCONT)
    command.until(lambda: command.query("count_over_time(system_uptime[10s]) >= 9"))


def test_a_second_one_is_refused(command):
    command.up()
    assert "already running" in command.run("up", "--listen", "127.0.0.1:1", code=1)


def test_a_taken_port_is_said_in_one_line(command):
    command.up()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "gnomon", "server", "--data", f"{command.data}2"),
            *("--listen", f"127.0.0.1:{command.port}"),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert f"127.0.0.1:{command.port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_data_folder_that_cannot_be_used_is_said_in_one_line(command, tmp_path):
    (tmp_path / "file").write_text("")
    command.data = tmp_path / "file" / "data"
    text = command.run("up", "--listen", f"127.0.0.1:{command.port}", code=2)
    assert "cannot be made" in text
    assert "Traceback" not in text
    command.data = tmp_path / "data"


def test_wrong_settings_stop_the_start_with_file_and_line(command):
    command.config.write_text("interval: often\n")
    text = command.run(
        "up", "--listen", f"127.0.0.1:{command.port}", "--config", str(command.config), code=2
    )
    assert "agent.yaml:1: interval: expected a duration" in text


def test_a_changed_file_is_taken_over_without_a_restart(command):
    command.up()
    command.until(lambda: command.query("system_load_1"))
    agent = f"127.0.0.1:{command.status_port}"

    def checks() -> dict[str, dict]:
        answer = command.client.request("GET", f"http://{agent}/status")
        return {check["name"]: check for check in json.loads(answer.body)["checks"]}

    started = checks()["cpu"]["runs"]
    text = command.config.read_text()
    command.config.write_text(text + "checks: {load: false, disk: {bogus: 1}}\n")
    command.until(lambda: "load" not in checks())
    after = checks()
    assert after["disk"]["status"] == "critical"
    assert "bogus: unknown key" in after["disk"]["message"]
    assert after["cpu"]["runs"] >= started
    command.config.write_text("nonsense: [")
    time.sleep(3)
    assert "cpu" in checks()
    command.config.write_text(text)
    command.until(lambda: "load" in checks())
