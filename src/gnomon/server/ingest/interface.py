"""What an ingest route is: a thin translation from one protocol to the store's `Write`.

A route module lives in `ingest/routes/`, names its factory `component`, and is reached through the
registry. The factory takes the `Ingest` and returns Starlette routes. A handler decodes with a
codec, awaits `ingest.store(write)` and answers as its protocol expects; a 2xx means durable.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

from starlette.routing import BaseRoute

from gnomon.core.clock import Clock
from gnomon.core.settings import Settings, Size
from gnomon.core.telemetry import Telemetry
from gnomon.server.store.interface import Outcome, Write


class Limits(Settings, frozen=True, kw_only=True):
    """Bounds of what one request may carry."""

    body: Size = Size(16 << 20)
    """Largest request body as it comes over the wire."""
    decompressed: Size = Size(128 << 20)
    """Largest body once decompressed."""
    series_per_request: int = 200_000
    """Most distinct series in one request."""
    label_length: int = 4096
    """Longest label name or value, in characters."""
    labels_per_series: int = 64
    """Most labels of one series."""


class Ingest(NamedTuple):
    """What a route is handed."""

    store: Callable[[Write], Awaitable[Outcome]]
    """Returns when the write is durable; raises `Full` (answer 503 with Retry-After) or
    `Permanent` (answer 400)."""
    clock: Clock
    telemetry: Telemetry
    log: logging.Logger
    limits: Limits = Limits()


class Routes(Protocol):
    """The factory of a route module."""

    def __call__(self, ingest: Ingest) -> Sequence[BaseRoute]:
        """Routes for the one HTTP port."""
        ...
