"""Whether the services of systemd run: `system.service.state` is 1 for a running one, 0 for others.

Without settings all loaded services count but those that are meant to end (`Type=oneshot`). A
service named in full counts in any case, also when it does not exist: then it does not run.
systemd is asked once a run, through `systemctl show`.
"""

from __future__ import annotations

import fnmatch
import shutil
import subprocess
from collections.abc import Mapping

from gnomon.core import settings
from gnomon.core.component import Context, Output
from gnomon.core.errors import LimitExceeded, NoData, Retryable
from gnomon.core.model import Kind, Metric

STATE = Metric("system.service.state", help="1 running, 0 not. Label `service`: the unit.")
RESTARTS = Metric(
    "system.service.restarts",
    Kind.COUNT,
    "restart",
    "Restarts by systemd since the run before. Label `service`.",
)
FAILED = Metric("system.service.failed", unit="unit", help="Units that have failed.")
METRICS = (STATE, RESTARTS, FAILED)

EXAMPLE = """
init_config:

instances:
  - units: [nginx.service, 'postgresql@*', backup.timer]
"""

_PROPERTIES = "Id,Names,LoadState,ActiveState,SubState,Type,NRestarts"
Unit = Mapping[str, str]


class Settings(settings.Settings, frozen=True, kw_only=True):
    """Everything has a default."""

    units: tuple[str, ...] = ("*.service",)
    """Units, with `*` and `?`. A name without a kind is a service."""
    excluded_units: tuple[str, ...] = ("user@*.service", "getty@*.service")
    """Units to leave out, with `*` and `?`."""
    max_units: int = 200
    """More units than this are an error: name fewer, or raise it."""
    timeout: settings.Duration = settings.Duration(5)
    """How long systemd may take to answer."""


class Systemd:
    """Asks `systemctl`; where systemd does not run there is nothing to tell."""

    Settings = Settings
    DEFAULT = True
    PLATFORMS = ("linux",)
    INTERVAL = 60.0

    def __init__(self, settings_: Settings, context: Context) -> None:
        self._settings = settings_
        self._booted = context.root / "run" / "systemd" / "system"
        self._units = [
            unit if "." in unit.rpartition("@")[2] else f"{unit}.service"
            for unit in settings_.units
        ]

    def collect(self, out: Output) -> None:
        """Puts a state for each unit that counts."""
        if not self._booted.is_dir():
            raise NoData("systemd does not run this host")
        units = [unit for unit in parse(self.show()) if self._counts(unit)]
        out.put(FAILED, sum(unit.get("ActiveState") == "failed" for unit in units))
        for unit in units[: self._settings.max_units]:
            out.put(STATE, running(unit), service=unit["Id"])
            if unit.get("NRestarts", "").isdigit():
                out.delta(RESTARTS, int(unit["NRestarts"]), service=unit["Id"])
        if len(units) > self._settings.max_units:
            raise LimitExceeded(
                f"{len(units)} units, more than max_units: {self._settings.max_units}; raise it or "
                "name fewer in units"
            )

    def _counts(self, unit: Unit) -> bool:
        names = {unit["Id"], *unit.get("Names", "").split()}
        if names & set(self._units):
            return True
        excluded = any(
            fnmatch.fnmatchcase(unit["Id"], expression)
            for expression in self._settings.excluded_units
        )
        return not excluded and unit.get("LoadState") == "loaded" and unit.get("Type") != "oneshot"

    def show(self) -> str:
        """The answer of systemctl. Raises `NoData` or `Retryable`."""
        command = shutil.which("systemctl")
        if command is None:
            raise NoData("there is no command systemctl")
        try:
            asked = subprocess.run(
                [command, "show", f"--property={_PROPERTIES}", "--no-pager", "--", *self._units],
                capture_output=True,
                check=False,
                timeout=self._settings.timeout,
                env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            raise Retryable(f"systemd did not answer within {self._settings.timeout:g} s") from None
        except OSError as error:
            raise Retryable(f"systemctl cannot be run: {error.strerror}") from None
        if asked.returncode:
            message = asked.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
            raise Retryable(f"systemctl: {message or f'exit code {asked.returncode}'}")
        return asked.stdout.decode("utf-8", "replace")

    def close(self) -> None:
        """Holds nothing open."""


component = Systemd


def parse(answer: str) -> list[Unit]:
    """Units from what systemctl writes: lines `Key=value`, units apart by an empty line."""
    units: dict[str, Unit] = {}
    for paragraph in answer.split("\n\n"):
        pairs = (line.partition("=") for line in paragraph.splitlines())
        unit = {key: value for key, equals, value in pairs if equals}
        if unit.get("Id"):
            units.setdefault(unit["Id"], unit)  # two expressions may fit one unit
    return list(units.values())


def running(unit: Unit) -> bool:
    """Whether a service runs; a unit of another kind, whether it is active."""
    if unit["Id"].endswith(".service"):
        return unit.get("SubState") == "running"
    return unit.get("ActiveState") == "active"
