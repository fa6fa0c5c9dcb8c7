"""The agent's half of delivery as a process of its own, made to be killed.

`ledger_agent.py FOLDER URL`: puts numbered samples into a disk buffer as fast as is asked for, and
the pipeline's own sender takes them to the server. A number is written to `FOLDER/ledger` once
`put` has returned: from then on it must not be lost, whatever is killed. Where `FOLDER/stop` is
found, nothing more is put, and the process ends when all is delivered.

Number n is the sample `ledger{writer="w<n % 4>"}` with the value n at the time START + n, and every
batch carries one event that names its first number.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from gnomon.agent.pipeline.plan import SinkSpec
from gnomon.agent.pipeline.sender import Sender
from gnomon.buffer.disk import DiskBuffer
from gnomon.buffer.settings import BufferSettings
from gnomon.core.clock import SystemClock
from gnomon.core.component import Context, Sink
from gnomon.core.errors import Full
from gnomon.core.model import Batch, Event, Sample, Series
from gnomon.core.registry import SINKS
from gnomon.core.settings import Located, build
from gnomon.core.telemetry import Telemetry

START = 1_700_000_000_000
BATCH = 20
PAUSE = 0.004
"""Seconds between two batches: up to 5,000 samples a second."""
SERIES = [Series.of("ledger", writer=f"w{number}") for number in range(4)]


def batch_of(first: int) -> Batch:
    """Numbers `first` to `first + BATCH - 1`."""
    samples = [Sample(SERIES[n % 4], START + n, float(n)) for n in range(first, first + BATCH)]
    return Batch.of(samples, [Event(START + first, f"batch {first}")])


def numbers(file: Path) -> list[int]:
    """The numbers in a file, one a line; a line that a kill has cut is not there."""
    lines = file.read_bytes().split(b"\n")[:-1] if file.exists() else []
    return [int(line) for line in lines]


def next_number(folder: Path) -> int:
    """Beyond everything an earlier life may have put, in the ledger or not."""
    known = numbers(folder / "ledger")[-1:] + numbers(folder / "begun")[-1:]
    return max(known) + 2 * BATCH if known else 0


def run(folder: Path, url: str) -> int:
    """Until it is killed, or told to stop."""
    clock, telemetry = SystemClock(), Telemetry()
    logging.basicConfig(level="WARNING")
    context = Context("host", clock, telemetry, logging.getLogger("agent"))
    buffer = DiskBuffer(
        folder / "buffer", BufferSettings(), clock, telemetry, "ledger-agent", "server"
    )

    def make() -> Sink:
        kind = SINKS.load("gnomon")
        return kind(build(Located({"url": url, "timeout": 5}), kind.Settings), context)

    spec = SinkSpec("gnomon", "server", Located({"url": url}), BufferSettings())
    sender = Sender(spec, make, buffer, clock, telemetry, context.log)
    sender.start()
    number = next_number(folder)
    with (folder / "begun").open("ab", buffering=0) as begun:
        begun.write(b"%d\n" % number)
    ledger = os.open(folder / "ledger", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    while not (folder / "stop").exists():
        try:
            buffer.put(batch_of(number))
        except Full:
            clock.sleep(0.05)
            continue
        os.write(ledger, b"%d\n" % number)
        number += BATCH
        clock.sleep(PAUSE)
    while buffer.stats().batches:
        clock.sleep(0.02)
    sender.stop()
    lost = sum(buffer.stats().dropped.values())
    buffer.close()
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2]))
