"""The body of `gnomon query`; its arguments are declared in `cli/query.py`."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Sequence
from typing import Any

from gnomon.cli.ask import get, get_json
from gnomon.cli.terminal import paint, table
from gnomon.core.clock import SystemClock
from gnomon.core.errors import SettingsError
from gnomon.core.settings import Duration

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 48


def run(args: argparse.Namespace) -> int:
    """Asks and prints."""
    path, query = _graphite(args) if args.language == "graphite" else _promql(args)
    if args.json:
        sys.stdout.write(get(args, path, query).decode().rstrip("\n") + "\n")
        return 0
    answer = get_json(args, path, query)
    rows = _graphite_rows(answer) if args.language == "graphite" else _promql_rows(answer)
    if not rows:
        sys.stderr.write("nothing found\n")
        return 0
    headers = (
        ("series", "value") if len(rows[0]) == 2 else ("series", "trend", "last", "min", "max")
    )
    sys.stdout.write(table(headers, rows))
    if args.language == "promql":
        sys.stderr.writelines(f"warning: {text}\n" for text in answer.get("warnings", []))
    return 0


def _promql(args: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    if args.begin is None:
        query = {"query": args.expression}
        if args.time is not None:
            query["time"] = str(_instant(args.time))
        return "/api/v1/query", query
    begin = _instant(args.begin)
    end = _instant(args.end) if args.end else _now()
    step = Duration.parse(args.step) if args.step else max(1.0, round((end - begin) / 120))
    return "/api/v1/query_range", {
        "query": args.expression,
        "start": begin,
        "end": end,
        "step": float(step),
    }


def _graphite(args: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    query = {"target": args.expression, "format": "json", "from": args.begin or "-1h"}
    end = args.until or args.end
    return "/render", query | ({"until": end} if end else {})


def _instant(text: str) -> float:
    """Epoch seconds from `-1h`, `now-90s`, epoch seconds or RFC 3339."""
    relative = re.fullmatch(r"(?:now)?-(\d+(?:\.\d+)?[a-z]*)", text)
    try:
        if text == "now":
            return _now()
        if relative:
            return _now() - Duration.parse(relative.group(1))
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return float(text)
        from datetime import UTC, datetime

        parsed = datetime.fromisoformat(text)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except ValueError as error:
        raise SettingsError(
            f"{text!r} is not a time such as -1h, 1700000000 or 2026-01-31"
        ) from error


def _now() -> float:
    return SystemClock().now() / 1000


def _promql_rows(answer: Any) -> list[tuple[str, ...]]:
    data = answer["data"]
    if data["resultType"] in ("scalar", "string"):
        return [(data["resultType"], data["result"][1])]
    rows: list[tuple[str, ...]] = []
    for item in data["result"]:
        name = _series_name(item["metric"])
        if "value" in item:
            rows.append((name, item["value"][1]))
        elif "values" in item:
            rows.append(_trend(name, [float(value) for _, value in item["values"]]))
    return rows


def _graphite_rows(answer: Any) -> list[tuple[str, ...]]:
    return [
        _trend(item["target"], [math.nan if v is None else v for v, _ in item["datapoints"]])
        for item in answer
    ]


def _series_name(labels: dict[str, str]) -> str:
    name = labels.get("__name__", "")
    inner = ", ".join(f'{key}="{value}"' for key, value in labels.items() if key != "__name__")
    return f"{name}{paint('{' + inner + '}', 'grey')}" if inner else name or "{}"


def _trend(name: str, values: Sequence[float]) -> tuple[str, ...]:
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return name, "", "-", "-", "-"
    return (
        name,
        sparkline(values),
        f"{finite[-1]:g}",
        f"{min(finite):g}",
        f"{max(finite):g}",
    )


def sparkline(values: Sequence[float], width: int = _WIDTH) -> str:
    """Bars of the means of `width` equal parts; a gap is a blank."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    parts = min(width, len(values))
    text = ""
    for part in range(parts):
        chunk = values[part * len(values) // parts : (part + 1) * len(values) // parts]
        held = [value for value in chunk if math.isfinite(value)]
        if not held:
            text += " "
            continue
        share = (sum(held) / len(held) - low) / (high - low) if high > low else 0.0
        text += _BARS[min(len(_BARS) - 1, int(share * len(_BARS)))]
    return text
