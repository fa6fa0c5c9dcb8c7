"""What every buffer promises; the contract suite in `gnomon.testing.contract` runs over each.

A buffer belongs to one sink. Many threads `put`, one thread (the sender) reads and settles.

- A batch gets its `Mark` on `put` and keeps it for ever; marks are unique across restarts.
- `put` never waits for the sink. When a bound (bytes, age) is reached the *oldest* batches are
  dropped and counted by reason; when the disk refuses, `put` raises `Full` and keeps nothing.
- What `put` returned for survives `kill -9`; it survives a power cut once `sync` has returned.
- A batch leaves only by `ack` (delivered), `drop` (refused for good) or a bound.
- `read` gives the oldest batches first (or the freshest first, if so set) and gives the same ones
  again until they are settled, in the same order and with the same marks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from gnomon.core.component import Entry
from gnomon.core.model import Batch, Mark


class BufferStats(msgspec.Struct, frozen=True):
    """What stands in a buffer now, and what it lost."""

    batches: int
    samples: int
    bytes: int
    """On disk, or as encoded in memory."""
    oldest: int | None
    """Milliseconds since the Unix epoch at which the oldest batch was put."""
    dropped: Mapping[str, int]
    """Samples lost, by reason: `overflow`, `age`, `corrupt`, or what `drop` was told."""


class Buffer(Protocol):
    """See the module's docstring."""

    def put(self, batch: Batch) -> Mark:
        """Takes a batch, or raises `Full`."""
        ...

    def read(self, max_samples: int, timeout: float) -> Sequence[Entry]:
        """Up to about `max_samples`, at least one batch.

        Waits up to `timeout` seconds for the first; empty when nothing came or it was closed.
        """
        ...

    def ack(self, marks: Sequence[Mark]) -> None:
        """These are delivered. Unknown marks are ignored (they were dropped meanwhile)."""
        ...

    def drop(self, marks: Sequence[Mark], reason: str) -> None:
        """These were refused for good; counted under `reason`."""
        ...

    def sync(self) -> None:
        """Returns when all that was put before survives a power cut."""
        ...

    def stats(self) -> BufferStats:
        """Cheap; from any thread."""
        ...

    def close(self) -> None:
        """Syncs and lets go of the files; wakes a waiting `read`. May be called twice."""
        ...
