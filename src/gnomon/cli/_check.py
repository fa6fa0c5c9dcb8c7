"""The body of `gnomon check`; its arguments are declared in `cli/check.py`."""

from __future__ import annotations

import argparse
import json
import logging
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from gnomon.agent.config import default_file, instance_spec, load, tags_to_labels
from gnomon.agent.pipeline.output import InstanceOutput
from gnomon.agent.pipeline.plan import CheckSpec, SourceLimits
from gnomon.cli.terminal import paint
from gnomon.core.clock import SystemClock
from gnomon.core.component import Context
from gnomon.core.errors import GnomonError, NeedsSetup, NoData, SettingsError
from gnomon.core.model import Batch, Status
from gnomon.core.registry import CHECKS
from gnomon.core.schema import field_docs
from gnomon.core.settings import Located, build
from gnomon.core.telemetry import Telemetry
from gnomon.runtime.secrets import run_command


def run(args: argparse.Namespace) -> int:
    """Runs, lists or explains."""
    if args.name is None:
        sys.stdout.write("\n".join(CHECKS.names()) + "\n")
        return 0
    if args.explain:
        _explain(args.name, as_json=args.json)
        return 0
    status = Status.OK
    for spec in _specs(args):
        status = max(status, _run(spec, args))
    return 0 if status is Status.OK else 1


def _specs(args: argparse.Namespace) -> Iterable[CheckSpec]:
    """From the command line if it says anything, else from the settings, else the defaults."""
    CHECKS.load(args.name)
    given = dict(_pair(text) for text in args.instance)
    if not given:
        file = Path(args.config) if args.config else default_file()
        if file is not None:
            loaded = load(file)
            mine = [spec for spec in loaded.plan.checks if spec.check == args.name]
            broken = [part for part in loaded.plan.broken if part.name == args.name]
            if broken:
                raise SettingsError(*(part.message for part in broken))
            if mine:
                return mine
    return [instance_spec(args.name, Located(given, "--instance"), "command line", 10.0)]


def _pair(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise SettingsError(f"--instance {text}: expected KEY=VALUE")
    if value[:1] in "[{" or value in ("true", "false", "null") or value.lstrip("-").isdigit():
        try:
            return key, json.loads(value)
        except ValueError as error:
            if value[:1] in "[{":
                raise SettingsError(f"--instance {key}: not valid JSON: {error}") from None
    return key, value


def _run(spec: CheckSpec, args: argparse.Namespace) -> Status:
    clock = SystemClock()
    log = logging.getLogger("gnomon.check")
    hostname = socket.gethostname()
    telemetry = Telemetry()
    labels = {**tags_to_labels(None), **spec.labels, "host": hostname}
    output = InstanceOutput(spec.key, labels, SourceLimits(), telemetry)
    kind = CHECKS.load(spec.check)
    context = Context(hostname, clock, telemetry, log)
    check = kind(build(spec.settings, kind.Settings, run_command), context)
    status = Status.OK
    try:
        for turn in range(max(1, args.times)):
            if turn:
                clock.sleep(max(1.0, args.every))
            output.begin(clock.now(), clock.monotonic())
            began = clock.monotonic()
            status, message, hint = _once(check, output)
            duration = clock.monotonic() - began
            batch = output.finish()
            _print(batch, as_json=args.json)
            _print_outcome(status, message, hint, duration, as_json=args.json)
    finally:
        check.close()
    return status


def _once(check: Any, output: InstanceOutput) -> tuple[Status, str, str]:
    try:
        check.collect(output)
    except NeedsSetup as error:
        return Status.CRITICAL, str(error), error.hint
    except NoData as error:
        return Status.UNKNOWN, str(error), ""
    except GnomonError as error:
        return Status.CRITICAL, str(error), ""
    return output.worst, "", ""


def _print(batch: Batch, *, as_json: bool) -> None:
    for series, timestamp, value in batch:
        if as_json:
            line = {
                "metric": series.name,
                "labels": dict(series.labels),
                "kind": series.metric.kind,
                "value": value,
                "unit": series.metric.unit,
                "timestamp": timestamp,
            }
            sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
        else:
            labels = ", ".join(f"{k}={v}" for k, v in series.labels if k != "host")
            name = series.name + (paint(f"{{{labels}}}", "grey") if labels else "")
            unit = paint(f" {series.metric.unit}", "grey") if series.metric.unit else ""
            sys.stdout.write(f"{name} {value:g}{unit}\n")
    for event in batch.events:
        if as_json:
            line = msgspec.structs.asdict(event) | {"labels": dict(event.labels)}
            sys.stdout.write(json.dumps({"event": line}) + "\n")
    sys.stdout.flush()


def _print_outcome(
    status: Status, message: str, hint: str, duration: float, *, as_json: bool
) -> None:
    word = status.name.lower()
    if as_json:
        outcome = {"status": word, "message": message, "duration_ms": round(duration * 1000, 3)}
        sys.stderr.write(json.dumps(outcome | ({"hint": hint} if hint else {})) + "\n")
        return
    sys.stderr.write(f"{word} in {duration * 1000:.1f} ms{': ' if message else ''}{message}\n")
    if hint:
        sys.stderr.write(f"\n{hint}\n")


def _explain(name: str, *, as_json: bool) -> None:
    kind = CHECKS.load(name)
    module = sys.modules[f"{CHECKS.package}.{name}"]  # a package's face, not its inner module
    metrics = list(getattr(module, "METRICS", ()))
    settings = field_docs(kind.Settings)
    text = (module.__doc__ or "").strip()
    if as_json:
        facts = {
            "name": name,
            "help": text,
            "settings": settings,
            "metrics": [msgspec.structs.asdict(metric) for metric in metrics],
        }
        sys.stdout.write(json.dumps(facts, indent=2) + "\n")
        return
    lines = [paint(name, "bold"), "", text, "", paint("metrics", "bold")]
    lines += [f"  {m.name} ({m.kind}{', ' + m.unit if m.unit else ''}): {m.help}" for m in metrics]
    lines += ["", paint("settings", "bold")]
    lines += [f"  {key}: {' '.join(text.split())}" for key, text in settings.items()]
    sys.stdout.write("\n".join(lines) + "\n")
