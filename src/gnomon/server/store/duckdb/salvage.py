"""What is saved when the database is damaged: what is in blocks, and what can be read of the rest.

Blocks speak of series by ref, so before a block is committed the tables of the series index are
exported beside the database (`index/<number>/<table>.parquet`). When the database cannot be opened
it is set aside, and a new one is filled from what is still readable of it, from that export and
from the blocks themselves.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb
from duckdb import DuckDBPyConnection

from gnomon.core.errors import Corrupt
from gnomon.server.store.duckdb.blocks import SUFFIX, UNFINISHED, sequence_of, sync
from gnomon.server.store.duckdb.database import (
    FILE,
    HOT_COLUMNS,
    INDEX_TABLES,
    Folder,
    columns,
    hot_tables,
    insert,
    number,
)
from gnomon.server.store.duckdb.parquet import quoted

EXPORT = "index"
ROW_GROUP = 122_880
"""Rows that DuckDB stores together."""

_BLOCK = """
INSERT INTO block
SELECT ?, ?, min(ts), max(ts), count(*), ?, min(ref), max(ref), ? FROM read_parquet(?)
"""

_NEWEST = """
INSERT INTO newest
SELECT ref, min(ts), max(ts), arg_max(value, ts)::BIT::BIGINT FROM read_parquet(?) GROUP BY ref
"""


class Saved(NamedTuple):
    """What could be saved."""

    aside: Path
    """Where the damaged database is now."""
    samples: int
    """In blocks."""
    lost: tuple[str, ...]
    """Tables and files that could not be read."""

    def __str__(self) -> str:
        what = ", ".join(self.lost) if self.lost else "nothing"
        return (
            f"the database was damaged and set aside as {self.aside}; a new one was made of what "
            f"can be read ({self.samples} samples in closed files); lost: {what}"
        )


def export_index(con: DuckDBPyConnection, folder: Folder, number: int) -> None:
    """Writes the series index beside the database; `number` is higher than that of the one before.

    An export is whole or is not there under its name.
    """
    exports = folder.path / EXPORT
    unfinished = exports / f"{number:012d}{UNFINISHED}"
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
        con.execute("BEGIN")  # one view of all tables
        for table in INDEX_TABLES:
            path = unfinished / f"{table}{SUFFIX}"
            con.execute(f"COPY {table} TO '{quoted(path)}' (FORMAT parquet, COMPRESSION zstd)")
            sync(path)
        con.execute("COMMIT")
        sync(unfinished)
        unfinished.rename(unfinished.with_suffix(""))
        sync(exports)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    for older in exports.iterdir():
        if older.name != f"{number:012d}":
            shutil.rmtree(older, ignore_errors=True)


def set_aside(folder: Folder, now: int) -> Path:
    """Moves a damaged database away; nothing of it is deleted."""
    aside = folder.path / f"damaged-{now}"
    aside.mkdir(exist_ok=True)
    for path in (folder.file, folder.log):
        if path.exists():
            path.rename(aside / path.name)
    sync(folder.path)
    return aside


def rebuild(con: DuckDBPyConnection, folder: Folder, aside: Path, now: int) -> Saved:
    """Fills an empty database with what can be read of the damaged one and from the blocks.

    Raises `Corrupt` when there are blocks and neither the database nor the export knows their
    series.
    """
    lost: list[str] = []
    try:
        old = duckdb.connect(str(aside / FILE))
    except duckdb.Error:
        old = None
        lost.append("all samples that were not in closed files yet, events and marks")
    if old is None or not _copied(old, con, INDEX_TABLES):
        _index_from_export(con, folder)
    if old is not None:
        with old:
            _copy_others(old, con, lost)
    good = _blocks_from_files(con, folder, aside, now, lost)
    if good:
        con.execute(_NEWEST, [good])
    samples = number(con, "SELECT coalesce(sum(rows), 0) FROM block")
    return Saved(aside, samples, tuple(lost))


def _index_from_export(con: DuckDBPyConnection, folder: Folder) -> None:
    files = list(folder.blocks.glob(f"*{SUFFIX}"))
    exports = sorted((folder.path / EXPORT).glob("[0-9]*[0-9]"))
    export = exports[-1] if exports else folder.path / EXPORT
    if not files and not exports:
        return
    try:
        for table in INDEX_TABLES:
            path = quoted(export / f"{table}{SUFFIX}")
            con.execute(f"INSERT INTO {table} SELECT * FROM read_parquet('{path}')")  # noqa: S608
    except duckdb.Error as error:
        line = str(error).partition("\n")[0]
        raise Corrupt(
            f"{export}: is damaged like the database beside it, so the {len(files)} files of "
            f"{folder.blocks} cannot be read ({line}); restore {folder.path} from a back-up, or "
            f"move it away to begin anew"
        ) from error


def _copy_others(old: DuckDBPyConnection, con: DuckDBPyConnection, lost: list[str]) -> None:
    for table, meaning in (("mark", "marks"), ("key", "idempotency keys"), ("event", "events")):
        if not _copied(old, con, (table,)):
            lost.append(meaning)
    try:
        tables = hot_tables(old)
    except duckdb.Error:
        lost.append("all samples that were not in closed files yet")
        return
    gone = 0
    for table in tables:
        try:
            gone += _lost_rows(old, con, table)
        except duckdb.Error:
            lost.append(f"the samples in {table}, which were not in closed files yet")
    if gone:
        lost.append(f"{gone} samples that were not in closed files yet")


def _lost_rows(old: DuckDBPyConnection, con: DuckDBPyConnection, table: str) -> int:
    """Copies what can be read of a hot table, group by group; how many samples are lost."""
    total = number(old, f'SELECT count(*) FROM "{table}"')  # noqa: S608
    con.execute(f'CREATE TABLE "{table}"{HOT_COLUMNS}')
    for start in range(0, total, ROW_GROUP):
        rows = f"WHERE rowid >= {start} AND rowid < {start + ROW_GROUP}"
        try:
            found = columns(old, f'SELECT ref, ts, bits FROM "{table}" {rows}')  # noqa: S608
        except duckdb.Error:
            continue
        insert(con, table, *found.values())
    unknown = "ref NOT IN (SELECT ref FROM series)"
    con.execute(f'DELETE FROM "{table}" WHERE {unknown}')  # noqa: S608
    return total - number(con, f'SELECT count(*) FROM "{table}"')  # noqa: S608


def _copied(old: DuckDBPyConnection, con: DuckDBPyConnection, tables: Sequence[str]) -> bool:
    """Copies tables from the old database, all or none; whether that worked."""
    try:
        read = [(table, columns(old, f'FROM "{table}"')) for table in tables]
    except duckdb.Error:
        return False
    for table, found in read:
        insert(con, table, *found.values())
    return True


def _blocks_from_files(
    con: DuckDBPyConnection, folder: Folder, aside: Path, now: int, lost: list[str]
) -> list[str]:
    good: list[str] = []
    for path in sorted(folder.blocks.glob(f"*{SUFFIX}")):
        sequence, _ = sequence_of(path.name)
        try:
            con.execute(_BLOCK, [path.name, sequence, path.stat().st_size, now, str(path)])
            good.append(str(path))
        except duckdb.Error:
            path.rename(aside / path.name)
            lost.append(f"samples in {path.name}")
    return good
