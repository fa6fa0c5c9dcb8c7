"""A whole server in this process over the in-memory store: for tests of routes and APIs."""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from gnomon.core.clock import Clock
from gnomon.core.settings import Secret
from gnomon.core.telemetry import Telemetry
from gnomon.server.fleet.inventory import Inventory
from gnomon.server.ingest.interface import Ingest
from gnomon.server.ingest.limits import Limits
from gnomon.server.store.interface import Store
from gnomon.server.store.memory import MemoryStore
from gnomon.server.store.settings import WriterSettings
from gnomon.server.store.writer import GroupWriter, Writer
from gnomon.server.web.app import build
from gnomon.server.web.context import Server
from gnomon.testing.asgi import Client
from gnomon.testing.clock import FakeClock


class MemoryServer(NamedTuple):
    """Its parts; speak to it through `client`."""

    client: Client
    store: Store
    writer: Writer
    telemetry: Telemetry
    clock: Clock

    def counted(self, name: str, **labels: str) -> float:
        """The sum of a self-metric over all label sets that have these labels."""
        wanted = set(labels.items())
        return sum(
            sample.value
            for sample in self.telemetry.samples(0)
            if sample.series.name == name and wanted <= set(sample.series.labels)
        )


@contextmanager
def memory_server(
    limits: Limits | None = None,
    keys: Sequence[str] = (),
    writer: Writer | None = None,
    clock: Clock | None = None,
) -> Generator[MemoryServer]:
    """Runs until the block is left; `writer` replaces the one in front of the store."""
    clock, telemetry = clock or FakeClock(), Telemetry()
    log = logging.getLogger("gnomon.server")
    store = MemoryStore(clock)
    own = GroupWriter(store, telemetry, clock, WriterSettings())
    ingest = Ingest(writer or own, clock, telemetry, log, limits)
    server = Server(store, own, Inventory(), clock, telemetry, log, clock.now())
    with Client(build(server, ingest, [Secret(key) for key in keys])) as client:
        try:
            yield MemoryServer(client, store, own, telemetry, clock)
        finally:
            ingest.close()
            own.close()
            store.close()
