"""What is saved when the database is damaged: everything that is in blocks.

Blocks speak of series by ref, so before a block is committed all series are exported beside the
database (`series.parquet`: a row for each label of each series). When the database cannot be
opened it is set aside, and a new one is filled from that export and the blocks themselves.
"""

from __future__ import annotations

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
    Folder,
    columns,
    hot_tables,
    insert,
    number,
)

EXPORT = "series.parquet"
ROW_GROUP = 122_880
"""Rows that DuckDB stores together."""
INDEX_TABLES = ("label", "pair", "series", "link", "meta", "metric")

_EXPORT = """
COPY (
    SELECT link.ref AS ref, series.id AS id, label.name AS label, pair.value AS value,
           meta.kind AS kind, meta.unit AS unit, meta.help AS help
    FROM link
    JOIN series ON series.ref = link.ref
    JOIN pair ON pair.code = link.pair
    JOIN label ON label.code = pair.label
    LEFT JOIN (SELECT name, last(meta ORDER BY rowid) AS meta FROM metric GROUP BY name) AS known
        ON label.name = '__name__' AND known.name = pair.value
    LEFT JOIN meta ON meta.code = known.meta
    ORDER BY link.ref
) TO '{file}' (FORMAT parquet, COMPRESSION zstd)
"""

_REBUILD = """
CREATE TEMP TABLE saved AS SELECT * FROM read_parquet('{file}');
INSERT INTO label SELECT row_number() OVER () - 1, label FROM (SELECT DISTINCT label FROM saved);
INSERT INTO pair SELECT row_number() OVER () - 1, label.code, value
    FROM (SELECT DISTINCT label, value FROM saved) AS s JOIN label ON label.name = s.label;
INSERT INTO series SELECT DISTINCT ref, id FROM saved;
INSERT INTO link SELECT saved.ref, pair.code FROM saved
    JOIN label ON label.name = saved.label
    JOIN pair ON pair.label = label.code AND pair.value = saved.value
    ORDER BY saved.ref, saved.label <> '__name__', saved.label;
INSERT INTO meta SELECT row_number() OVER () - 1, kind, unit, help
    FROM (SELECT DISTINCT kind, unit, help FROM saved WHERE kind IS NOT NULL);
INSERT INTO metric SELECT DISTINCT saved.value, meta.code FROM saved
    JOIN meta ON (meta.kind, meta.unit, meta.help) = (saved.kind, saved.unit, saved.help);
DROP TABLE saved;
"""

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


def export_series(con: DuckDBPyConnection, folder: Folder) -> None:
    """Writes all series beside the database; the file is whole or the one before."""
    path = folder.path / EXPORT
    unfinished = path.with_suffix(UNFINISHED)
    con.execute(_EXPORT.format(file=quoted(unfinished)))
    sync(unfinished)
    unfinished.rename(path)
    sync(folder.path)


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
    export = folder.path / EXPORT
    if not files and not export.exists():
        return
    try:
        con.execute(_REBUILD.format(file=quoted(export)))
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


def quoted(path: Path) -> str:
    """A path within an SQL string."""
    return str(path).replace("'", "''")
