"""`gnomon version`."""

from __future__ import annotations

import argparse
import json
import platform
import sys

from gnomon import __version__

EXAMPLES = (
    ("gnomon version", "for a person"),
    ("gnomon version --json", "for a script"),
    ("gnomon --version", "the same, as many other commands have it"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has none of its own."""
    del parser


def run(args: argparse.Namespace) -> int:
    """Prints it."""
    facts = {
        "version": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    if args.json:
        sys.stdout.write(json.dumps(facts) + "\n")
    else:
        sys.stdout.write("gnomon {version} (Python {python}, {platform})\n".format(**facts))
    return 0
