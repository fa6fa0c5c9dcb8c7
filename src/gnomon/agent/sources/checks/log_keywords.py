"""Counts the lines of log files that have certain words: `app.log.<KEYWORD>`.

A value is the number of new lines since the run before. Files are followed through rotation and
emptying; what stood in a file before the agent started is not counted. At most `max_bytes` of a
file are read in a run, the rest in the next ones: `system.log.backlog` says how much is left.
"""

from __future__ import annotations

import re
from pathlib import Path

from gnomon.agent.sources import procfs
from gnomon.agent.sources.following import Follower
from gnomon.agent.sources.patterns import pattern
from gnomon.core import settings
from gnomon.core.component import Context, Output
from gnomon.core.errors import LimitExceeded, NeedsSetup, NoData, SettingsError
from gnomon.core.model import Kind, Metric

KEYWORD = Metric(
    "app.log.<KEYWORD>", Kind.COUNT, "line", "New lines with the keyword. Label `file`."
)
BACKLOG = Metric("system.log.backlog", unit="byte", help="Not read yet. Label `file`.")
METRICS = (KEYWORD, BACKLOG)

EXAMPLE = """
init_config:

instances:
  - path: /var/log/app/*.log
    keywords: [ERROR, WARN]
  - path: /var/log/postgresql/postgresql-15-main.log
    keywords:
      deadlock: deadlock detected
      slow: 'duration: \\d{4,}'
"""


class Settings(settings.Settings, frozen=True, kw_only=True):
    """Which files, which words."""

    path: str
    """A file, or several with `*` and `?`."""
    keywords: tuple[str, ...] | dict[str, str]
    """Words to look for as they stand, or name → regular expression."""
    ignore_case: bool = False
    """Whether `error` also finds `ERROR`."""
    from_start: bool = False
    """Whether to count what stands in the files already when the agent starts."""
    max_bytes: settings.Size = settings.Size(8 << 20)
    """Most bytes of a file to read in a run."""
    max_files: int = 50
    """Most files to follow; more than this are an error, and none is read."""


class LogKeywords:
    """Reads the files themselves; needs no more than the right to."""

    Settings = Settings

    def __init__(self, settings_: Settings, context: Context) -> None:
        self._settings = settings_
        self._root = context.root
        if not settings_.path.strip("/"):
            raise SettingsError("path: name a file")
        self._patterns = patterns(settings_)
        self._followers: dict[Path, Follower] = {}
        self._first = True

    def collect(self, out: Output) -> None:
        """Counts what is new in each file."""
        found = self._files()
        for gone in self._followers.keys() - found:
            self._count(out, gone)  # a rotated file that was not read to its end
            self._followers.pop(gone).close()
        # A file that appears while we are watching is new from its first line on.
        from_start = self._settings.from_start or not self._first
        self._first = False
        for path in found:
            if path not in self._followers:
                self._followers[path] = Follower(
                    path, self._settings.max_bytes, from_start=from_start
                )
            self._count(out, path)
        if not found:
            raise NoData(f"no file is called {self._settings.path}")

    def _files(self) -> list[Path]:
        """Those the settings mean. Raises `LimitExceeded` if there are too many."""
        paths = [
            path for path in self._root.glob(self._settings.path.lstrip("/")) if path.is_file()
        ]
        if len(paths) > self._settings.max_files:
            raise LimitExceeded(
                f"{len(paths)} files are called {self._settings.path}, more than max_files: "
                f"{self._settings.max_files}; raise it or name fewer"
            )
        return sorted(paths)

    def _count(self, out: Output, path: Path) -> None:
        name = "/" + path.relative_to(self._root).as_posix()
        try:
            news = self._followers[path].look()
        except PermissionError:
            raise NeedsSetup(
                f"{name} may not be read by this user", f"setfacl -m u:gnomon:r {name}"
            ) from None
        except OSError as error:
            raise NoData(f"{name} cannot be read: {error.strerror}") from None
        lines = [procfs.text(line) for line in news.lines]
        for metric, expression in self._patterns:
            out.put(metric, sum(1 for line in lines if expression.search(line)), file=name)
        out.put(BACKLOG, news.backlog, file=name)

    def close(self) -> None:
        """Closes the files."""
        for follower in self._followers.values():
            follower.close()
        self._followers.clear()


component = LogKeywords


def patterns(of: Settings) -> list[tuple[Metric, re.Pattern[str]]]:
    """What to look for, under which metric. Raises `SettingsError`."""
    keywords = of.keywords
    named = keywords if isinstance(keywords, dict) else {word: re.escape(word) for word in keywords}
    found: list[tuple[Metric, re.Pattern[str]]] = []
    for name, expression in named.items():
        compiled = pattern(
            f"keywords.{name}", f"(?i){expression}" if of.ignore_case else expression
        )
        if compiled is None or not name:
            raise SettingsError("keywords: a keyword may not be empty")
        metric = Metric(f"app.log.{name}", KEYWORD.kind, KEYWORD.unit, f"New lines with {name!r}.")
        found.append((metric, compiled))
    if not found:
        raise SettingsError("keywords: name at least one")
    return found
