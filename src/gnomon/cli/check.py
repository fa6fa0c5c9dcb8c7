"""`gnomon check NAME`: one check, now. Sample lines on stdout, the outcome on stderr."""

from __future__ import annotations

import argparse

EXAMPLES = (
    ("gnomon check cpu --times 2", "twice, a second apart, so that rates have a value"),
    (
        "gnomon check postgres --instance host=127.0.0.1 --instance user=gnomon",
        "with settings from the command line",
    ),
    ("gnomon check disk --explain", "what it measures and what it can be told"),
    ("gnomon check load --json", "JSON lines, for a script"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("name", nargs="?", help="which check; without it: list all")
    parser.add_argument(
        "--instance",
        metavar="K=V",
        action="append",
        default=[],
        help="a setting of the instance (repeatable; a nested value is JSON)",
    )
    parser.add_argument("--times", type=int, default=1, metavar="N", help="run N times")
    parser.add_argument(
        "--every", type=float, default=1.0, metavar="S", help="seconds between runs"
    )
    parser.add_argument("--explain", action="store_true", help="describe it instead of running it")


def run(args: argparse.Namespace) -> int:
    """Does it; imported only now, so that help stays fast."""
    from gnomon.cli._check import run as run_check

    return run_check(args)
