"""Memory (PSS) and CPU of the agent with all host checks at 10 s, beside its peers.

prometheus-node-exporter is scraped every 10 s, collectd runs its usual plugins at 10 s. Each runs
for the same time; CPU is user + system time of the process tree, in percent of one core.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

SECONDS = float(os.environ.get("GNOMON_BENCH_SECONDS", "60"))
WARM_UP = 15.0
TICK = os.sysconf("SC_CLK_TCK")
COLLECTD = """
BaseDir "{folder}"
PIDFile "{folder}/pid"
Interval 10
{plugins}
<Plugin csv>
  DataDir "{folder}/csv"
</Plugin>
"""
COLLECTD_PLUGINS = (
    "cpu df disk entropy interface load memory processes swap tcpconns uptime users vmem csv"
)


def tree(pid: int) -> list[int]:
    """The process and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(stat[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def cpu_seconds(pid: int) -> float:
    total = 0.0
    for one in tree(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / TICK
    return total


def pss_mb(pid: int) -> float:
    total = 0
    for one in tree(pid):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def measure(
    command: list[str], scrape: str = "", env: dict[str, str] | None = None
) -> tuple[float, float]:
    """PSS in MB and CPU in percent of a core over SECONDS."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
    )
    try:
        end = time.monotonic() + WARM_UP
        began, cpu = 0.0, 0.0
        next_scrape = time.monotonic() + 2
        while True:
            now = time.monotonic()
            if not began and now >= end:
                began, cpu = now, cpu_seconds(process.pid)
            if began and now - began >= SECONDS:
                break
            if scrape and now >= next_scrape:
                next_scrape += 10
                with urllib.request.urlopen(scrape, timeout=5) as answer:
                    answer.read()
            time.sleep(0.2)
        used = cpu_seconds(process.pid) - cpu
        return pss_mb(process.pid), used / (time.monotonic() - began) * 100
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def gnomon(folder: Path) -> tuple[float, float]:
    settings = folder / "agent.yaml"
    settings.write_text(f"burst: 0\nstatus: 127.0.0.1:{free_port()}\n")
    port = free_port()
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "gnomon",
            "server",
            "--data",
            str(folder),
            "--listen",
            f"127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        return measure(
            [
                sys.executable,
                "-m",
                "gnomon",
                "agent",
                "--data",
                str(folder),
                "--config",
                str(settings),
                "--server",
                f"http://127.0.0.1:{port}",
            ]
        )
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def node_exporter() -> tuple[float, float] | None:
    binary = shutil.which("prometheus-node-exporter")
    if binary is None:
        return None
    port = free_port()
    return measure(
        [binary, f"--web.listen-address=127.0.0.1:{port}"],
        scrape=f"http://127.0.0.1:{port}/metrics",
    )


def collectd(folder: Path) -> tuple[float, float] | None:
    binary = shutil.which("collectd", path=os.environ["PATH"] + ":/usr/sbin")
    if binary is None:
        return None
    plugins = "\n".join(f"LoadPlugin {name}" for name in COLLECTD_PLUGINS.split())
    config = folder / "collectd.conf"
    config.write_text(COLLECTD.format(folder=folder, plugins=plugins))
    return measure([binary, "-f", "-C", str(config)])


def main() -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = {
            "gnomon agent": gnomon(folder),
            "node_exporter": node_exporter(),
            "collectd": collectd(folder),
        }
    print(f"{SECONDS:g} s each, after {WARM_UP:g} s of warm-up\n")
    print("| | PSS MB | CPU % of a core |\n| --- | --- | --- |")
    for who, figures in rows.items():
        text = (
            "| not installed |" if figures is None else f"| {figures[0]:.1f} | {figures[1]:.2f} |"
        )
        print(f"| {who} {text}")
