"""`gnomon down`: stops what `gnomon up -d` started."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path

from gnomon.cli.places import data_folder
from gnomon.core.clock import SystemClock

EXAMPLES = (
    ("gnomon down", "stop the one of this user"),
    ("gnomon down --data /srv/gnomon", "stop the one with that data folder"),
    ("gnomon down --json", "for a script: the pid that was stopped, or null"),
)
PATIENCE = 40.0
"""Seconds it may take to commit and end."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has none of its own."""
    del parser


def run(args: argparse.Namespace) -> int:
    """Asks it to stop and waits until it has."""
    file = data_folder(args) / "up.json"
    pid = running_pid(file)
    if pid is None:
        _say(args, None, "nothing to stop: gnomon is not running with this data folder")
        return 0
    clock = SystemClock()
    os.kill(pid, signal.SIGTERM)
    end = clock.monotonic() + PATIENCE
    while running_pid(file) == pid:
        if clock.monotonic() > end:
            _say(args, pid, f"pid {pid} is still running after {PATIENCE:g} s")
            return 1
        clock.sleep(0.05)
    _say(args, pid, f"stopped (pid {pid})")
    return 0


def running_pid(file: Path) -> int | None:
    """The process that wrote `file`, if it lives and is a gnomon."""
    try:
        pid = int(json.loads(file.read_text())["pid"])
        os.kill(pid, 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return pid  # no /proc on this system: the signal 0 has to do
    return pid if b"gnomon" in words else None


def _say(args: argparse.Namespace, pid: int | None, text: str) -> None:
    if args.json:
        sys.stdout.write(json.dumps({"stopped": pid}) + "\n")
    else:
        sys.stdout.write(text + "\n")
