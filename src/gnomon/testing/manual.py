"""Writes all generated pages: `python -m gnomon.testing.manual FOLDER`.

The pages of checks come from `reference`; those of the command and of the settings files are made
here. Nothing on them is written by hand, so they cannot drift: a test compares them with the code.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from gnomon.agent.config import AgentSettings
from gnomon.cli.main import VERBS, Verb, parser
from gnomon.core.registry import LISTENERS, SINKS, Registry
from gnomon.server.config import ServerSettings
from gnomon.testing import reference, reference_promql
from gnomon.testing.reference import MADE, settings_tables

COMMAND = """\
Results go to stdout, everything else to stderr. Colours only on a terminal and never with `NO_COLOR`.

Exit codes: 0 fine · 1 it ran and found something wrong · 2 wrong usage or settings (`file:line: key: what, did you mean`)
· 3 a server or service could not be reached · 130 interrupted.

Environment: `GNOMON_DATA` (data folder), `GNOMON_SERVER` (URL), `GNOMON_API_KEY` (for servers that ask for one), `NO_COLOR`."""

SETTINGS = """\
Both files are YAML and neither is needed: everything has a default. `gnomon config check` names every mistake by file, line
and key, `gnomon config show --effective` prints what is in force, `gnomon config schema` JSON Schema for an editor.

A *duration* is a number of seconds, or `500ms`, `10s`, `5m`, `2h`, `7d`; a *size* is a number of bytes, or `512KB`, `50MB`, `2GB`
(powers of 1024). A *secret* is text, or `{file: PATH}`, `{env: NAME}` or `{command: "..."}`, and never shows.

The agent reads its file again when it changes and on SIGHUP, and touches only what changed. A section that cannot be used turns
red with the reason while everything else runs; an `agent.yaml` that cannot be read as a whole stops the start, and is not taken
over by an agent that runs."""


def pages() -> Iterator[tuple[str, str]]:
    """File name and text of each page."""
    yield "command.md", command_page()
    yield "settings.md", settings_page()


def command_page() -> str:
    """Every verb with its help, as `gnomon VERB --help` prints it."""
    lines = [MADE, "# The command", "", COMMAND, ""]
    for verb, what in VERBS.items():
        help_text = _help(parser(verb, cast(Verb, importlib.import_module(f"gnomon.cli.{verb}"))))
        lines += [f"## gnomon {verb}", "", what, "", "```text", help_text, "```", ""]
    return "\n".join(lines)


def settings_page() -> str:
    """`agent.yaml`, `server.yaml`, and the settings of every sink and listener."""
    lines = [MADE, "# Settings", "", SETTINGS, ""]
    lines += ["## agent.yaml", "", *settings_tables(AgentSettings)]
    lines += ["## server.yaml", "", *settings_tables(ServerSettings)]
    lines += ["## Listeners", "", "Under `listeners` in `agent.yaml`, by name.", ""]
    lines += _components(LISTENERS)
    lines += [
        "## Sinks",
        "",
        "Under `sinks` in `agent.yaml`, each with `type`, `name`, `buffer`.",
        "",
    ]
    lines += _components(SINKS)
    return "\n".join(lines)


def _components(registry: Registry) -> list[str]:
    lines: list[str] = []
    for name in registry.names():
        module = importlib.import_module(f"{registry.package}.{name}")
        text = inspect.getdoc(module) or ""
        lines += [f"### {name}", "", text, "", *settings_tables(registry.load(name).Settings)]
    return lines


def _help(of: argparse.ArgumentParser) -> str:
    """The same on every terminal and every version of Python that wraps alike."""
    of.formatter_class = _Wide
    return of.format_help().replace("optional arguments:", "options:").rstrip()


class _Wide(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=110, max_help_position=30)


def write(folder: Path) -> list[Path]:
    """Writes every page below `folder`; returns their paths."""
    written = reference.write(folder)
    for name, text in (*pages(), *reference_promql.pages()):
        (folder / name).write_text(text, encoding="utf-8")
        written.append(folder / name)
    return written


if __name__ == "__main__":
    for path in write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference")):
        sys.stdout.write(f"{path}\n")
