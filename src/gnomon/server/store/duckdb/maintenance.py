"""Upkeep: closing buckets into blocks, merging blocks, retention, deletion.

Every change has the same order: the new files are written, synced and renamed; one transaction
makes the catalog speak of them and drops what they replace; then memory follows; then files nobody
can see any more are deleted. A crash before the transaction leaves files the catalog does not know,
a crash after it leaves files it knows no longer: both are deleted when the store is opened.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np

from gnomon.core.clock import Clock
from gnomon.core.telemetry import Telemetry, counter
from gnomon.server.store.duckdb.blocks import Block, file_name, read_blocks, write_block
from gnomon.server.store.duckdb.change import Change, blocks_after, commit
from gnomon.server.store.duckdb.database import Folder, number
from gnomon.server.store.duckdb.head import HeadBucket
from gnomon.server.store.duckdb.last import NEVER, NO_FIRST
from gnomon.server.store.duckdb.merging import mergeable, span_length
from gnomon.server.store.duckdb.reader import Reader
from gnomon.server.store.duckdb.rows import Refs, Run, merged, ordered, within, without
from gnomon.server.store.duckdb.salvage import export_index
from gnomon.server.store.duckdb.state import State
from gnomon.server.store.duckdb.views import View, Views
from gnomon.server.store.settings import StoreSettings

CLOSED = counter("gnomon.store.close.samples", "Samples moved from hot tables into blocks.")
CLOSE_SECONDS = counter("gnomon.store.close.seconds", "Time spent closing buckets.", "second")
MERGED = counter("gnomon.store.merge.samples", "Samples in blocks that were merged.")
MERGE_SECONDS = counter("gnomon.store.merge.seconds", "Time spent merging blocks.", "second")
EXPIRED = counter("gnomon.store.expired.samples", "Samples dropped by retention.")
DELETED = counter("gnomon.store.deleted.samples", "Samples deleted on request.")
CHUNK = 1000
"""Series looked at together when samples are deleted."""


class Maintenance:
    """One thing at a time (`lock`), while reads and appends go on; `append_lock` stops appends."""

    def __init__(
        self,
        folder: Folder,
        settings: StoreSettings,
        clock: Clock,
        telemetry: Telemetry,
        append_lock: threading.RLock,
    ) -> None:
        self.lock = threading.RLock()
        self._folder = folder
        self._settings = settings
        self._clock = clock
        self._telemetry = telemetry
        self._append_lock = append_lock
        self._reader = Reader(folder.blocks, telemetry)
        self._exported = -1

    def close_due(self, state: State, views: Views, now: int) -> None:
        """Closes the buckets whose time has come."""
        settings = self._settings
        moment, grace = self._clock.monotonic(), round(settings.grace * 1000)
        with views.lock:
            due = state.hot.due(now, moment, grace, settings.late_rows)
        for bucket in due:
            self.close(state, views, bucket)

    def close_all(self, state: State, views: Views) -> None:
        """Closes everything that is in memory now."""
        with views.lock:
            buckets = list(state.hot)
        for bucket in buckets:
            self.close(state, views, bucket)

    def close(self, state: State, views: Views, bucket: HeadBucket) -> None:
        """Moves a head bucket into blocks."""
        started = self._clock.monotonic()
        with self._append_lock:
            state.hot.freeze(bucket)
        written: list[Block] = []
        try:
            self._export(state)
            run = ordered(merged(bucket.snapshot.all()))
            self._write_spans(state, bucket, run, written)
            with self._append_lock:
                commit(state, views, self._folder, Change(written, closed=[bucket]))
        except BaseException:
            self._undo(state, [bucket], written)
            raise
        self._telemetry.value(CLOSED).add(bucket.rows)
        self._telemetry.value(CLOSE_SECONDS).add(self._clock.monotonic() - started)

    def merge(self, state: State, views: Views, now: int) -> None:
        """Makes fewer and better blocks of many."""
        retention = round(self._settings.retention * 1000)
        for group in list(mergeable(state.blocks, state.hot.size, now, retention)):
            started = self._clock.monotonic()
            run = ordered(merged(self._read(state, group)))
            block = Block("", group[-1].sequence, 0, 0, 0, 0, 0, 0, max(b.stored for b in group))
            written: list[Block] = []
            try:
                self._write(state, run, block, written)
                with self._append_lock:
                    commit(state, views, self._folder, Change(written, removed=group))
            except BaseException:
                self._undo(state, [], written)
                raise
            self._telemetry.value(MERGED).add(run.rows)
            self._telemetry.value(MERGE_SECONDS).add(self._clock.monotonic() - started)

    def expire(self, state: State, views: Views, now: int) -> None:
        """Drops blocks past retention, and what is known of series that ended with them."""
        if not self._settings.retention:
            return
        cut = now - round(self._settings.retention * 1000)
        gone = [block for block in state.blocks if block.last < cut and block.stored < cut]
        if gone:
            with self._append_lock:
                kept = blocks_after(state, Change(removed=gone))
                starts = [block.first for block in kept]
                starts += [bucket.first for bucket in state.hot]
                ended = state.last.ended_before(min(starts, default=NO_FIRST))
                commit(state, views, self._folder, Change(removed=gone, forgotten=ended))
            self._telemetry.value(EXPIRED).add(sum(block.rows for block in gone))
        with self._append_lock:
            old = f"FROM event WHERE greatest(ts, stored) < {cut}"
            count = number(state.con, f"SELECT count(*) {old}")
            if count:
                state.con.execute(f"DELETE {old}")
                state.events -= count

    def delete(self, state: State, views: Views, refs: Refs, start: int, end: int) -> int:
        """Removes samples of series, and series that have none left; how many samples it were."""
        with views.look() as view:
            count = sum(self._reader.run(view, chunk, start, end).rows for chunk in _chunks(refs))
            touched = [
                block
                for block in view.blocks_in(start, end)
                if block.low <= refs[-1] and block.high >= refs[0]
            ]
        with self._append_lock:
            buckets = [b for b in state.hot if b.first <= end and b.last >= start]
            for bucket in buckets:
                state.hot.freeze(bucket)
        written: list[Block] = []
        try:
            self._export(state)
            removed = self._rewrite(state, touched, written, refs, start, end)
            for bucket in buckets:
                run = without(ordered(merged(bucket.snapshot.all())), refs, start, end)
                self._write_spans(state, bucket, run, written)
            self._commit_delete(state, views, refs, Change(written, removed, buckets))
        except BaseException:
            self._undo(state, buckets, written)
            raise
        self._telemetry.value(DELETED).add(count)
        return count

    # Inside.

    def _rewrite(
        self,
        state: State,
        blocks: Sequence[Block],
        written: list[Block],
        refs: Refs,
        start: int,
        end: int,
    ) -> list[Block]:
        """Writes blocks anew without some samples; returns those it replaces."""
        removed: list[Block] = []
        for block in blocks:
            run = ordered(merged(self._read(state, [block])))
            rest = without(run, refs, start, end)
            if rest.rows < run.rows:
                removed.append(block)
                self._write(state, rest, block, written)
        return removed

    def _commit_delete(self, state: State, views: Views, refs: Refs, change: Change) -> None:
        with self._append_lock:
            heads = [bucket.snapshot for bucket in state.hot if bucket not in change.closed]
            after = View(state, blocks_after(state, change), heads)
            saved = state.last.saved(refs)
            try:
                ended: list[Refs] = []
                for chunk in _chunks(refs):
                    rest = self._reader.run(after, chunk, NEVER, NO_FIRST)
                    state.last.reset(chunk, rest)
                    ended.append(np.setdiff1d(chunk, rest.refs))
                forgotten = np.concatenate(ended)
                commit(state, views, self._folder, change._replace(forgotten=forgotten))
            except BaseException:
                state.last.load(refs, *saved)
                raise

    def _read(self, state: State, blocks: Sequence[Block]) -> list[Run]:
        """Everything in some blocks."""
        low, high = min(block.low for block in blocks), max(block.high for block in blocks)
        everything = np.arange(low, high + 1, dtype=np.uint32)
        with state.con.cursor() as cursor:
            return read_blocks(cursor, self._folder.blocks, blocks, everything, NEVER, NO_FIRST)

    def _write_spans(
        self, state: State, bucket: HeadBucket, run: Run, written: list[Block]
    ) -> None:
        """A head bucket's samples as blocks; late ones are cut into spans of time."""
        block = Block("", state.next_serial(), 0, 0, 0, 0, 0, 0, self._clock.now())
        if bucket.number is not None or not run.rows:
            self._write(state, run, block, written)
            return
        length = span_length(run.timestamps, state.hot.size)
        for span in np.unique(run.timestamps // length).tolist():
            part = within(run, span * length, (span + 1) * length - 1)
            self._write(state, part, block, written)

    def _write(self, state: State, run: Run, block: Block, written: list[Block]) -> None:
        if run.rows:
            named = block._replace(file=file_name(block.sequence, state.next_serial()))
            with state.con.cursor() as cursor:
                written.append(write_block(cursor, self._folder.blocks, run, named))

    def _export(self, state: State) -> None:
        """Series must outlive the database, or no block could be read without it."""
        if len(state.index) != self._exported:
            count = len(state.index)
            with state.con.cursor() as cursor:
                export_index(cursor, self._folder, state.next_serial())
            self._exported = count

    def _undo(self, state: State, buckets: Sequence[HeadBucket], written: Sequence[Block]) -> None:
        for block in written:
            (self._folder.blocks / block.file).unlink(missing_ok=True)
        with self._append_lock:
            for bucket in buckets:
                state.hot.thaw(bucket)


def _chunks(refs: Refs) -> Iterator[Refs]:
    for place in range(0, len(refs), CHUNK):
        yield refs[place : place + CHUNK]
