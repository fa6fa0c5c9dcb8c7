"""What tests of checks need: a context on a folder, and running a check once more."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gnomon.core.component import Context
from gnomon.core.registry import CHECKS
from gnomon.core.telemetry import Telemetry
from gnomon.testing.clock import FakeClock
from gnomon.testing.output import RecordingOutput


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def context(tmp_path: Path, clock: FakeClock) -> Context:
    return Context("test", clock, Telemetry(), logging.getLogger("gnomon.test"), tmp_path)


@pytest.fixture
def build(context: Context) -> Callable[..., Any]:
    """Builds a check on the folder of this test: `build("cpu", per_core=False)`."""

    def made(name: str, /, **settings: Any) -> Any:
        kind = CHECKS.load(name)
        return kind(kind.Settings(**settings), context)

    return made


@pytest.fixture
def run(clock: FakeClock) -> Callable[[Any], RecordingOutput]:
    """Runs a check ten seconds later; its output is one over all runs of a test."""
    out = RecordingOutput()

    def once(check: Any) -> RecordingOutput:
        clock.advance(10)
        out.begin(clock.now(), clock.monotonic())
        check.collect(out)
        return out

    return once
