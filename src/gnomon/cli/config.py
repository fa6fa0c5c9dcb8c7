"""`gnomon config`: what is wrong with the settings, what is in force, what may be written."""

from __future__ import annotations

import argparse

EXAMPLES = (
    ("gnomon config check /etc/gnomon/agent.yaml", "a line for each thing wrong, exit code 1 or 2"),
    ("gnomon config show --effective", "what is in force, defaults included, secrets masked"),
    ("gnomon config schema > agent.schema.json", "JSON Schema, for an editor"),
    ("gnomon config schema check postgres", "of one check"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("what", choices=("check", "show", "schema"))
    parser.add_argument("rest", nargs="*", metavar="FILE", help="file; for schema: KIND NAME")
    parser.add_argument("--effective", action="store_true", help="show: with all defaults")


def run(args: argparse.Namespace) -> int:
    """Does it; imported only now, so that help stays fast."""
    from gnomon.cli._config import run as run_config

    return run_config(args)
