"""What a reader sees: the blocks and head buckets of one moment.

Blocks and the parts of head buckets never change, so a view is a few tuples. A block that was
replaced stays on disk until every view that may name it is gone.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from gnomon.core.errors import Retryable
from gnomon.server.store.duckdb.blocks import Block
from gnomon.server.store.duckdb.head import Snapshot
from gnomon.server.store.duckdb.state import State


class View(NamedTuple):
    """The samples of one moment."""

    state: State
    blocks: Sequence[Block]
    """In the order of their sequence."""
    heads: Sequence[Snapshot]

    def blocks_in(self, start: int, end: int) -> list[Block]:
        """Those that may have samples of a time range."""
        return [block for block in self.blocks if block.first <= end and block.last >= start]


class Views:
    """Hands out views, and deletes files nobody looks at any more."""

    def __init__(self, state: State) -> None:
        self.lock = threading.Lock()
        """Held while memory changes, so that a view has whole appends only."""
        self.state = state
        self.closed = False
        self._changed = threading.Condition(self.lock)
        self._paused = False
        self._moment = 0
        self._active: Counter[int] = Counter()
        self._retired: list[tuple[int, Path]] = []

    @contextmanager
    def look(self) -> Generator[View]:
        """A view for as long as the block runs. Raises `Retryable` when the store is closed."""
        with self.lock:
            self._changed.wait_for(lambda: not self._paused)
            if self.closed:
                raise Retryable("the store is closed")
            moment = self._moment
            self._active[moment] += 1
            state = self.state
            view = View(state, state.blocks, [bucket.snapshot for bucket in state.hot])
        try:
            yield view
        finally:
            with self.lock:
                self._active[moment] -= 1
                self._active += Counter()  # drops what is zero
                self._delete_unseen()
                self._changed.notify_all()

    def retire(self, paths: Sequence[Path]) -> None:
        """These files are in no later view; call under `lock`, together with the change."""
        self._retired += [(self._moment, path) for path in paths]
        self._moment += 1
        self._delete_unseen()

    @contextmanager
    def paused(self) -> Generator[None]:
        """While the block runs no view is out and readers wait; the state may be replaced."""
        with self.lock:
            self._paused = True
            self._changed.wait_for(lambda: not self._active)
        try:
            yield
        finally:
            with self.lock:
                self._paused = False
                self._changed.notify_all()

    def close(self) -> None:
        """Gives no more views; returns when none is out."""
        with self.lock:
            self.closed = True
            self._changed.wait_for(lambda: not self._active)

    def _delete_unseen(self) -> None:
        oldest = min(self._active, default=self._moment)
        for moment, path in self._retired:
            if moment < oldest:
                path.unlink(missing_ok=True)
        self._retired = [entry for entry in self._retired if entry[0] >= oldest]
