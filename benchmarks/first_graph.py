"""Seconds from `gnomon up` (warm) to the first graph, five times with a fresh data folder.

`ready`: the URL is printed. `graph`: the query of the host page's CPU panel answers at least two
points, which is what a line needs; the page asks for it as soon as it is opened.
"""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

from benchmarks.agent_footprint import free_port

RUNS = 5


def points(url: str) -> int:
    now = time.time()
    query = urllib.parse.urlencode(
        {"query": '{"system.cpu.user"}', "start": now - 300, "end": now, "step": 1}
    )
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query_range?{query}", timeout=5) as answer:
            result = json.load(answer)["data"]["result"]
    except OSError:
        return 0
    return max((len(series["values"]) for series in result), default=0)


def once(folder: Path) -> tuple[float, float]:
    config = folder / "agent.yaml"
    config.write_text(
        f"status: 127.0.0.1:{free_port()}\nlisteners: {{statsd: false, graphite: false}}\n"
    )
    listen = f"127.0.0.1:{free_port()}"
    began = time.monotonic()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gnomon", "up", "--json", "--listen", listen),
            *("--data", str(folder / "data"), "--config", str(config)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        ready = time.monotonic() - began
        while points(f"http://{listen}") < 2:
            time.sleep(0.05)
        return ready, time.monotonic() - began
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def main() -> None:
    """Prints the table."""
    rows = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as name:
            rows.append(once(Path(name)))
    print("| | median s | worst s |\n| --- | --- | --- |")
    for column, label in enumerate(("ready", "graph")):
        values = [row[column] for row in rows]
        print(f"| {label} | {statistics.median(values):.1f} | {max(values):.1f} |")
