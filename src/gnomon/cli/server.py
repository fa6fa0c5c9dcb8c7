"""`gnomon server`: the half that stores, answers and shows, in the foreground."""

from __future__ import annotations

import argparse
from pathlib import Path

from gnomon.cli.places import data_folder

EXAMPLES = (
    ("gnomon server", "on 127.0.0.1:8420"),
    ("gnomon server --listen 0.0.0.0:8420 --config /etc/gnomon/server.yaml", "for other hosts"),
    ("gnomon server --data /srv/gnomon -v", "with that data folder, and say what it does"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("--listen", metavar="HOST:PORT", default="", help="default 127.0.0.1:8420")
    parser.add_argument("--supervised", action="store_true", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Runs until a signal ends it."""
    from gnomon.runtime.logs import set_up
    from gnomon.runtime.orphan import stop_with_parent
    from gnomon.server.config import default_file, load
    from gnomon.server.main import serve

    if args.supervised:
        stop_with_parent()
    overrides = {"data": str(data_folder(args))}
    if args.listen:
        overrides["listen"] = args.listen
    config = Path(args.config) if args.config else default_file()
    settings = load(config, overrides)
    set_up("debug" if args.verbose else "info")
    return serve(settings)
