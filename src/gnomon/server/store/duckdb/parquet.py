"""Writing sorted samples as Parquet, as small as DuckDB's writer can make them.

Sorted refs and timestamps cost next to nothing as deltas. What is best for the values depends on
them: readings with many digits and counters that grow are smallest split into byte streams; those
that take few different values (percentages of whole ticks, two decimals) are smallest with a
dictionary, which can be two to five times smaller for them. So both are tried on a part.

DuckDB decides on a dictionary by column and row group, up to a number of entries; the price of
allowing them is that timestamps, too, get one (0.03 to 0.1 bytes a sample).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from gnomon.server.store.duckdb.rows import Refs, Run

ROW_GROUP = 65_536
LEVEL = 6
NO_DICTIONARY = 1
DICTIONARY = 10_000
"""Entries of a dictionary at most; more than a seventh of a row group does not pay."""
TRIED = 4
"""Row groups on which both are tried."""


def write_parquet(con: DuckDBPyConnection, path: Path, run: Run) -> None:
    """Writes the columns `ref`, `ts` and `value` of an ordered run."""
    refs = run.ref_column()
    # DuckDB takes a NaN in an array for NULL, and which NaN it is matters (staleness).
    exact = bool(np.isnan(run.values).any())
    values = run.values.view(np.int64) if exact else run.values
    chosen = _best(con, path, refs, run, values)
    _copy(con, path, (refs, run.timestamps, values), chosen)


def quoted(path: Path) -> str:
    """A path within an SQL string."""
    return str(path).replace("'", "''")


def _best(
    con: DuckDBPyConnection, path: Path, refs: Refs, run: Run, values: NDArray[np.generic]
) -> int:
    """Which limit of dictionaries makes some of the row groups smaller."""
    groups = np.linspace(0, max(0, run.rows - ROW_GROUP), min(TRIED, 1 + run.rows // ROW_GROUP))
    some = [slice(start, start + ROW_GROUP) for start in groups.astype(int).tolist()]
    part = tuple(
        np.concatenate([column[rows] for rows in some]) for column in (refs, run.timestamps, values)
    )
    sizes: dict[int, int] = {}
    for limit in (NO_DICTIONARY, DICTIONARY):
        _copy(con, path, part, limit)
        sizes[limit] = path.stat().st_size
    return min(sizes, key=sizes.__getitem__)


def _copy(
    con: DuckDBPyConnection, path: Path, columns: tuple[NDArray[np.generic], ...], limit: int
) -> None:
    refs, timestamps, values = columns
    value = "value" if values.dtype == np.float64 else "value::BIT::DOUBLE"
    block_rows = {"ref": refs, "ts": timestamps, "value": values}
    con.execute(
        f"COPY (SELECT ref, ts, {value} AS value FROM block_rows) TO '{quoted(path)}' "  # noqa: S608
        f"(FORMAT parquet, PARQUET_VERSION V2, COMPRESSION zstd, COMPRESSION_LEVEL {LEVEL}, "
        f"ROW_GROUP_SIZE {ROW_GROUP}, DICTIONARY_SIZE_LIMIT {limit})"
    )
    del block_rows
