"""What the modules of `web/api` and `web/pages` are handed.

Each of them has `routes(server: Server) -> list[BaseRoute]`; `web/app.py` puts them together.
Handlers are `async` and call the store in a worker thread (`starlette.concurrency`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from gnomon.core.clock import Clock
from gnomon.core.telemetry import Telemetry
from gnomon.server.fleet.inventory import Inventory
from gnomon.server.store.interface import Store
from gnomon.server.store.writer import Writer


class Server(NamedTuple):
    """The parts of a running server."""

    store: Store
    writer: Writer
    inventory: Inventory
    clock: Clock
    telemetry: Telemetry
    log: logging.Logger
    started: int
    """Milliseconds since the Unix epoch."""
    settings: Mapping[str, Any] = {}
    """What is in force, as `gnomon config show` prints it: secrets are masked."""
