"""Where things are, from flags and environment: the data folder, the server."""

from __future__ import annotations

import argparse
import getpass
import os
from pathlib import Path

SERVICE_DATA = Path("/var/lib/gnomon")
SERVICE_USER = "gnomon"
LISTEN = "127.0.0.1:8420"
"""Where the server listens unless told otherwise."""
AGENT = "127.0.0.1:5040"
"""Where an agent answers its own status."""


def data_folder(args: argparse.Namespace) -> Path:
    """`--data`, else GNOMON_DATA, else the service's or the user's state folder."""
    named = args.data or os.environ.get("GNOMON_DATA")
    if named:
        return Path(named).expanduser().absolute()
    if _user() == SERVICE_USER:
        return SERVICE_DATA
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "gnomon"


def server_url(args: argparse.Namespace) -> str:
    """`--server`, else GNOMON_SERVER, else this host."""
    url = args.server or os.environ.get("GNOMON_SERVER") or f"http://{LISTEN}"
    return str(url).rstrip("/")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in a container
        return ""
