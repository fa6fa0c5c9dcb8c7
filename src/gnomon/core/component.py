"""The seams of the agent: what a check, a listener, a processor and a sink promise.

Contract of every component with a life (`Component`):

- Building one opens nothing and starts nothing; wrong settings raise `SettingsError` then.
- `start` may raise `Retryable` (tried again later with back-off) or `Permanent` (turns red, with
  the reason). It is called at most once.
- `stop` may be called twice, before `start`, under load and from any thread; when it returns, no
  thread, socket or file of the component is left and what it had accepted is in a buffer.
- No component reads the clock, the environment or a global: it is handed a `Context`.

A component is a module of its registry's package that names its class `component`; the class has
`Settings` (a frozen msgspec Struct) and takes `(settings, context)`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from gnomon.core.clock import Clock
from gnomon.core.model import Batch, Entry, Event, Labels, Metric, Status
from gnomon.core.telemetry import Telemetry


class Context(NamedTuple):
    """What a component is handed beside its settings."""

    hostname: str
    clock: Clock
    telemetry: Telemetry
    log: logging.Logger
    root: Path = Path("/")
    """Where the host's file system is mounted: `/` but for tests and containers."""

    def proc(self, *parts: str) -> Path:
        """A path below `/proc` of the observed host."""
        return self.root.joinpath("proc", *parts)

    def sys(self, *parts: str) -> Path:
        """A path below `/sys` of the observed host."""
        return self.root.joinpath("sys", *parts)


@runtime_checkable
class Component(Protocol):
    """Something with a life; see the module's docstring."""

    def start(self) -> None:
        """Begins work and returns."""
        ...

    def stop(self) -> None:
        """Ends work and returns when nothing is left of it."""
        ...


class Output(Protocol):
    """Where a check puts what it found. Valid only during `collect`.

    All samples of one run carry the timestamp of the schedule, whenever they are put. Labels given
    as a mapping and by keyword are joined; empty values are left out; `host` is added if missing.
    """

    def put(
        self, metric: Metric, value: float, labels: Mapping[str, str] | None = None, **more: str
    ) -> None:
        """A value as it is. NaN and infinities are dropped and counted."""
        ...

    def rate(
        self, metric: Metric, total: float, labels: Mapping[str, str] | None = None, **more: str
    ) -> None:
        """Per second since the run before, from a cumulative total.

        The first run and a total that went back give nothing.
        """
        ...

    def delta(
        self, metric: Metric, total: float, labels: Mapping[str, str] | None = None, **more: str
    ) -> None:
        """The growth of a cumulative total since the run before; else as `rate`."""
        ...

    def status(
        self, name: str, status: Status, message: str = "", labels: Mapping[str, str] | None = None
    ) -> None:
        """A service check: the series `service_check{check=name}`.

        Its message becomes an event when the status changes.
        """
        ...

    def event(self, event: Event) -> None:
        """Something that happened."""
        ...


class Check(Protocol):
    """A pull source. `collect` runs on a worker thread, never twice at once for one instance.

    It must return within its deadline (built-in checks set time-outs on whatever they wait for)
    and may raise: `NoData` (nothing here; not an error), `NeedsSetup`, `Retryable`, `Permanent`;
    anything else is a bug, and is shown as one. What was put before an error is kept.
    """

    def collect(self, out: Output) -> None:
        """Measures once."""
        ...

    def close(self) -> None:
        """Lets go of connections. May be called twice."""
        ...


class Sink(Protocol):
    """Takes batches out, on a thread of its own.

    Batching, retry, back-off, buffering and counting are the pipeline's.

    `send` returns when the other side has acknowledged *all* entries; it raises `Retryable` (the
    same entries come again, in the same order and with the same marks) or `Permanent` (they are
    dropped and counted).
    """

    def send(self, entries: Sequence[Entry]) -> None:
        """Delivers, or raises."""
        ...

    def close(self) -> None:
        """Lets go of connections. May be called twice."""
        ...


class Emit(Protocol):
    """How a listener hands on what it received."""

    def __call__(self, batch: Batch) -> None:
        """Returns when the batch is in every buffer; raises `Full` if it could not be taken."""
        ...


class Listener(Component, Protocol):
    """A push source: built with `(settings, context, emit)`; acknowledges only after `emit`."""


class Processor(Protocol):
    """Changes or drops what passes. Pure: no I/O, no clock."""

    def process(self, batch: Batch) -> Batch:
        """The batch to hand on; may be the same one, may be empty."""
        ...


def with_labels(labels: Labels, more: Mapping[str, str]) -> Labels:
    """`labels` with those of `more` that are not there yet, in canonical order."""
    known = {name for name, _ in labels}
    added = [(name, value) for name, value in more.items() if value and name not in known]
    return tuple(sorted((*labels, *added))) if added else labels
