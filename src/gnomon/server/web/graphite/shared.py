"""What all handlers of the Graphite API share: the engine, its lock, the clock, worker threads."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

from gnomon.server.query.graphite.engine import Engine
from gnomon.server.web.context import Server

T = TypeVar("T")


class Shared:
    """One for each server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._engine = Engine(server.store)
        self._refreshing = threading.Lock()

    def now(self) -> int:
        """Epoch seconds."""
        return self.server.clock.now() // 1000

    def engine(self) -> Engine:
        """The engine, which knows the names of this moment. For worker threads."""
        with self._refreshing:
            self._engine.refresh(self.now())
        return self._engine

    def paths(self) -> list[str]:
        """All paths of the tree. For worker threads."""
        return self.engine().tree.paths()

    def compute(self, work: Callable[[], T]) -> Awaitable[T]:
        """Runs in a worker thread what takes its time."""
        return run_in_threadpool(work)
