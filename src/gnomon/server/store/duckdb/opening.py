"""Opening a store's folder, whatever state it was left in."""

from __future__ import annotations

import logging
import os
import re

import duckdb

from gnomon.core.clock import Clock
from gnomon.core.errors import Corrupt
from gnomon.server.store.duckdb.blocks import SUFFIX, UNFINISHED
from gnomon.server.store.duckdb.database import Folder, connect, transaction, unreadable
from gnomon.server.store.duckdb.salvage import Saved, rebuild, set_aside
from gnomon.server.store.duckdb.state import State
from gnomon.server.store.settings import StoreSettings

_TORN = re.compile(r"replaying WAL.* at byte position (\d+)", re.DOTALL)


def open_state(
    folder: Folder, settings: StoreSettings, clock: Clock, log: logging.Logger
) -> tuple[State, Saved | None]:
    """The state of the folder, and what was saved if the database was damaged.

    Raises `Permanent` when it cannot be opened, `Corrupt` when nothing can be saved.
    """
    saved = None
    if not folder.file.exists() and any(folder.blocks.glob(f"*{SUFFIX}")):
        log.warning("%s: is missing", folder.file)
        saved = _save(folder, settings, clock)
    try:
        state = _load(folder, settings, clock, log)
    except Corrupt as error:
        log.error("%s", error)
        saved = _save(folder, settings, clock)
        state = _load(folder, settings, clock, log)
    if saved is not None:
        log.error("%s: %s", folder.path, saved)
    _sweep(folder, state, log)
    return state, saved


def _load(folder: Folder, settings: StoreSettings, clock: Clock, log: logging.Logger) -> State:
    logged = folder.log.stat().st_size if folder.log.exists() else 0
    try:
        con = connect(folder, settings)
    except Corrupt as error:
        if not _cut(folder, str(error), log):
            raise
        con = connect(folder, settings)
    try:
        state = State(con, settings, clock)
        if logged:
            # DuckDB cuts off what it could not replay before it writes again.
            con.execute("INSERT INTO format SELECT max(version) FROM format")
            left = folder.log.stat().st_size if folder.log.exists() else logged
            if left < logged:
                log.warning("%s: its last %d bytes were not whole", folder.log, logged - left)
    except duckdb.Error as error:
        con.close()
        raise unreadable(folder, error) from error
    return state


def _cut(folder: Folder, message: str, log: logging.Logger) -> bool:
    """Cuts the write-ahead log before an entry that is torn, if that is what is wrong.

    What was acknowledged had been synced before; a torn end is a transaction that was not.
    """
    torn = _TORN.search(message)
    if torn is None:
        return False
    size = int(torn.group(1))
    log.warning("%s: is torn; its content from byte %d on is left out", folder.log, size)
    with folder.log.open("r+b") as file:
        file.truncate(size)
        os.fsync(file.fileno())
    return True


def _save(folder: Folder, settings: StoreSettings, clock: Clock) -> Saved:
    now = clock.now()
    aside = set_aside(folder, now)
    try:
        con = connect(folder, settings)
        with con, transaction(con):
            return rebuild(con, folder, aside, now)
    except Corrupt:
        # As it was, so that a person may try again with a back-up of either file.
        for path in (folder.file, folder.log):
            path.unlink(missing_ok=True)
            if (aside / path.name).exists():
                (aside / path.name).rename(path)
        raise


def _sweep(folder: Folder, state: State, log: logging.Logger) -> None:
    """Deletes what an interrupted change left behind, and strikes out files that are gone."""
    known = {block.file for block in state.blocks}
    for path in folder.blocks.iterdir():
        if path.suffix == UNFINISHED or (path.suffix == SUFFIX and path.name not in known):
            path.unlink()
    present = {path.name for path in folder.blocks.iterdir()}
    gone = [block for block in state.blocks if block.file not in present]
    for block in gone:
        log.error("%s: is missing; %d samples are lost", folder.blocks / block.file, block.rows)
        state.con.execute("DELETE FROM block WHERE file = ?", [block.file])
    state.blocks = tuple(block for block in state.blocks if block not in gone)
