"""Keeps child processes of this program running: starts, watches, restarts, stops them.

A child that ends by itself is started again after a pause that doubles from 1 s to 30 s, and is
1 s again once it has run for a minute. `stop` ends them in the reverse order of their start, each
with SIGTERM and, after a grace, SIGKILL. A child learns that its parent is gone by its standard
input: it is a pipe that nobody writes to, and its end means stop.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import IO

from gnomon.core.clock import Clock

GRACE = 15.0
"""Seconds between asking a child to end and killing it."""
LONGEST_PAUSE = 30.0
STEADY = 60.0
"""Seconds of running after which a child counts as well again."""


class Child:
    """One supervised process."""

    def __init__(self, name: str, arguments: Sequence[str], clock: Clock) -> None:
        """`arguments`: those of the gnomon command."""
        self.name = name
        self._command = [sys.executable, "-m", "gnomon", *arguments]
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = 1.0
        self._again_at: float | None = None
        self.restarts = 0

    @property
    def pid(self) -> int:
        """0 when it does not run."""
        return self._process.pid if self._process else 0

    def start(self, output: IO[bytes] | None = None) -> None:
        """Starts it in a process group of its own, so that Ctrl-C reaches only the parent."""
        self._output = output
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=output or sys.stderr,
            stderr=output or sys.stderr,
            start_new_session=True,
        )
        self._started = self._clock.monotonic()
        self._again_at = None

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll() if self._process else None

    def watch(self) -> str | None:
        """Restarts it when it is due; returns a line for a person when something happened."""
        now = self._clock.monotonic()
        if self._again_at is not None:
            if now >= self._again_at:
                self.restarts += 1
                self.start(self._output)
            return None
        code = self.exit_code()
        if code is None:
            return None
        if now - self._started > STEADY:
            self._pause = 1.0
        self._again_at = now + self._pause
        line = f"the {self.name} ended (exit code {code}); starting it again in {self._pause:g} s"
        self._pause = min(LONGEST_PAUSE, self._pause * 2)
        return line

    def stop(self) -> None:
        """Asks it to end, waits, then insists."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdin is not None:
            process.stdin.close()
