"""One change of what is closed: new blocks for old ones, tables dropped, series forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from duckdb import DuckDBPyConnection

from gnomon.server.store.duckdb.blocks import Block
from gnomon.server.store.duckdb.database import Folder, insert, transaction
from gnomon.server.store.duckdb.head import HeadBucket
from gnomon.server.store.duckdb.last import LastValues
from gnomon.server.store.duckdb.rows import EMPTY, Refs
from gnomon.server.store.duckdb.state import State
from gnomon.server.store.duckdb.views import Views

NONE = np.empty(0, np.uint32)


class Change(NamedTuple):
    """The files of `added` stand already."""

    added: Sequence[Block] = ()
    removed: Sequence[Block] = ()
    closed: Sequence[HeadBucket] = ()
    """Head buckets whose samples are in `added`."""
    forgotten: Refs = NONE
    """Series that have no samples left."""


def blocks_after(state: State, change: Change) -> tuple[Block, ...]:
    """The catalog as it will be."""
    gone = {block.file for block in change.removed}
    kept = [block for block in state.blocks if block.file not in gone]
    return tuple(sorted([*kept, *change.added], key=lambda block: (block.sequence, block.file)))


def commit(state: State, views: Views, folder: Folder, change: Change) -> None:
    """Makes it true, on disk and then in memory. Only while nobody appends."""
    con, last = state.con, state.last
    saved = last.saved(change.forgotten)
    last.reset(change.forgotten, EMPTY)
    try:
        with transaction(con):
            for bucket in change.closed:
                con.execute(f'DROP TABLE "{bucket.table}"')
            for block in change.removed:
                con.execute("DELETE FROM block WHERE file = ?", [block.file])
            insert(con, "block", *zip(*change.added, strict=True))
            _forget(con, change.forgotten)
            if change.closed or len(change.forgotten):
                _write_newest(con, last)
    except BaseException:
        last.load(change.forgotten, *saved)
        raise
    with views.lock:
        state.blocks = blocks_after(state, change)
        for bucket in change.closed:
            state.hot.remove(bucket)
        state.index.forget(change.forgotten)
        views.retire([folder.blocks / block.file for block in change.removed])


def _forget(con: DuckDBPyConnection, forgotten: Refs) -> None:
    if len(forgotten):
        forgotten_rows = {"ref": forgotten}
        for table in ("series", "link"):
            con.execute(f"DELETE FROM {table} WHERE ref IN (SELECT ref FROM forgotten_rows)")  # noqa: S608
        del forgotten_rows


def _write_newest(con: DuckDBPyConnection, last: LastValues) -> None:
    """The newest samples as of now: at the next start only hot tables are read beside them."""
    refs, first, newest, values = last.stored()
    con.execute("DELETE FROM newest")
    insert(con, "newest", refs, first, newest, values.view(np.int64))
