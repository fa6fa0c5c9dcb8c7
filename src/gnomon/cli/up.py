"""`gnomon up`: agent and server on this host, supervised, in one go."""

from __future__ import annotations

import argparse

from gnomon.cli.places import LISTEN

EXAMPLES = (
    ("gnomon up", "run here until Ctrl-C; open the printed URL"),
    ("gnomon up -d", "run in the background; `gnomon down` stops it"),
    ("gnomon up --listen 0.0.0.0:8420", "let others look too (set api_keys first)"),
    ("gnomon up -d --json", "for a script: one object when ready"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("--listen", metavar="HOST:PORT", default="", help=f"default {LISTEN}")
    parser.add_argument("-d", "--detach", action="store_true", help="run in the background")


def run(args: argparse.Namespace) -> int:
    """Does it; imported only now, so that help stays fast."""
    from gnomon.cli._up import run as run_up

    return run_up(args)
