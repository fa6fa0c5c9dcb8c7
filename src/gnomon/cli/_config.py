"""The body of `gnomon config`; its arguments are declared in `cli/config.py`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gnomon.agent.config import AgentSettings, Loaded, default_file, load
from gnomon.cli.terminal import paint
from gnomon.core.errors import SettingsError
from gnomon.core.registry import CHECKS, SINKS
from gnomon.core.schema import schema
from gnomon.core.settings import Located, Secret, build, plain
from gnomon.runtime.secrets import run_command


def run(args: argparse.Namespace) -> int:
    """Does one of the three."""
    if args.what == "schema":
        return _schema(args.rest)
    named = args.rest[0] if args.rest else args.config
    file = Path(named) if named else default_file()
    if file is not None and file.name.startswith("server"):
        return _server(file, args)
    loaded = load(file)
    return _check(file, loaded, args) if args.what == "check" else _show(loaded, args)


def _check(file: Path | None, loaded: Loaded, args: argparse.Namespace) -> int:
    broken = loaded.plan.broken
    if args.json:
        facts = [{"kind": part.kind, "name": part.name, "message": part.message} for part in broken]
        sys.stdout.write(json.dumps({"file": str(file or ""), "errors": facts}) + "\n")
        return 2 if broken else 0
    for part in broken:
        sys.stdout.write(f"{paint('wrong', 'red')}  {part.kind} {part.name}: {part.message}\n")
    checks, sinks = len(loaded.plan.checks), len(loaded.plan.sinks)
    sys.stdout.write(
        f"{file or 'no settings file (defaults)'}: {checks} checks and {sinks} sinks in order"
        f"{f', {len(broken)} wrong' if broken else ''}\n"
    )
    return 2 if broken else 0


def _show(loaded: Loaded, args: argparse.Namespace) -> int:
    shown: dict[str, Any] = plain(loaded.settings)
    if not args.effective:
        default = plain(AgentSettings())
        shown = {key: value for key, value in shown.items() if value != default.get(key)}
    else:
        shown["hostname"] = loaded.hostname
        shown["checks"] = [_check_facts(spec) for spec in loaded.plan.checks]
        shown["sinks"] = [_sink_facts(spec) for spec in loaded.plan.sinks]
    if "server" in shown:
        shown["server"] = _masked(shown["server"])
    _print(shown, args)
    return 0


def _check_facts(spec: Any) -> dict[str, Any]:
    settings = build(spec.settings, CHECKS.load(spec.check).Settings, run_command)
    return {
        "check": spec.check,
        **({"instance": spec.instance} if spec.instance else {}),
        "origin": spec.origin,
        "interval": spec.interval,
        **({"tags": dict(spec.labels)} if spec.labels else {}),
        "settings": plain(settings),
    }


def _sink_facts(spec: Any) -> dict[str, Any]:
    settings = build(spec.settings, SINKS.load(spec.sink).Settings, run_command)
    return {"type": spec.sink, "name": spec.name, "settings": plain(settings)}


def _masked(link: dict[str, Any] | None) -> dict[str, Any] | None:
    """The `server` section is plain data until its sink reads it: read it, to know its secrets."""
    if not link:
        return link
    kind = SINKS.load("gnomon").Settings
    known = plain(build(Located(link), kind, run_command))
    return {key: known.get(key, "***") for key in link}


def _server(file: Path, args: argparse.Namespace) -> int:
    from gnomon.server.config import load as load_server

    settings = load_server(file)
    if args.what == "check":
        sys.stdout.write(
            json.dumps({"file": str(file), "errors": []}) + "\n"
            if args.json
            else f"{file}: in order\n"
        )
    else:
        _print(plain(settings), args)
    return 0


def _schema(words: list[str]) -> int:
    if not words:
        kind: Any = AgentSettings
    elif words == ["server"]:
        from gnomon.server.config import ServerSettings

        kind = ServerSettings
    elif len(words) == 2 and words[0] in ("check", "sink"):
        kind = (CHECKS if words[0] == "check" else SINKS).load(words[1]).Settings
    else:
        raise SettingsError("gnomon config schema: nothing, `server`, `check NAME` or `sink NAME`")
    sys.stdout.write(json.dumps(schema(kind), indent=2) + "\n")
    return 0


def _print(data: Any, args: argparse.Namespace) -> None:
    if args.json:
        sys.stdout.write(json.dumps(data, default=_mask) + "\n")
        return
    import yaml

    sys.stdout.write(yaml.safe_dump(data, sort_keys=False, allow_unicode=True))


def _mask(value: object) -> str:
    return "***" if isinstance(value, Secret) else str(value)
