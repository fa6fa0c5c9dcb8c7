"""Wires an agent together and runs it."""

from __future__ import annotations

import os
import secrets
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gnomon import __version__
from gnomon.agent.config import Loaded, load
from gnomon.agent.discovery import Discovery, Offer
from gnomon.agent.fleet import Reporter
from gnomon.agent.pipeline.plan import CheckSpec, Plan, SinkSpec
from gnomon.agent.pipeline.topology import Burst, Topology
from gnomon.codecs.prometheus_text import encode as prometheus_text
from gnomon.core.clock import SystemClock
from gnomon.core.component import Component, Context
from gnomon.core.errors import GnomonError, Permanent, SettingsError
from gnomon.core.registry import SINKS
from gnomon.core.settings import Located, build
from gnomon.core.telemetry import Telemetry
from gnomon.runtime.logs import set_up
from gnomon.runtime.secrets import run_command
from gnomon.runtime.watch import fingerprint
from gnomon.transport.http_page import HttpPages, Page

LOOK = 2.0
"""Seconds between two looks at the settings files."""
DISCOVER = 60.0
"""Seconds between two looks at what runs on this host."""
BURST_INTERVAL = 1.0


class Options(NamedTuple):
    """What the command line says."""

    data: Path
    """The data folder; the agent's own is `agent` below it."""
    config: Path | None = None
    server: str | None = None
    """Overrides the server's URL."""
    verbose: bool = False


class Agent:
    """One running agent: the topology, its settings, and what tells of them."""

    def __init__(self, options: Options) -> None:
        """Reads the settings; raises `SettingsError` when they cannot be used at all."""
        self.options = options
        self.clock = SystemClock()
        self.started = self.clock.now()
        self.loaded = load(options.config, options.server)
        level = "debug" if options.verbose else self.loaded.settings.log_level
        self.log = set_up(level).getChild("agent")
        self.folder = _own_folder(options.data / "agent")
        self.id = _agent_id(self.folder)
        self.telemetry = Telemetry()
        self.context = Context(self.loaded.hostname, self.clock, self.telemetry, self.log)
        burst = self.loaded.settings.burst
        until = self.clock.monotonic() + burst
        self.topology = Topology(
            self.context, self.id, self.folder, Burst(BURST_INTERVAL, until) if burst else None
        )
        self.discovery = Discovery(self.context)
        self.offers: list[Offer] = []
        self.discovered = False
        self.settings_error = ""
        self._extras: list[Component] = []
        self._pending: list[Callable[[], Component | None]] = [self._status_pages, self._reporter]

    def start(self) -> None:
        """Begins to collect; whatever cannot start is logged, and tried again by `retry`."""
        self.topology.start()
        self.topology.apply(self.loaded.plan)
        for problem in self.retry():
            self.log.warning("%s", problem)

    def retry(self) -> list[str]:
        """Starts what could not start before (a port was taken); what still cannot, and why."""
        pending, self._pending = self._pending, []
        problems: list[str] = []
        for make in pending:
            try:
                component = make()
                if component is not None:
                    component.start()
                    self._extras.append(component)
            except GnomonError as error:
                self._pending.append(make)
                problems.append(str(error))
        return problems

    def stop(self) -> None:
        """Ends; what was collected is in the buffers."""
        self.topology.stop()
        for component in self._extras:
            component.stop()

    def reload(self) -> None:
        """Reads the settings again and changes only what they changed."""
        try:
            loaded = load(self.options.config, self.options.server)
        except SettingsError as error:
            self.settings_error = str(error)
            self.log.error("settings not taken over, the old ones go on: %s", error)
            return
        self.settings_error = ""
        self.loaded = loaded
        self._apply()

    def discover(self) -> None:
        """Looks what runs on this host, and monitors what it may without being told how."""
        if not self.loaded.settings.discovery:
            self.discovered = True
            return
        try:
            plan = self.loaded.plan
            named = {spec.check for spec in plan.checks} | {part.name for part in plan.broken}
            self.offers = list(self.discovery.offers(configured=named))
        except (GnomonError, OSError) as error:
            self.log.warning("discovery: %s", error)
        else:
            self._apply()
        finally:
            self.discovered = True

    def status(self) -> dict[str, Any]:
        """The status document; see `docs/reference/status.md`."""
        return {
            "version": __version__,
            "agent": self.id,
            "hostname": self.context.hostname,
            "pid": os.getpid(),
            "started": self.started,
            "now": self.clock.now(),
            "settings": {
                "files": [str(path) for path in self.loaded.files],
                "error": self.settings_error,
            },
            "checks": [msgspec.to_builtins(state) for state in self.topology.checks()],
            "sinks": [msgspec.to_builtins(state) for state in self.topology.sinks()],
            "listeners": [msgspec.to_builtins(state) for state in self.topology.listeners()],
            "discovered": self.discovered,
            "services": [_service(offer) for offer in self.offers],
            "drops": self._drops(),
        }

    def _apply(self) -> None:
        for change in self.topology.apply(self._plan()):
            self.log.info("%s", change)

    def _plan(self) -> Plan:
        """The settings' plan and what was discovered, where the settings do not name it."""
        plan = self.loaded.plan
        named = {spec.check for spec in plan.checks} | {part.name for part in plan.broken}
        found = [
            CheckSpec(
                offer.check,
                str(offer.service.port),
                Located(dict(offer.settings)),
                self.loaded.settings.interval,
                {},
                "discovered",
            )
            for offer in self.offers
            if offer.check and offer.settings is not None and offer.check not in named
        ]
        return plan._replace(checks=[*plan.checks, *found])

    def _drops(self) -> dict[str, float]:
        return {
            f"{sample.series.name}:{sample.series.label('reason')}": sample.value
            for sample in self.telemetry.samples(0)
            if sample.value and sample.series.name.endswith((".dropped", ".refused"))
        }

    def _status_pages(self) -> Component | None:
        address = self.loaded.settings.status
        if not address:
            return None
        pages = {
            "/status": Page("application/json", lambda: msgspec.json.encode(self.status())),
            "/metrics": Page(
                "text/plain; version=0.0.4; charset=utf-8",
                lambda: prometheus_text(self.telemetry.samples(self.clock.now())),
            ),
            "/-/healthy": Page("text/plain", lambda: b"ok\n"),
        }
        return HttpPages(address, pages)

    def _reporter(self) -> Component | None:
        link = _server_sink(self.loaded)
        if link is None:
            return None
        settings = build(link.settings, SINKS.load("gnomon").Settings, run_command)
        url = f"{settings.url.rstrip('/')}/api/v1/agents/{self.id}/status"
        log = self.log.getChild("status")
        return Reporter(url, settings.api_key, settings.tls, self.status, log)


def run(options: Options, ready: Callable[[Agent], None] | None = None) -> int:
    """Runs until a signal ends it; returns the exit code."""
    agent = Agent(options)
    wake, stopping, hangup = threading.Event(), threading.Event(), threading.Event()

    def on_signal(number: int, _frame: object) -> None:
        (hangup if number == getattr(signal, "SIGHUP", None) else stopping).set()
        wake.set()

    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), on_signal)
    agent.start()
    agent.log.info("agent %s on %s: running", __version__, agent.context.hostname)
    if ready is not None:
        ready(agent)
    _watch(agent, wake, stopping, hangup)
    agent.log.info("stopping")
    agent.stop()
    return 0


def _watch(
    agent: Agent, wake: threading.Event, stopping: threading.Event, hangup: threading.Event
) -> None:
    """Reloads and discovers until it is time to stop."""
    seen = fingerprint(agent.loaded.files)
    discover_at = agent.clock.monotonic()
    while not stopping.is_set():
        if agent.clock.monotonic() >= discover_at:
            agent.discover()
            discover_at = agent.clock.monotonic() + DISCOVER
            agent.retry()
        wake.wait(LOOK)
        wake.clear()
        now = fingerprint(agent.loaded.files)
        if hangup.is_set() or now != seen:
            hangup.clear()
            seen = now
            agent.reload()


def _own_folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o750)
        probe = path / ".writable"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise SettingsError(
            f"{path}: the data folder cannot be used: {error.strerror}; name another with --data"
        ) from None
    return path


def _agent_id(folder: Path) -> str:
    """Drawn once and kept: the server knows an agent by it."""
    file = folder / "id"
    try:
        known = file.read_text(encoding="ascii").strip()
        if known:
            return known
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError) as error:
        raise Permanent(f"{file}: cannot be read: {error}; remove it to get a new id") from None
    drawn = secrets.token_hex(8)
    part = file.with_suffix(".part")
    part.write_text(drawn + "\n", encoding="ascii")
    part.replace(file)
    return drawn


def _server_sink(loaded: Loaded) -> SinkSpec | None:
    return next((spec for spec in loaded.plan.sinks if spec.sink == "gnomon"), None)


def _service(offer: Offer) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(offer.service),
        "check": offer.check,
        "monitored": offer.settings is not None,
        "message": offer.message,
        "hint": offer.hint,
    }
