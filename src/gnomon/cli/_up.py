"""The body of `gnomon up`; its arguments are declared in `cli/up.py`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from gnomon.cli.down import running_pid
from gnomon.cli.places import LISTEN, data_folder
from gnomon.cli.terminal import paint
from gnomon.core.clock import SystemClock
from gnomon.core.errors import GnomonError, Permanent, Retryable, SettingsError
from gnomon.runtime.supervise import Child
from gnomon.transport.http_client import HttpClient
from gnomon.transport.http_page import parse_address

PATIENCE = 60.0
"""Seconds the start may take."""


class Ready(NamedTuple):
    """What there is to say once everything runs."""

    url: str
    data: Path
    found: Sequence[dict[str, Any]]


def run(args: argparse.Namespace) -> int:
    """Runs in the foreground, or starts itself again in the background."""
    data = data_folder(args)
    parse_address(args.listen or LISTEN)
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o750)
    except OSError as error:
        raise SettingsError(
            f"{data}: the data folder cannot be made: {error.strerror}; name another with --data"
        ) from None
    pid = running_pid(data / "up.json")
    if pid is not None:
        raise Permanent(f"gnomon is already running with {data} (pid {pid}); stop it: gnomon down")
    return _detach(args, data) if args.detach else Up(args, data).run()


class Up:
    """The supervisor in the foreground."""

    def __init__(self, args: argparse.Namespace, data: Path) -> None:
        self._args = args
        self._data = data
        self._clock = SystemClock()
        self._client = HttpClient(timeout=2.0)
        self._stopping = threading.Event()
        self._url = f"http://{_reachable(args.listen or LISTEN)}"
        verbose = ["-v"] if args.verbose else []
        common = ["--supervised", "--data", str(data), *verbose]
        listen = ["--listen", args.listen] if args.listen else []
        server_file = Path(args.config).with_name("server.yaml") if args.config else None
        server_config = (
            ["--config", str(server_file)] if server_file and server_file.exists() else []
        )
        agent_config = ["--config", args.config] if args.config else []
        self._server = Child("server", ["server", *common, *listen, *server_config], self._clock)
        self._agent = Child(
            "agent", ["agent", *common, "--server", self._url, *agent_config], self._clock
        )

    def run(self) -> int:
        """Starts, says so, supervises, stops."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        marker = self._data / "up.json"
        try:
            marker.write_text(json.dumps({"pid": os.getpid(), "url": self._url}) + "\n")
            self._start()
            while not self._stopping.wait(0.5):
                for child in (self._server, self._agent):
                    line = child.watch()
                    if line:
                        sys.stderr.write(f"gnomon: {line}\n")
        finally:
            self._agent.stop()
            self._server.stop()
            marker.unlink(missing_ok=True)
        return 0

    def _on_signal(self, number: int, frame: object) -> None:
        del number, frame
        self._stopping.set()

    def _start(self) -> None:
        self._server.start()
        self._agent.start()  # at once: what it finds before the server answers waits in its buffer
        if not self._wait(lambda: self._get("/-/ready") is not None, self._server):
            return
        me = self._wait(self._own_agent, self._agent)
        if self._stopping.is_set():
            return
        self._announce(Ready(self._url, self._data, me.get("services", []) if me else []))

    def _wait(self, ask: Any, child: Child) -> Any:
        end = self._clock.monotonic() + PATIENCE
        while not self._stopping.wait(0.05):
            answer = ask()
            if answer:
                return answer
            code = child.exit_code()
            if code is not None:
                raise SystemExit(code)
            if self._clock.monotonic() > end:
                raise Retryable(f"the {child.name} was not ready within {PATIENCE:g} s")
        return None

    def _own_agent(self) -> dict[str, Any] | None:
        """This agent's status once it has looked what runs here."""
        body = self._get("/api/v1/agents")
        agents = cast(list[dict[str, Any]], json.loads(body)) if body else []
        for agent in agents:
            status = cast(dict[str, Any], agent.get("status", {}))
            if status.get("pid") == self._agent.pid and status.get("discovered"):
                return status
        return None

    def _get(self, path: str) -> bytes | None:
        try:
            answer = self._client.request("GET", self._url + path)
        except GnomonError:
            return None
        return answer.body if answer.status == 200 else None

    def _announce(self, ready: Ready) -> None:
        if self._args.json:
            facts = {
                "url": ready.url,
                "pid": os.getpid(),
                "data": str(ready.data),
                "found": ready.found,
            }
            sys.stdout.write(json.dumps(facts) + "\n")
        else:
            sys.stdout.write(_text(ready))
        sys.stdout.flush()


def _text(ready: Ready) -> str:
    lines = ["", f"  Gnomon is running: {paint(ready.url, 'bold')}", ""]
    if ready.found:
        lines.append("  Found on this host:")
    for service in ready.found:
        name = " ".join(str(service[key]) for key in ("name", "version") if service.get(key))
        where = f" on {service['port']}" if service.get("port") else ""
        message = service.get("message") or ""
        good = service.get("monitored")
        colour = "green" if good else "yellow" if service.get("hint") else "grey"
        lines.append(f"    {paint('●', colour)} {message or name + where}")
        hint = str(service.get("hint") or "")
        lines += [f"        {line}" for line in hint.splitlines()]
    lines += [""] if ready.found else []
    lines += [f"  Data: {ready.data}", "  Stop: Ctrl-C (or: gnomon down)", ""]
    return "\n".join(lines) + "\n"


def _reachable(listen: str) -> str:
    """The address to ask at: 0.0.0.0 listens everywhere but is no destination."""
    host, port = parse_address(listen)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _detach(args: argparse.Namespace, data: Path) -> int:
    """Starts `gnomon up` in the background and passes on what it says when it is ready."""
    command = [sys.executable, "-m", "gnomon", "up", "--json", "--data", str(data)]
    for flag, value in (("--listen", args.listen), ("--config", args.config)):
        command += [flag, value] if value else []
    command += ["-v"] if args.verbose else []
    log_file = data / "gnomon.log"
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        code = process.wait()
        tail = log_file.read_text(errors="replace").splitlines()[-3:]
        raise Permanent(f"the start failed (exit code {code}):\n" + "\n".join(tail))
    if args.json:
        sys.stdout.write(line.decode())
        return 0
    facts = json.loads(line)
    text = _text(Ready(facts["url"], data, facts["found"]))
    sys.stdout.write(text.replace("Ctrl-C (or: gnomon down)", "gnomon down"))
    sys.stdout.write(f"  Log:  {log_file}\n\n")
    return 0
