"""`gnomon status`: what runs on this host, what waits, what was lost."""

from __future__ import annotations

import argparse

from gnomon.cli.places import AGENT

EXAMPLES = (
    ("gnomon status", "agent, checks, sinks, queues, store, drops"),
    ("gnomon status --json", "one object, for a script"),
    ("gnomon status --agent 127.0.0.1:5040", "of an agent whose status page is elsewhere"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("--agent", default=AGENT, metavar="HOST:PORT", help=f"default {AGENT}")


def run(args: argparse.Namespace) -> int:
    """Does it; imported only now, so that help stays fast."""
    from gnomon.cli._status import run as run_status

    return run_status(args)
