"""What a person sets about a buffer."""

from __future__ import annotations

from typing import Literal

from gnomon.core.settings import Duration, Settings, Size

SMALLEST = 4096


class BufferSettings(Settings, frozen=True, kw_only=True):
    """The durable queue in front of a sink."""

    max_bytes: Size = Size(512 << 20)
    """Bound on disk; beyond it the oldest batches are dropped and counted."""
    max_age: Duration = Duration(7 * 86400)
    """Batches older than this are dropped and counted."""
    order: Literal["oldest", "freshest"] = "oldest"
    """What is sent first after an outage."""
    sync: Literal["always", "interval", "never"] = "interval"
    """When data is forced to disk: before it counts as taken, once in `sync_interval`, or when the
    system pleases. What was taken survives a killed agent in any case; this is about power cuts."""
    sync_interval: Duration = Duration(1)
    """For `sync: interval`."""

    def __post_init__(self) -> None:
        """Refuses what cannot work."""
        if self.max_bytes < SMALLEST:
            raise ValueError(f"max_bytes: at least {SMALLEST} bytes are needed")
