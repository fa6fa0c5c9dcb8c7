"""Appending: one transaction for all that a group of writes brings.

What is in memory changes only after the commit, so a write that fails leaves no trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from gnomon.core.errors import Permanent
from gnomon.core.model import Batch, Event, Series
from gnomon.server.store.duckdb.database import HOT_COLUMNS, insert
from gnomon.server.store.duckdb.hot import Part
from gnomon.server.store.duckdb.index import Additions
from gnomon.server.store.duckdb.rows import Rows, joined
from gnomon.server.store.duckdb.state import State
from gnomon.server.store.interface import Write
from gnomon.server.store.ledger import Run, Verdict, runs_of

FARTHEST = 1 << 60
"""Times beyond this many ms from 1970 are refused: sums with them would not fit 64 bits."""


class Plan(NamedTuple):
    """What a group of writes comes to."""

    rows: Rows
    parts: Sequence[Part]
    additions: Additions
    events: Sequence[Event]
    runs: Sequence[Run]
    keys: Sequence[str]


class Columns(NamedTuple):
    """A batch's samples, and the series that have any."""

    series: Sequence[Series]
    rows: NDArray[np.uint32]
    """The place in `series` of each row."""
    timestamps: NDArray[np.int64]
    values: NDArray[np.float64]


def columns_of(batch: Batch) -> Columns:
    """Checks a batch. Raises `Permanent` when its columns do not fit together."""
    index = np.frombuffer(batch.index, np.uint32)
    timestamps = np.frombuffer(batch.timestamps, np.int64)
    values = np.frombuffer(batch.values, np.float64)
    if not len(index) == len(timestamps) == len(values):
        raise Permanent(
            f"malformed batch: {len(index)} indexes, {len(timestamps)} timestamps and "
            f"{len(values)} values"
        )
    if not len(index):
        return Columns((), index, timestamps, values)
    if int(index.max()) >= len(batch.series):
        raise Permanent(f"malformed batch: a row speaks of a series beyond {len(batch.series)}")
    if int(timestamps.max()) > FARTHEST or int(timestamps.min()) < -FARTHEST:
        raise Permanent("malformed batch: a timestamp is out of all reason; milliseconds it is")
    counts = np.bincount(index, minlength=len(batch.series))
    if counts.all():
        return Columns(batch.series, index, timestamps, values)
    used = np.flatnonzero(counts)
    place = np.cumsum(counts > 0) - 1
    series = [batch.series[at] for at in used.tolist()]
    return Columns(series, place[index].astype(np.uint32), timestamps, values)


def planned(
    state: State, writes: Sequence[Write], verdicts: Sequence[Verdict], now: int, moment: float
) -> Plan:
    """What to store of the writes. Raises `Permanent`; changes nothing."""
    taken = [
        (write, columns_of(write.batch), verdict)
        for write, verdict in zip(writes, verdicts, strict=True)
        if verdict is not Verdict.DUPLICATE
    ]
    refs, additions = state.index.plan([columns.series for _, columns, _ in taken])
    rows = joined(
        [
            Rows(own[columns.rows], columns.timestamps, columns.values)
            for own, (_, columns, _) in zip(refs, taken, strict=True)
            if len(columns.rows)
        ]
        or [Rows(np.empty(0, np.uint32), np.empty(0, np.int64), np.empty(0, np.float64))]
    )
    events: list[Event] = []
    for write, _, verdict in taken:
        partly = verdict is Verdict.PARTLY
        known = {*events, *_stored_events(state.con, write.batch)} if partly else ()
        events += [event for event in write.batch.events if event not in known]
    return Plan(
        rows,
        state.hot.divide(rows, now, moment),
        additions,
        events,
        runs_of([mark for write, _, _ in taken for mark in write.marks]),
        [write.key for write, _, _ in taken if write.key],
    )


def write_plan(state: State, plan: Plan, now: int) -> None:
    """Puts a plan into the tables; within a transaction."""
    con = state.con
    for bucket, rows, _ in plan.parts:
        if state.hot.is_new(bucket):
            con.execute(f'CREATE TABLE "{bucket.table}"{HOT_COLUMNS}')
        insert(con, bucket.table, rows.refs, rows.timestamps, rows.values.view(np.int64))
    _write_additions(state, plan.additions)
    if plan.events:
        columns = zip(*map(event_row, plan.events), strict=True)
        insert(con, "event", *columns, [now] * len(plan.events))
    if plan.runs:
        insert(con, "mark", *zip(*plan.runs, strict=True), [now] * len(plan.runs))
    if plan.keys:
        insert(con, "key", plan.keys, [now] * len(plan.keys))


def apply_plan(state: State, plan: Plan, now: int) -> None:
    """Takes into memory what was committed; under the lock of readers."""
    state.last.grow(len(state.index) + len(plan.additions.series))
    state.index.apply(plan.additions)
    state.last.update(plan.rows)
    state.hot.apply(list(plan.parts))
    for run in plan.runs:
        state.ledger.record(run, now)
    for key in plan.keys:
        state.ledger.record_key(key, now)
    state.mark_rows += len(plan.runs)
    state.events += len(plan.events)


def event_of(row: tuple[int, str, str, str, str, str]) -> Event:
    """An event from its row."""
    return Event(*row[:5], msgspec.json.decode(row[5], type=tuple[tuple[str, str], ...]))


def event_row(event: Event) -> tuple[int, str, str, str, str, str]:
    """The columns of an event, but for when it was stored."""
    labels = msgspec.json.encode(event.labels).decode()
    return event.timestamp, event.title, event.text, event.kind, event.source, labels


def _stored_events(con: DuckDBPyConnection, batch: Batch) -> set[Event]:
    """Events that are stored already, at the times of those of a batch."""
    if not batch.events:
        return set()
    times = sorted({event.timestamp for event in batch.events})
    rows = con.execute(
        "SELECT ts, title, text, kind, source, labels FROM event WHERE list_contains(?, ts)",
        [times],
    ).fetchall()
    return {event_of(row) for row in rows}


def _write_additions(state: State, additions: Additions) -> None:
    con, index = state.con, state.index
    if additions.pairs:
        places = index.label_places(additions)
        new = {label: place for label, place in places.items() if place >= index.label_count}
        insert(con, "label", list(new.values()), list(new))
        insert(
            con,
            "pair",
            list(additions.pairs.values()),
            [places[label] for label, _ in additions.pairs],
            [value for _, value in additions.pairs],
        )
    if additions.series:
        refs = list(additions.series.values())
        ids = np.array([series.id for series in additions.series], np.uint64)
        insert(con, "series", refs, ids)
        sizes = [len(codes) for codes in additions.links]
        codes = [code for codes in additions.links for code in codes]
        insert(con, "link", np.repeat(refs, sizes), codes)
    if additions.metas:
        insert(con, "meta", list(additions.metas.values()), *zip(*additions.metas, strict=True))
    if additions.metrics:
        insert(con, "metric", list(additions.metrics), list(additions.metrics.values()))
