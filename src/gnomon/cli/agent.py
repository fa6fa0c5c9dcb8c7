"""`gnomon agent`: the half that runs on every host, in the foreground."""

from __future__ import annotations

import argparse
from pathlib import Path

from gnomon.cli.places import data_folder

EXAMPLES = (
    ("gnomon agent --server https://monitor.example:8420", "report to that server"),
    ("gnomon agent --config /etc/gnomon/agent.yaml", "with these settings"),
    ("gnomon agent -v", "and say what it does"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("--supervised", action="store_true", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Runs until a signal ends it."""
    import os

    from gnomon.agent.config import default_file
    from gnomon.agent.main import Options
    from gnomon.agent.main import run as run_agent
    from gnomon.runtime.orphan import stop_with_parent

    if args.supervised:
        stop_with_parent()
    config = Path(args.config) if args.config else default_file()
    server = args.server or os.environ.get("GNOMON_SERVER")
    return run_agent(Options(data_folder(args), config, server, args.verbose))
