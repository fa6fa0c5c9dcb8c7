"""The gnomon command: finds the verb, imports only its module, maps errors to exit codes.

Exit codes: 0 fine · 1 it ran and found something wrong · 2 wrong usage or settings · 3 a server or
service could not be reached · 130 interrupted. Results go to stdout, everything else to stderr.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from gnomon import __version__
from gnomon.core.errors import GnomonError, Retryable, SettingsError, did_you_mean

VERBS = {
    "up": "run agent and server on this host: the quickest way to see it",
    "down": "stop what `gnomon up -d` started",
    "agent": "collect and forward: the half that runs on every host",
    "server": "store, query and show: the half that runs once",
    "check": "run one check now and print what it finds",
    "query": "ask the server, in PromQL or in Graphite's language",
    "status": "what runs here, what waits, what was lost",
    "config": "check, show and describe the settings",
    "version": "version of Gnomon, Python and this machine",
}
"""Verb → one line for `gnomon --help`; each is a module of this package."""

FINE, FOUND_WRONG, USAGE, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 130


class Verb(Protocol):
    """What the module of a verb offers."""

    EXAMPLES: Sequence[tuple[str, str]]
    """(command line, what it does); at least three."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declares its own arguments."""
        ...

    def run(self, args: argparse.Namespace) -> int:
        """Does it; returns the exit code."""
        ...


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the command; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(words)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    except SettingsError as error:
        _complain(str(error))
        return USAGE
    except Retryable as error:
        _complain(str(error))
        return UNREACHABLE
    except GnomonError as error:
        _complain(str(error))
        return FOUND_WRONG


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        if len(words) > 1 and words[1] in VERBS:
            return _dispatch([words[1], "--help"])
        sys.stdout.write(_overview())
        return FINE
    if words[0] in ("-V", "--version"):
        words[0] = "version"
    name = words[0]
    if name not in VERBS:
        hint = did_you_mean(name, list(VERBS))
        raise SettingsError(f"gnomon {name}: no such verb{hint} (see: gnomon --help)")
    verb = cast(Verb, importlib.import_module(f"gnomon.cli.{name}"))
    try:
        args = parser(name, verb).parse_args(words[1:])
    except SystemExit as stop:
        return int(stop.code or 0)
    return verb.run(args)


def parser(name: str, verb: Verb) -> argparse.ArgumentParser:
    """The arguments and the help of a verb."""
    examples = "\n".join(f"  {line}\n      {what}" for line, what in verb.EXAMPLES)
    made = argparse.ArgumentParser(
        prog=f"gnomon {name}",
        description=VERBS[name],
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verb.add_arguments(made)
    common = made.add_argument_group("common")
    common.add_argument("--config", metavar="FILE", help="settings file (default: see the docs)")
    common.add_argument("--data", metavar="DIR", help="data folder (env GNOMON_DATA)")
    common.add_argument("--server", metavar="URL", help="server to speak to (env GNOMON_SERVER)")
    common.add_argument("--json", action="store_true", help="print JSON, for scripts")
    common.add_argument("-v", "--verbose", action="store_true", help="say more on stderr")
    return made


def _overview() -> str:
    verbs = "\n".join(f"  {name:<9} {line}" for name, line in VERBS.items())
    return (
        f"Gnomon {__version__}: collects, stores, queries and shows metrics; runs old plugins.\n\n"
        f"usage: gnomon VERB [options]\n\nverbs:\n{verbs}\n\n"
        "examples:\n"
        "  gnomon up\n      see this host and its databases, live, in a browser\n"
        "  gnomon check cpu\n      one check, now, in the terminal\n"
        "  gnomon query promql 'system_load_1'\n      ask the server\n\n"
        "Each verb explains itself: gnomon VERB --help\n"
    )


def _complain(text: str) -> None:
    for line in text.splitlines():
        sys.stderr.write(f"gnomon: {line}\n")


if __name__ == "__main__":
    sys.exit(main())
