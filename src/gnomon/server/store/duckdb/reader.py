"""Reading: series from the index, samples from blocks and head, put together and in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np
from duckdb import DuckDBPyConnection

from gnomon.core.errors import Corrupt
from gnomon.core.model import Event
from gnomon.core.telemetry import Telemetry, counter
from gnomon.server.store.duckdb.append import event_of
from gnomon.server.store.duckdb.blocks import Block, read_blocks
from gnomon.server.store.duckdb.database import explained
from gnomon.server.store.duckdb.rows import Refs, Run, merged, ordered
from gnomon.server.store.duckdb.views import View
from gnomon.server.store.interface import Frame, Matcher

READ_ERRORS = counter("gnomon.store.read.errors", "Reads that failed.")
EVENT_ROWS = 1000


class Reader:
    """Works on the views it is given; safe for threads, each read has a cursor of its own."""

    def __init__(self, folder: Path, telemetry: Telemetry) -> None:
        """`folder` holds the blocks."""
        self._folder = folder
        self._errors = telemetry.value(READ_ERRORS)

    def select(
        self, view: View, matchers: Sequence[Matcher], start: int | None, end: int | None
    ) -> Refs:
        """Series that match and may have samples in a time range."""
        refs = view.state.index.select(matchers)
        return refs[view.state.last.between(refs, start, end)]

    def run(self, view: View, refs: Refs, start: int, end: int) -> Run:
        """Samples of series in time order, one value at one time."""
        if not len(refs):
            return ordered(merged(()))
        blocks = [
            block
            for block in view.blocks_in(start, end)
            if block.low <= refs[-1] and block.high >= refs[0]
        ]
        runs = self._from_blocks(view.state.con, blocks, refs, start, end)
        chosen = np.zeros(int(refs[-1]) + 2, np.bool_)
        chosen[refs] = True
        for head in view.heads:
            runs += head.select(refs, chosen, start, end)
        return ordered(merged(runs))

    def frame(self, view: View, refs: Refs, start: int, end: int) -> Frame:
        """The same with series for refs."""
        run = self.run(view, refs, start, end)
        series = view.state.index.series(run.refs)
        return Frame(series, run.offsets, run.timestamps, run.values).sealed()

    def events(
        self, view: View, start: int, end: int, labels: Mapping[str, str], limit: int
    ) -> list[Event]:
        """Newest first."""
        wanted = set(labels.items())
        found: list[Event] = []
        with view.state.con.cursor() as cursor:
            cursor.execute(
                "SELECT ts, title, text, kind, source, labels FROM event WHERE ts BETWEEN ? AND ?"
                " ORDER BY ts DESC, rowid DESC",
                [start, end],
            )
            while len(found) < limit and (rows := cursor.fetchmany(EVENT_ROWS)):
                found += [event for event in map(event_of, rows) if wanted <= set(event.labels)]
        return found[:limit]

    def _from_blocks(
        self, con: DuckDBPyConnection, blocks: Sequence[Block], refs: Refs, start: int, end: int
    ) -> list[Run]:
        if not blocks:
            return []
        try:
            with con.cursor() as cursor:
                return read_blocks(cursor, self._folder, blocks, refs, start, end)
        except duckdb.Error as error:
            self._errors.add()
            raise self._blamed(con, blocks, error) from error

    def _blamed(
        self, con: DuckDBPyConnection, blocks: Sequence[Block], error: duckdb.Error
    ) -> Exception:
        """Which file it is that cannot be read."""
        if isinstance(error, (duckdb.ConnectionException, duckdb.FatalException)):
            return explained(error)
        for block in blocks:
            everything = np.arange(block.low, block.high + 1, dtype=np.uint32)
            try:
                with con.cursor() as cursor:
                    read_blocks(cursor, self._folder, [block], everything, block.first, block.last)
            except duckdb.Error as own:
                line = str(own).partition("\n")[0]
                return Corrupt(
                    f"{self._folder / block.file}: is damaged ({line}); restore it from a back-up, "
                    f"or delete it and start again to lose its {block.rows} samples and read the rest"
                )
        return explained(error)
