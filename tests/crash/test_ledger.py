"""Agent and server are killed at random moments under load; a ledger says what must be there.

`GNOMON_KILLS=1000` makes it long; the short form is for every day.
"""

from __future__ import annotations

import json
import os
import random
import runpy
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest

from gnomon.codecs import json_lines
from gnomon.testing.processes import GnomonServer
from gnomon.testing.servers import NotReady

KILLS = int(os.environ.get("GNOMON_KILLS", "12"))
AGENT = Path(__file__).with_name("ledger_agent.py")
_agent = runpy.run_path(str(AGENT))
BATCH, START, numbers, next_number = map(_agent.get, ["BATCH", "START", "numbers", "next_number"])
DRAIN = 120
"""Seconds the agent may take in the end to deliver what is left."""


class Agent:
    """The process of `ledger_agent.py`."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self._command = [sys.executable, str(AGENT), str(folder), url]
        self._log = (folder / "agent.log").open("ab")
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=self._log, stderr=self._log)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def finish(self) -> int:
        (self.folder / "stop").touch()
        return self.process.wait(DRAIN)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self._log.close()


@pytest.fixture
def server():
    with GnomonServer() as server:
        yield server


@pytest.fixture
def agent(server, tmp_path):
    agent = Agent(tmp_path, server.url)
    yield agent
    agent.close()


def kill_server(server: GnomonServer, chance: random.Random) -> int:
    """Kills it once, or also while it comes up again; returns how often."""
    server.kill()
    kills = 1
    while chance.random() < 0.3:
        timer = Timer(chance.uniform(0.0, 1.5), lambda: server.process and server.process.kill())
        timer.start()
        try:
            server.start()
        except NotReady:
            kills += 1
        timer.cancel()
        timer.join()
        if server.process is not None and server.process.poll() is None:
            return kills  # it was quicker than the timer
    server.stop()
    server.start()
    return kills


def kill_agent(agent: Agent) -> int:
    agent.kill()
    agent.start()
    return 1


def exported(server: GnomonServer) -> Counter[int]:
    """How often each number is in the store."""
    answer = server.request("GET", "/api/v1/export?match[]=ledger")
    assert answer.status == 200
    found: Counter[int] = Counter()
    for sample in json_lines.decode(answer.body):
        number = int(sample.value)
        assert sample.timestamp == START + number
        assert sample.series.label("writer") == f"w{number % 4}"
        found[number] += 1
    return found


def events(server: GnomonServer, end: int) -> Iterator[int]:
    """The first number of each batch, as its event says it."""
    width = 5000 * BATCH  # so that no answer holds more events than one may
    for first in range(0, end, width):
        span = f"from={START + first}&to={START + first + width - 1}"
        answer = server.request("GET", f"/api/v1/events?{span}&limit=10000")
        for event in json.loads(answer.body):
            yield int(event["title"].removeprefix("batch "))


@pytest.mark.slow
@pytest.mark.timeout(600 + 10 * KILLS)
def test_nothing_acknowledged_is_lost_and_nothing_is_doubled(server, agent, record_property):
    seed = random.SystemRandom().randrange(2**32)
    record_property("seed", seed)
    chance = random.Random(seed)
    kills: Counter[str] = Counter()
    agent.start()
    while kills.total() < KILLS:
        time.sleep(chance.uniform(0.02, 0.8))
        assert agent.process.poll() is None, (agent.folder / "agent.log").read_text()[-2000:]
        victim = chance.choice(["agent", "server", "both"])
        if victim != "server":
            kills["agent"] += kill_agent(agent)
        if victim != "agent":
            kills["server"] += kill_server(server, chance)
    assert agent.finish() == 0, (agent.folder / "agent.log").read_text()[-2000:]

    acknowledged = numbers(agent.folder / "ledger")
    assert len(acknowledged) > KILLS
    stored = exported(server)
    wanted = {n for first in acknowledged for n in range(first, first + BATCH)}
    assert wanted - stored.keys() == set()
    assert [number for number, times in stored.items() if times > 1] == []
    named = Counter(events(server, next_number(agent.folder)))
    assert set(acknowledged) - named.keys() == set()
    assert [first for first, times in named.items() if times > 1] == []
    sys.stdout.write(
        f"seed {seed}: {dict(kills)}: {len(wanted)} samples and {len(acknowledged)} events were "
        f"acknowledged, all are stored, none twice ({len(stored) - len(wanted)} samples more whose "
        "line in the ledger was cut)\n"
    )
