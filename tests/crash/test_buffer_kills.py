"""A process that uses a disk buffer on the real file system is killed with SIGKILL, again and again.

The victim writes down what it does: a line before each `put` and `ack`, and one after it returned.
`GNOMON_KILLS=1000` makes it the long form.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gnomon.buffer.disk import DiskBuffer
from gnomon.buffer.settings import BufferSettings
from gnomon.core.clock import SystemClock
from gnomon.core.telemetry import Telemetry
from gnomon.testing.contract.buffers import MANY, marks_of, numbered, numbers_of

KILLS = int(os.environ.get("GNOMON_KILLS", "8"))


def opened(folder):
    settings = BufferSettings(max_bytes=1 << 20, sync="never")
    return DiskBuffer(folder, settings, SystemClock(), Telemetry(), "a1", "s1")


def victim(folder: Path, ledger: Path, number: int) -> None:
    """Puts, reads and acknowledges until it is killed. Runs in a process of its own."""
    out = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(*words: object) -> None:
        os.write(out, (" ".join(map(str, words)) + "\n").encode())

    rng = random.Random(number)
    buffer = opened(folder)
    note("open")
    while True:
        for _ in range(rng.randrange(20)):
            number += 1
            note("putting", number)
            buffer.put(numbered(number, rng.randrange(1, 60)))
            note("put", number)
        entries = buffer.read(rng.randrange(1, 600), 0)
        numbers = [round(number) for number in numbers_of(entries)]
        chosen = rng.randrange(len(entries) + 1)
        note("settling", *numbers[:chosen])
        buffer.ack(marks_of(entries)[:chosen])
        note("settled", *numbers[:chosen])


class Ledger:
    """What the victims wrote down."""

    def __init__(self, path: Path) -> None:
        self.put: set[int] = set()
        self.settled: set[int] = set()
        self.unsure: set[int] = set()
        """Under way when a victim was killed."""
        self.last = 0
        under_way: set[int] = set()
        for line in path.read_text().splitlines():
            word, *rest = line.split()
            numbers = set(map(int, rest))
            if word in {"putting", "settling"}:
                under_way = numbers
            else:
                if word == "open":
                    self.unsure |= under_way
                (self.put if word == "put" else self.settled).update(numbers)
                under_way = set()
            self.last = max(self.last, *numbers, 0)
        self.unsure |= under_way


@pytest.mark.slow
def test_nothing_put_is_lost_and_nothing_settled_comes_again(tmp_path):
    folder, path = tmp_path / "buffer", tmp_path / "ledger"
    path.touch()
    rng = random.Random(KILLS)
    seen: dict[int, tuple] = {}
    for _ in range(KILLS):
        code = "import runpy, sys; from pathlib import Path\n"
        code += f"runpy.run_path({__file__!r})['victim']"
        code += f"(Path({str(folder)!r}), Path({str(path)!r}), {Ledger(path).last})"
        process = subprocess.Popen([sys.executable, "-c", code])
        enough = path.stat().st_size + rng.randrange(20, 4000)
        while path.stat().st_size < enough:
            assert process.poll() is None, "the victim ended by itself"
            time.sleep(rng.uniform(0.0002, 0.002))
        process.kill()
        assert process.wait() == -9
        ledger = Ledger(path)
        buffer = opened(folder)
        entries = buffer.read(MANY, 0)
        numbers = [round(number) for number in numbers_of(entries)]
        assert numbers == sorted(set(numbers)), "out of order or twice"
        waiting = set(numbers)
        assert ledger.put - ledger.settled - ledger.unsure <= waiting, "lost"
        assert waiting <= (ledger.put | ledger.unsure) - ledger.settled, "came again"
        for number, mark in zip(numbers, marks_of(entries), strict=True):
            assert seen.setdefault(number, mark) == mark, "another mark than before"
        assert buffer.stats().dropped == {}
        buffer.close()
    assert len(ledger.put) > 2 * KILLS
    assert len(ledger.settled) > KILLS
