"""Blocks: closed samples in sorted Parquet files, never changed once they stand.

A block's rows are sorted by (series, time), one value at one time. Blocks may overlap; for the same
series and time the block of the higher `sequence` is right, and the head is right over all blocks.

Any Parquet reader can read them: `ref`, `ts` (ms) and `value`; see `parquet.py`.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from duckdb import DuckDBPyConnection

from gnomon.server.store.duckdb.database import columns
from gnomon.server.store.duckdb.parquet import quoted, write_parquet
from gnomon.server.store.duckdb.rows import EMPTY, Refs, Rows, Run, grouped

SUFFIX = ".parquet"
UNFINISHED = ".tmp"
LISTED = 200
"""Up to so many series are named in the query; of more, a range is read and the rest dropped."""


class Block(NamedTuple):
    """What is known of a file without opening it."""

    file: str
    """Its name in the folder of blocks."""
    sequence: int
    first: int
    """Oldest timestamp, ms."""
    last: int
    rows: int
    bytes: int
    low: int
    """Lowest ref."""
    high: int
    stored: int
    """When its samples were put into a block, ms; retention spares what came late."""


def file_name(sequence: int, serial: int) -> str:
    """Unique by the serial; the sequence is in the name so that a folder explains itself."""
    return f"{sequence:012d}-{serial:012d}{SUFFIX}"


def sequence_of(file: str) -> tuple[int, int]:
    """Sequence and serial of a file name."""
    sequence, serial = file.removesuffix(SUFFIX).split("-")
    return int(sequence), int(serial)


def write_block(con: DuckDBPyConnection, folder: Path, run: Run, block: Block) -> Block:
    """Writes an ordered run; returns when the file stands under its name and is synced."""
    path = folder / block.file
    unfinished = path.with_suffix(UNFINISHED)
    try:
        write_parquet(con, unfinished, run)
        sync(unfinished)
        unfinished.rename(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync(folder)
    return block._replace(
        first=int(run.timestamps.min()),
        last=int(run.timestamps.max()),
        rows=run.rows,
        bytes=path.stat().st_size,
        low=int(run.refs[0]),
        high=int(run.refs[-1]),
    )


def read_blocks(
    con: DuckDBPyConnection,
    folder: Path,
    blocks: Sequence[Block],
    refs: Refs,
    start: int,
    end: int,
) -> list[Run]:
    """Samples of the given series (sorted) in a time range, as runs in the order of the blocks."""
    if not blocks or not len(refs):
        return []
    files = ", ".join(f"'{quoted(folder / block.file)}'" for block in blocks)
    where = [f"ref BETWEEN {refs[0]} AND {refs[-1]}"]
    if any(block.first < start for block in blocks):
        where.append(f"ts >= {start}")
    if any(block.last > end for block in blocks):
        where.append(f"ts <= {end}")
    if 1 < len(refs) <= LISTED:
        where.append(f"ref IN ({', '.join(map(str, refs.tolist()))})")
    query = f"SELECT ref, ts, value FROM read_parquet([{files}]) WHERE {' AND '.join(where)}"  # noqa: S608
    found = columns(con, query)
    rows = Rows(found["ref"], found["ts"], found["value"])
    if len(refs) > LISTED:
        rows = _only(rows, refs)
    return _runs(rows)


def sync(path: Path) -> None:
    """Returns when a file's content, or a folder's entries, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _only(rows: Rows, refs: Refs) -> Rows:
    """Drops series that were not asked for."""
    low, high = int(refs[0]), int(refs[-1])
    if len(refs) == high - low + 1:
        return rows
    wanted = np.zeros(high - low + 1, np.bool_)
    wanted[refs - np.uint32(low)] = True
    return rows.at(wanted[rows.refs - np.uint32(low)])


def _runs(rows: Rows) -> list[Run]:
    """Rows of several sorted files, cut where a new file begins (its refs start over)."""
    if not len(rows.refs):
        return [EMPTY]
    cuts = np.flatnonzero(rows.refs[1:] < rows.refs[:-1]) + 1
    bounds = [0, *cuts.tolist(), len(rows.refs)]
    return [
        grouped(rows.at(slice(start, end)))  # pyright: ignore[reportArgumentType]
        for start, end in itertools.pairwise(bounds)
    ]
