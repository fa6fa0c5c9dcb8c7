"""The body of `gnomon status`; its arguments are declared in `cli/status.py`."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, cast

from gnomon.cli.ask import get_json
from gnomon.cli.places import server_url
from gnomon.cli.terminal import human_bytes, human_seconds, paint, table
from gnomon.core.clock import SystemClock
from gnomon.core.errors import GnomonError, Retryable
from gnomon.transport.http_client import HttpClient

_ALARMING = ("critical", "failed")


def run(args: argparse.Namespace) -> int:
    """Asks agent and server; 1 when something is red, 3 when neither answers."""
    agent = _agent(args)
    server = _server(args)
    if agent is None and server is None:
        raise Retryable(
            f"neither an agent ({args.agent}) nor a server ({server_url(args)}) answers here; "
            "start both with: gnomon up"
        )
    if args.json:
        sys.stdout.write(json.dumps({"agent": agent, "server": server}) + "\n")
    else:
        sys.stdout.write(_agent_text(agent, args) + "\n" + _server_text(server, args))
    return 1 if _red(agent) else 0


def _agent(args: argparse.Namespace) -> dict[str, Any] | None:
    try:
        answer = HttpClient(timeout=3.0).request("GET", f"http://{args.agent}/status")
    except GnomonError:
        return None
    return cast(dict[str, Any], json.loads(answer.body)) if answer.status == 200 else None


def _server(args: argparse.Namespace) -> dict[str, Any] | None:
    try:
        return cast(dict[str, Any], get_json(args, "/api/v1/status"))
    except Retryable:
        return None


def _red(agent: dict[str, Any] | None) -> bool:
    groups = ("checks", "sinks", "listeners")
    parts = [part for group in groups for part in (agent or {}).get(group, [])]
    return any(part.get("status", part.get("state")) in _ALARMING for part in parts)


def _agent_text(agent: dict[str, Any] | None, args: argparse.Namespace) -> str:
    if agent is None:
        return f"{paint('agent', 'bold')}   not running (nobody answers at {args.agent})\n"
    now = SystemClock().now()
    up = human_seconds((now - agent["started"]) / 1000)
    name = paint("agent", "bold")
    who = f"pid {agent['pid']}, id {agent['agent']}"
    lines = [f"{name}   {agent['version']} on {agent['hostname']}, up {up}, {who}\n"]
    if agent["settings"]["error"]:
        lines.append(paint(f"settings not taken over: {agent['settings']['error']}\n", "red"))
    checks = [_check_row(check, now) for check in agent["checks"]]
    lines += ["\n", table(("check", "status", "every", "last", "took", "samples", ""), checks, 1)]
    sinks = [_sink_row(sink, now) for sink in agent["sinks"]]
    headers = ("sink", "state", "sent", "waiting", "bytes", "oldest", "dropped", "")
    lines += ["\n", table(headers, sinks, 1)]
    listeners = [
        [part["name"], part["state"], ", ".join(part["addresses"]), part["message"]]
        for part in agent["listeners"]
    ]
    if listeners:
        lines += ["\n", table(("listener", "state", "address", ""), listeners, 1)]
    if agent["drops"]:
        lines.append(
            "\ndrops: " + ", ".join(f"{k} {v:g}" for k, v in agent["drops"].items()) + "\n"
        )
    return "".join(lines)


def _check_row(check: dict[str, Any], now: int) -> list[str]:
    name = f"{check['name']}:{check['instance']}" if check["instance"] else check["name"]
    last, took = check.get("last_run"), check.get("duration")
    return [
        name,
        check["status"],
        f"{check['interval']:g}s",
        human_seconds(max(0, now - last) / 1000) + " ago" if last else "-",
        f"{took * 1000:.1f}ms" if took is not None else "-",
        str(check["samples"]),
        check["message"],
    ]


def _sink_row(sink: dict[str, Any], now: int) -> list[str]:
    queue: dict[str, Any] = sink.get("queue") or {"samples": 0, "bytes": 0, "oldest": None}
    dropped = ", ".join(f"{n} {reason}" for reason, n in sink.get("dropped", {}).items() if n)
    oldest = queue["oldest"]
    return [
        sink["name"],
        sink["state"],
        str(sink["sent"]),
        str(queue["samples"]),
        human_bytes(queue["bytes"]),
        human_seconds(max(0, now - oldest) / 1000) if oldest else "-",
        dropped or "0",
        sink["message"],
    ]


def _server_text(server: dict[str, Any] | None, args: argparse.Namespace) -> str:
    if server is None:
        return f"{paint('server', 'bold')}  not reached at {server_url(args)}\n"
    store = cast(dict[str, Any], server.get("store", {}))
    return (
        f"{paint('server', 'bold')}  {server.get('version', '')} at {server_url(args)}\n"
        f"store   {store.get('engine')}: {store.get('series')} series, {store.get('samples')} samples, "
        f"{human_bytes(store.get('bytes') or 0)}\n"
    )
