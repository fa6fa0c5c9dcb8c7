"""How often each cron job was started, from what cron writes to its log.

Each job that was seen once goes on with 0, so that its absence can raise an alert. Cron logs to
`/var/log/cron` (Red Hat), `/var/log/cron.log` or `/var/log/syslog` (Debian). Where only the systemd
journal has it, let rsyslog write a file.
"""

from __future__ import annotations

import re
from pathlib import Path

from gnomon.agent.sources import procfs
from gnomon.agent.sources.following import Follower
from gnomon.core import settings
from gnomon.core.component import Context, Output
from gnomon.core.errors import NeedsSetup, NoData
from gnomon.core.model import Kind, Metric

RUNS = Metric(
    "system.crontab.count",
    Kind.COUNT,
    "run",
    "Starts since the run before. Labels `task_name` (the command) and `user`.",
)
METRICS = (RUNS,)

OTHER = "(other)"

EXAMPLE = """
init_config:

instances:
  - files: [/var/log/cron, /var/log/syslog]
"""


class Settings(settings.Settings, frozen=True, kw_only=True):
    """Everything has a default."""

    files: tuple[str, ...] = ("/var/log/cron", "/var/log/cron.log", "/var/log/syslog")
    """Where cron may log; the first that exists is read."""
    max_jobs: int = 100
    """Most jobs that may have series; further ones are folded into `(other)`."""
    max_bytes: settings.Size = settings.Size(8 << 20)
    """Most bytes to read in a run."""


class CronRuns:
    """Follows cron's log."""

    Settings = Settings

    def __init__(self, settings_: Settings, context: Context) -> None:
        self._settings = settings_
        self._files = [context.root / name.lstrip("/") for name in settings_.files]
        self._follower: Follower | None = None
        self._known: set[tuple[str, str]] = set()

    def collect(self, out: Output) -> None:
        """Puts a count for each job that was ever seen."""
        if self._follower is None:
            self._follower = Follower(self._choose(), self._settings.max_bytes)
        try:
            news = self._follower.look()
        except PermissionError:
            raise NeedsSetup(
                "the log of cron may not be read by this user",
                "add the user to the group adm (Debian) or run the agent as root",
            ) from None
        counts = dict.fromkeys(self._known, 0)
        for line in news.lines:
            job = parse(line)
            if job is not None:
                job = self._fold(job)
                counts[job] = counts.get(job, 0) + 1
        for (user, command), runs in counts.items():
            out.put(RUNS, runs, task_name=command, user=user)

    def _choose(self) -> Path:
        for path in self._files:
            if path.exists():
                return path
        raise NoData(f"none of these exists: {', '.join(self._settings.files)}")

    def _fold(self, job: tuple[str, str]) -> tuple[str, str]:
        if job not in self._known and len(self._known) >= self._settings.max_jobs:
            job = ("", OTHER)
        self._known.add(job)
        return job

    def close(self) -> None:
        """Closes the log."""
        if self._follower is not None:
            self._follower.close()
            self._follower = None


component = CronRuns

_RUN = re.compile(rb"\b(?:CRON|crond?)\[\d+\]: +\(([^)]*)\) CMD \((.*)\)\s*$")


def parse(line: bytes) -> tuple[str, str] | None:
    """User and command of a line that tells of a start, else None.

    `Nov 20 23:17:01 web1 CRON[4711]: (root) CMD (   cd / && run-parts /etc/cron.hourly)`
    """
    found = _RUN.search(line)
    if found is None:
        return None
    user, command = (procfs.text(part) for part in found.groups())
    return user, " ".join(command.split())[:200]
