"""`kill -9` at any moment: what was acknowledged is there once, and nothing is there by halves.

`GNOMON_KILLS=500` makes it long; the short form is for every day.
"""

import os
import random
import runpy
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from gnomon.server.store.interface import Outcome
from gnomon.testing.contract.stores import ALWAYS, content

KILLS = int(os.environ.get("GNOMON_KILLS", "6"))
CHILD = Path(__file__).with_name("store_child.py")
_child = runpy.run_path(str(CHILD))
START, STEP, WIDTH = (_child[name] for name in ("START", "STEP", "WIDTH"))
opened, write = _child["opened"], _child["write"]


def run_and_kill(folder: Path, ledger: Path, first: int, seconds: float) -> None:
    """Kills it so many seconds after its first acknowledgement."""
    known = ledger.stat().st_size
    errors = folder.with_suffix(".log").open("ab")
    child = subprocess.Popen(
        [sys.executable, CHILD, folder, ledger, str(first)], stderr=errors, stdout=errors
    )
    try:
        deadline = time.monotonic() + 60
        while ledger.stat().st_size == known:
            assert child.poll() is None, folder.with_suffix(".log").read_text()[-3000:]
            assert time.monotonic() < deadline
            time.sleep(0.005)
        time.sleep(seconds)
        assert child.poll() is None, folder.with_suffix(".log").read_text()[-3000:]
    finally:
        child.kill()
        child.wait(30)
        errors.close()


@pytest.mark.slow
@pytest.mark.timeout(120 + 20 * KILLS)
def test_nothing_acknowledged_is_lost_or_doubled(tmp_path):
    folder, ledger = tmp_path / "store", tmp_path / "ledger"
    ledger.touch()
    chance = random.Random()
    first = 1
    for _ in range(KILLS):
        run_and_kill(folder, ledger, first, chance.uniform(0, 1.5))
        acknowledged = {int(line) for line in ledger.read_text().splitlines()}
        store, _ = opened(folder, first)
        try:
            assert store.saved is None
            stored = Counter(
                int(value) for rows in content(store.raw((), *ALWAYS)).values() for _, value in rows
            )
            assert acknowledged <= stored.keys()
            assert set(stored.values()) == {WIDTH}, "an append is there by halves, or twice"
            events = [event.title for event in store.events(*ALWAYS, limit=10**9)]
            assert sorted(events) == sorted(f"event {n}" for n in stored if n % 5 == 0)
            newest = max(stored)
            # What the sender cannot know of is sent again.
            for number in range(max(1, newest - 5), newest + 3):
                (outcome,) = store.append([write(number)])
                known = Outcome.DUPLICATE if number in stored else Outcome.STORED
                assert outcome is known
            count = sum(len(rows) for rows in content(store.raw((), *ALWAYS)).values())
            assert count == (len(stored) + 2) * WIDTH
            files = {path.name for path in (folder / "blocks").iterdir()}
            assert len(files) == store.stats().details["files"]
        finally:
            store.close()
        first = newest + 3
    assert first > KILLS
