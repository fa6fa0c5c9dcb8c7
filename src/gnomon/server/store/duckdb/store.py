"""The embedded store: DuckDB for what is hot, Parquet for what is closed, NumPy in between.

- A group of writes is one DuckDB transaction: rows for the hot tables, new series, events, marks.
  The hot rows of a restart come from there; while running they are answered from memory (`head`).
- Closed buckets are immutable sorted files (`blocks`), listed in the database (`maintenance`).
- The series index is columns in memory (`index`), loaded from the database at the start.

`docs/specs/store-layout.md` describes what is on disk.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from gnomon.core.clock import Clock
from gnomon.core.errors import Full, GnomonError, Permanent, Retryable
from gnomon.core.model import Event, Metric, Series
from gnomon.core.telemetry import Telemetry, counter, gauge
from gnomon.server.store.duckdb.append import apply_plan, planned, write_plan
from gnomon.server.store.duckdb.database import (
    RETRY_AFTER,
    Folder,
    explained,
    insert,
    is_fatal,
    transaction,
)
from gnomon.server.store.duckdb.maintenance import Maintenance
from gnomon.server.store.duckdb.opening import open_state
from gnomon.server.store.duckdb.plausible import PlausibleTime
from gnomon.server.store.duckdb.reader import Reader
from gnomon.server.store.duckdb.views import Views
from gnomon.server.store.fold import fold, grid_columns
from gnomon.server.store.interface import (
    Frame,
    Grid,
    GridFunction,
    Last,
    Matcher,
    Outcome,
    StoreStats,
    Write,
)
from gnomon.server.store.ledger import Verdict
from gnomon.server.store.settings import StoreSettings

SAMPLES = counter("gnomon.store.samples", "Samples stored.")
DUPLICATES = counter("gnomon.store.duplicates", "Writes that had been stored before.")
COMMITS = counter("gnomon.store.commits", "Transactions of writes.")
COMMIT_SECONDS = counter("gnomon.store.commit.seconds", "Time spent in them.", "second")
ERRORS = counter("gnomon.store.errors", "Writes and upkeep that failed, by reason.")
SERIES = gauge("gnomon.store.series", "Series known.")
HOT = gauge("gnomon.store.hot.samples", "Samples that are not in closed files yet.")
FILES = gauge("gnomon.store.files", "Closed files.")
BYTES = gauge("gnomon.store.bytes", "Size on disk.", "byte")
SMALL_LOG = 1 << 20
"""Upkeep folds a larger write-ahead log into the database, so that a restart has little to do."""
MARK_ROWS = 10_000
"""Rows of marks beyond what they come to, from which on the table is written anew."""


class DuckStore:
    """See `Store` for what each method promises."""

    def __init__(
        self,
        path: Path,
        settings: StoreSettings,
        clock: Clock,
        telemetry: Telemetry,
        log: logging.Logger | None = None,
    ) -> None:
        """Opens or makes the store in the folder `path`.

        A damaged database is set aside and what can be read is saved (`saved` says so). Raises
        `Permanent` when the folder cannot be used or another process has it, `Corrupt` when
        nothing can be saved.
        """
        self._settings = settings
        self._clock = clock
        self._telemetry = telemetry
        self._log = log or logging.getLogger("gnomon.store")
        self._folder = Folder(path)
        self._broken = False
        self._plausible = PlausibleTime(self._log)
        self._append_lock = threading.RLock()
        try:
            state, self.saved = open_state(self._folder, settings, clock, self._log)
        except BaseException:
            self._folder.release()
            raise
        self._views = Views(state)
        self._maintenance = Maintenance(self._folder, settings, clock, telemetry, self._append_lock)
        self._reader = Reader(self._folder.blocks, telemetry)
        for metric in (SERIES, HOT, FILES, BYTES):
            telemetry.observe(metric, functools.partial(self._observed, metric))

    # Writing.

    def append(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """See `Store`."""
        self._recover()
        with self._append_lock:
            if self._views.closed:
                raise Retryable("the store is closed")
            try:
                outcomes = self._append(writes)
            except GnomonError as error:
                self._failed(error)
                raise
        self._relieve()
        return outcomes

    def delete(self, matchers: Sequence[Matcher], start: int, end: int) -> int:
        """See `Store`."""
        self._recover()
        with self._maintenance.lock:
            with self._views.look() as view:
                refs = self._reader.select(view, matchers, start, end)
            if not len(refs):
                return 0
            with self._guarded():
                return self._maintenance.delete(self._views.state, self._views, refs, start, end)

    def maintain(self, now: int) -> None:
        """See `Store`."""
        self._recover()
        maintenance, views = self._maintenance, self._views
        with maintenance.lock:
            if views.closed:
                return
            with self._guarded():
                maintenance.close_due(views.state, views, now)
                if self._plausible.holds(now, self._clock.monotonic()):
                    maintenance.expire(views.state, views, now)
                    self._forget_marks(now)
                self._checkpoint(SMALL_LOG)
                maintenance.merge(views.state, views, now)

    def close(self) -> None:
        """See `Store`."""
        with self._maintenance.lock, self._append_lock:
            if self._views.closed:
                return
            self._views.close()
            try:
                self._views.state.con.execute("CHECKPOINT")
            except duckdb.Error as error:
                self._log.warning("the store was closed without a checkpoint: %s", error)
            self._views.state.con.close()
            self._folder.release()

    # Reading.

    def series(
        self, matchers: Sequence[Matcher], start: int | None = None, end: int | None = None
    ) -> Sequence[Series]:
        """See `Store`."""
        with self._views.look() as view:
            return view.state.index.series(self._reader.select(view, matchers, start, end))

    def raw(self, matchers: Sequence[Matcher], start: int, end: int) -> Frame:
        """See `Store`."""
        with self._views.look() as view:
            refs = self._reader.select(view, matchers, start, end)
            return self._reader.frame(view, refs, start, end)

    def grid(
        self,
        matchers: Sequence[Matcher],
        start: int,
        end: int,
        step: int,
        function: GridFunction = GridFunction.LAST,
    ) -> Grid:
        """See `Store`."""
        newest = start + (grid_columns(start, end, step) - 1) * step
        return fold(self.raw(matchers, start - step + 1, newest), start, end, step, function)

    def last(self, matchers: Sequence[Matcher], since: int | None = None) -> Last:
        """See `Store`."""
        with self._views.look() as view:
            refs = view.state.index.select(matchers)
            newest = view.state.last.newest(refs, since)
            return Last(view.state.index.series(newest.refs), newest.timestamps, newest.values)

    def label_names(
        self,
        matchers: Sequence[Matcher] = (),
        start: int | None = None,
        end: int | None = None,
    ) -> Sequence[str]:
        """See `Store`."""
        with self._views.look() as view:
            refs = self._reader.select(view, matchers, start, end)
            return view.state.index.label_names(refs)

    def label_values(
        self,
        label: str,
        matchers: Sequence[Matcher] = (),
        start: int | None = None,
        end: int | None = None,
    ) -> Sequence[str]:
        """See `Store`."""
        with self._views.look() as view:
            refs = self._reader.select(view, matchers, start, end)
            return view.state.index.label_values(label, refs)

    def metrics(self) -> Sequence[Metric]:
        """See `Store`."""
        with self._views.look() as view:
            return view.state.index.metrics()

    def events(
        self, start: int, end: int, labels: Mapping[str, str] | None = None, limit: int = 1000
    ) -> Sequence[Event]:
        """See `Store`."""
        with self._views.look() as view:
            return self._reader.events(view, start, end, labels or {}, limit)

    def stats(self) -> StoreStats:
        """See `Store`. Samples that came twice count twice until their bucket is closed."""
        with self._views.look() as view:
            state = view.state
            with self._views.lock:
                heads = [bucket for bucket in state.hot if bucket.rows]
            starts = [part.first for part in (*view.blocks, *heads)]
            ends = [part.last for part in (*view.blocks, *heads)]
            closed = sum(block.bytes for block in view.blocks)
            hot = sum(bucket.rows for bucket in heads)
            return StoreStats(
                engine="duckdb",
                series=state.index.living,
                samples=sum(block.rows for block in view.blocks) + hot,
                events=state.events,
                bytes=closed + self._folder.size(),
                oldest=min(starts, default=None),
                newest=max(ends, default=None),
                details={
                    "hot_samples": hot,
                    "hot_buckets": len(heads),
                    "files": len(view.blocks),
                    "file_bytes": closed,
                    "marks": len(state.ledger),
                    "free_bytes": self._folder.free(),
                },
            )

    # Inside.

    def _append(self, writes: Sequence[Write]) -> list[Outcome]:
        state, count = self._views.state, self._telemetry.value
        verdicts = state.ledger.judge(writes)
        duplicates = verdicts.count(Verdict.DUPLICATE)
        count(DUPLICATES).add(duplicates)
        if duplicates < len(writes):
            if self._folder.free() < self._settings.reserve:
                raise Full(
                    f"{self._folder.path}: less than {self._settings.reserve >> 20} MB are left on "
                    f"the disk",
                    retry_after=RETRY_AFTER,
                )
            started, now = self._clock.monotonic(), self._clock.now()
            plan = planned(state, writes, verdicts, now, started)
            with transaction(state.con):
                write_plan(state, plan, now)
            with self._views.lock:
                apply_plan(state, plan, now)
            for part in plan.parts:
                part.bucket.settle()
            self._fold_log()
            count(SAMPLES).add(len(plan.rows.refs))
            count(COMMITS).add()
            count(COMMIT_SECONDS).add(self._clock.monotonic() - started)
        return [
            Outcome.DUPLICATE if verdict is Verdict.DUPLICATE else Outcome.STORED
            for verdict in verdicts
        ]

    def _fold_log(self) -> None:
        """Keeps the write-ahead log short. What was appended is durable, whatever comes of it."""
        try:
            self._checkpoint(self._settings.log)
        except GnomonError as error:
            self._failed(error)
            self._log.warning("the write-ahead log could not be folded in: %s", error)

    def _relieve(self) -> None:
        """Closes buckets before their time when memory fills; far beyond, the writer waits."""
        state, most = self._views.state, self._settings.hot_rows
        with self._views.lock:
            rows = state.hot.rows
        if rows <= most or not self._maintenance.lock.acquire(blocking=rows > 2 * most):
            return
        try:
            with self._guarded():
                self._maintenance.close_all(state, self._views)
        except GnomonError as error:
            # What was appended is safe; the next append or minute tries again.
            self._log.warning("buckets could not be closed: %s", error)
        finally:
            self._maintenance.lock.release()

    def _checkpoint(self, size: int) -> None:
        """Folds the write-ahead log into the database when it is larger than `size` bytes."""
        folder = self._folder
        with self._append_lock:
            logged = folder.log.stat().st_size if folder.log.exists() else 0
            # It may need as much again and must not run out of space: see database.py.
            if logged <= size or folder.free() < 2 * logged:
                return
            try:
                self._views.state.con.execute("CHECKPOINT")
            except duckdb.TransactionException:
                return  # somebody reads events; the next one will do
            except duckdb.Error as error:
                raise explained(error) from error

    def _forget_marks(self, now: int) -> None:
        state = self._views.state
        with self._append_lock:
            old = state.ledger.forget(now - round(self._settings.mark_age * 1000))
            runs = list(state.ledger.runs())
            if not old and state.mark_rows <= 2 * len(runs) + MARK_ROWS:
                return
            with transaction(state.con):
                state.con.execute("DELETE FROM mark")
                insert(state.con, "mark", *zip(*((*run, seen) for run, seen in runs), strict=True))
                state.con.execute("DELETE FROM key")
                insert(state.con, "key", *zip(*state.ledger.keys(), strict=True))
            state.mark_rows = len(runs)

    @contextmanager
    def _guarded(self) -> Generator[None]:
        """Errors of the database become ours, and are counted."""
        try:
            yield
        except GnomonError as error:
            self._failed(error)
            raise
        except (duckdb.Error, OSError) as error:
            known = explained(error)
            known.__cause__ = error
            self._failed(known)
            raise known from error

    def _failed(self, error: GnomonError) -> None:
        self._broken |= is_fatal(error.__cause__)
        reason = "full" if isinstance(error, Full) else "refused"
        if not isinstance(error, (Full, Permanent)):
            reason = "database"
        self._telemetry.value(ERRORS, reason=reason).add()

    def _recover(self) -> None:
        """Opens the database again when it had to stop (a disk that filled while it worked)."""
        if not self._broken:
            return
        with self._maintenance.lock, self._append_lock:
            if not self._broken or self._views.closed:
                return
            with self._views.paused():
                self._views.state.con.close()
                state, self.saved = open_state(self._folder, self._settings, self._clock, self._log)
                self._views.state = state
            self._broken = False
            self._log.warning("%s: the database had stopped; opened again", self._folder.path)

    def _observed(self, metric: Metric) -> float:
        state = self._views.state
        if metric is SERIES:
            return state.index.living
        if metric is FILES:
            return len(state.blocks)
        if metric is BYTES:
            return sum(block.bytes for block in state.blocks) + self._folder.size()
        with self._views.lock:
            return state.hot.rows
