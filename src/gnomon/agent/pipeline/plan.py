"""What an agent should be running, as plain data: made from the settings files, compared on reload.

A spec equals another when a person would say nothing changed, so a reload touches only what did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from gnomon.buffer.settings import BufferSettings
from gnomon.core.settings import Located, Settings


class SourceLimits(Settings, frozen=True, kw_only=True):
    """Bounds for one source (a check instance, a plugin, a listener)."""

    series: int = 10_000
    """Most distinct series of one source; further ones are folded into `gnomon.overflow`."""
    label_length: int = 1024
    """Longest label value, in characters; longer ones are cut and counted."""


class CheckSpec(NamedTuple):
    """One instance of a check."""

    check: str
    """Name in the registry."""
    instance: str
    """Distinguishes the instances of one check: "" for the only one."""
    settings: Located
    """For the check's own `Settings`."""
    interval: float
    """Seconds."""
    labels: Mapping[str, str] = {}
    """Added to each of its samples."""
    origin: str = ""
    """For a person: the file it comes from, `default` or `discovered`."""
    deadline: float = 0.0
    """Seconds a run may take; 0: the interval, but at least 10."""

    @property
    def key(self) -> str:
        """`postgres:main`."""
        return f"{self.check}:{self.instance}" if self.instance else self.check

    def same_as(self, other: CheckSpec) -> bool:
        """Whether nothing that matters changed (line numbers do not)."""
        return self._replace(settings=Located(self.settings.data)) == other._replace(
            settings=Located(other.settings.data)
        )


class SinkSpec(NamedTuple):
    """One sink and its buffer."""

    sink: str
    """Name in the registry."""
    name: str
    """Names the buffer's folder."""
    settings: Located
    buffer: BufferSettings = BufferSettings()

    def same_as(self, other: SinkSpec) -> bool:
        """Whether nothing that matters changed."""
        return self._replace(settings=Located(self.settings.data)) == other._replace(
            settings=Located(other.settings.data)
        )


class ListenerSpec(NamedTuple):
    """One listener."""

    listener: str
    """Name in the registry."""
    settings: Located

    def same_as(self, other: ListenerSpec) -> bool:
        """Whether nothing that matters changed."""
        return self.listener == other.listener and self.settings.data == other.settings.data


class Broken(NamedTuple):
    """A part of the settings that cannot be used: shown red, retried when the file changes."""

    kind: str
    """`check`, `sink` or `listener`."""
    name: str
    message: str


class Plan(NamedTuple):
    """All of it."""

    checks: Sequence[CheckSpec] = ()
    sinks: Sequence[SinkSpec] = ()
    listeners: Sequence[ListenerSpec] = ()
    broken: Sequence[Broken] = ()
    labels: Mapping[str, str] = {}
    """Added to each sample of this agent (`tags` of the settings)."""
    limits: SourceLimits = SourceLimits()


class CheckState(msgspec.Struct, frozen=True):
    """What is known of a check instance; part of the status document."""

    name: str
    instance: str
    interval: float
    origin: str
    status: str = "waiting"
    """`waiting`, `ok`, `warning`, `critical`, `unknown`, `no_data` or `needs_setup`."""
    message: str = ""
    hint: str = ""
    last_run: int | None = None
    """Schedule time of the last run, in milliseconds."""
    duration: float | None = None
    """Seconds."""
    samples: int = 0
    """Of the last run."""
    runs: int = 0
    errors: int = 0
    missed: int = 0
    """Runs left out because the one before was not over."""


class QueueState(msgspec.Struct, frozen=True):
    """What waits in a sink's buffer."""

    batches: int
    samples: int
    bytes: int
    oldest: int | None


class SinkState(msgspec.Struct, frozen=True):
    """What is known of a sink; part of the status document."""

    name: str
    sink: str
    state: str
    """`idle`, `sending`, `retrying` or `failed`."""
    message: str = ""
    sent: int = 0
    """Samples acknowledged."""
    errors: int = 0
    next_try: int | None = None
    """Milliseconds since the Unix epoch."""
    queue: QueueState | None = None
    dropped: Mapping[str, int] = {}


class ListenerState(msgspec.Struct, frozen=True):
    """What is known of a listener; part of the status document."""

    name: str
    state: str
    """`listening` or `failed`."""
    message: str = ""
    addresses: Sequence[str] = ()
