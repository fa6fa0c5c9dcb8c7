"""Everything a store keeps in memory, read back from its database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from gnomon.core.clock import Clock
from gnomon.server.store.duckdb.blocks import Block, sequence_of
from gnomon.server.store.duckdb.database import columns, hot_tables, number
from gnomon.server.store.duckdb.hot import Hot
from gnomon.server.store.duckdb.index import SeriesIndex, Stored
from gnomon.server.store.duckdb.last import LastValues
from gnomon.server.store.duckdb.rows import Rows
from gnomon.server.store.ledger import Ledger, Run
from gnomon.server.store.settings import StoreSettings


class State:
    """What reads and writes need at hand. Replaced as a whole when the database is opened anew."""

    def __init__(self, con: DuckDBPyConnection, settings: StoreSettings, clock: Clock) -> None:
        """Raises `duckdb.Error` when the database is damaged."""
        self.con = con
        """For writing, by one thread at a time; readers use cursors of it."""
        self.index = SeriesIndex(_stored_index(con), settings.series_cache)
        self.last = _last(con, len(self.index))
        self.ledger, self.mark_rows = _ledger(con)
        self.blocks = _blocks(con)
        self.serial = max((max(sequence_of(block.file)) for block in self.blocks), default=0)
        """The highest number of a block so far."""
        self.events = number(con, "SELECT count(*) FROM event")
        self.hot = Hot(round(settings.bucket * 1000))
        for table in hot_tables(con):
            found = columns(con, f'SELECT ref, ts, bits FROM "{table}"')  # noqa: S608
            rows = Rows(found["ref"], found["ts"], found["bits"].view(np.float64))
            self.last.update(rows)
            self.hot.restore(table, rows, clock.monotonic())

    def next_serial(self) -> int:
        """A new number for a block."""
        self.serial += 1
        return self.serial


def _stored_index(con: DuckDBPyConnection) -> Stored:
    series = columns(con, "SELECT ref, id FROM series")
    link = columns(con, "SELECT ref, pair FROM link")
    pair = columns(con, "SELECT code, label, value FROM pair")
    count = int(series["ref"].max()) + 1 if len(series["ref"]) else 0
    ids = np.zeros(count, np.uint64)
    ids[series["ref"]] = series["id"]
    alive = np.zeros(count, np.bool_)
    alive[series["ref"]] = True
    if np.any(link["ref"][1:] < link["ref"][:-1]):
        order = np.argsort(link["ref"], kind="stable")
        link = {name: column[order] for name, column in link.items()}
    metric = columns(con, "SELECT name, meta FROM metric ORDER BY rowid")
    meta = con.execute("SELECT kind, unit, help FROM meta ORDER BY code").fetchall()
    label = con.execute("SELECT name FROM label ORDER BY code").fetchall()
    owners, values = _by_code(pair)
    return Stored(
        labels=[name for (name,) in label],
        pair_labels=owners,
        pair_values=values,
        ids=ids,
        alive=alive,
        link_refs=link["ref"],
        link_pairs=link["pair"],
        metas=[(kind, unit, help_) for kind, unit, help_ in meta],
        metrics=dict(zip(metric["name"].tolist(), metric["meta"].tolist(), strict=True)),
    )


def _by_code(pair: Mapping[str, NDArray[Any]]) -> tuple[NDArray[np.uint32], list[str]]:
    """Label and value of each code; codes that are no longer used own no label."""
    codes = pair["code"]
    count = int(codes.max()) + 1 if len(codes) else 0
    if len(codes) == count and np.all(codes[1:] > codes[:-1]):
        return pair["label"], pair["value"].tolist()
    owners = np.full(count, np.iinfo(np.uint32).max, np.uint32)
    values = np.full(count, "", object)
    owners[codes], values[codes] = pair["label"], pair["value"]
    return owners, values.tolist()


def _last(con: DuckDBPyConnection, count: int) -> LastValues:
    last = LastValues(count)
    newest = columns(con, "SELECT ref, first, last, bits FROM newest")
    values = newest["bits"].view(np.float64)
    last.load(newest["ref"], newest["first"], newest["last"], values)
    return last


def _ledger(con: DuckDBPyConnection) -> tuple[Ledger, int]:
    ledger = Ledger()
    rows = con.execute("SELECT agent, epoch, first, last, seen FROM mark").fetchall()
    for agent, epoch, first, last, seen in rows:
        ledger.record(Run(agent, epoch, first, last), seen)
    for key, seen in con.execute("SELECT key, seen FROM key").fetchall():
        ledger.record_key(key, seen)
    return ledger, len(rows)


def _blocks(con: DuckDBPyConnection) -> tuple[Block, ...]:
    found = con.execute(
        "SELECT file, sequence, first, last, rows, bytes, low, high, stored FROM block"
        " ORDER BY sequence, file"
    ).fetchall()
    return tuple(Block(*row) for row in found)
