"""The DuckDB database of a store: opened, held by one process, its errors made ours.

No table has a key or an index and hot rows are never updated: replaying a write-ahead log over
those is where DuckDB has had its defects. Checkpoints are asked for, never automatic, because one
that runs out of disk space invalidates the database while a commit that does so is merely undone.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import duckdb
import numpy as np
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from gnomon.core.errors import Corrupt, Full, GnomonError, Permanent, Retryable
from gnomon.server.store.settings import StoreSettings

FILE = "gnomon.duckdb"
LOCK = "lock"
FORMAT = 1
RETRY_AFTER = 10.0

TABLES = (
    "format(version INTEGER)",
    # The series index: see index.py and INDEX_TABLES.
    "label(code UINTEGER, name VARCHAR)",
    "pair(code UINTEGER, label UINTEGER, value VARCHAR)",
    "series(ref UINTEGER, id UBIGINT)",
    "link(ref UINTEGER, pair UINTEGER)",
    "meta(code UINTEGER, kind VARCHAR, unit VARCHAR, help VARCHAR)",
    "metric(name VARCHAR, meta UINTEGER)",
    # The ledger.
    "mark(agent VARCHAR, epoch BIGINT, first BIGINT, last BIGINT, seen BIGINT)",
    "key(key VARCHAR, seen BIGINT)",
    """event(ts BIGINT, title VARCHAR, text VARCHAR, kind VARCHAR, source VARCHAR, labels VARCHAR,
        stored BIGINT)""",
    # Closed samples, and the newest sample of each series when the last bucket was closed.
    """block(file VARCHAR, sequence BIGINT, first BIGINT, last BIGINT, rows BIGINT, bytes BIGINT,
        low UINTEGER, high UINTEGER, stored BIGINT)""",
    "newest(ref UINTEGER, first BIGINT, last BIGINT, bits BIGINT)",
)
INDEX_TABLES = ("label", "pair", "series", "link", "meta", "metric")
HOT = "hot_"
HOT_COLUMNS = "(ref UINTEGER, ts BIGINT, bits BIGINT)"

_NO_SPACE = tuple(os.strerror(code) for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))

_NOT_ALLOWED = tuple(os.strerror(code) for code in (errno.EACCES, errno.EPERM, errno.EROFS))


class Folder:
    """The store's folder, held for this process alone."""

    def __init__(self, path: Path) -> None:
        """Makes and locks it. Raises `Permanent` when another process has it, or it cannot be."""
        self.path = path
        self.blocks = path / "blocks"
        self.file = path / FILE
        self.log = path / f"{FILE}.wal"
        try:
            self.blocks.mkdir(parents=True, exist_ok=True)
            handle = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o640)
        except OSError as error:
            raise Permanent(f"{path}: cannot be used for the store: {error.strerror}") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
            os.close(handle)
            raise Permanent(
                f"{path}: is in use by another Gnomon server (process {holder}); stop that one, "
                f"or give this one a folder of its own with --data"
            ) from None
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        self._handle: int | None = handle

    def free(self) -> int:
        """Bytes left on its file system."""
        return shutil.disk_usage(self.path).free

    def size(self) -> int:
        """Bytes of the database and of the exported index, the blocks apart."""
        files = [self.file, self.log, *(self.path / "index").glob("*/*")]
        return sum(path.stat().st_size for path in files if path.exists())

    def release(self) -> None:
        """Lets another process have it."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def connect(folder: Folder, settings: StoreSettings) -> DuckDBPyConnection:
    """Opens the database and makes its tables.

    Raises `Corrupt` when the file is damaged, `Permanent` when it is of another version.
    """
    threads = settings.threads or min(4, os.cpu_count() or 1)
    try:
        con = duckdb.connect(
            str(folder.file),
            config={
                "memory_limit": f"{settings.memory}B",
                "threads": threads,
                "temp_directory": str(folder.path / "tmp"),
                "checkpoint_threshold": "1TB",
                "preserve_insertion_order": True,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        con.execute("SET parquet_metadata_cache = true")
        for table in TABLES:
            con.execute(f"CREATE TABLE IF NOT EXISTS {table}")
        found = con.execute("SELECT max(version) FROM format").fetchone()
        version = found[0] if found else None
        if version is None:
            con.execute("INSERT INTO format VALUES (?)", [FORMAT])
    except duckdb.Error as error:
        raise unreadable(folder, error) from error
    if version not in (None, FORMAT):
        con.close()
        raise Permanent(
            f"{folder.file}: was written by a newer Gnomon (format {version}, this one knows "
            f"{FORMAT}); install that version again"
        )
    return con


@contextmanager
def transaction(con: DuckDBPyConnection) -> Generator[None]:
    """All or nothing; errors come out as ours (see `explained`)."""
    try:
        con.execute("BEGIN")
        yield
        con.execute("COMMIT")
    except duckdb.Error as error:
        _roll_back(con)
        raise explained(error) from error
    except (UnicodeEncodeError, OverflowError) as error:
        _roll_back(con)
        raise Permanent(f"it cannot be stored: {error}") from error
    except BaseException:
        _roll_back(con)
        raise


def insert(con: DuckDBPyConnection, table: str, *columns: Sequence[Any] | NDArray[Any]) -> None:
    """Appends columns of one length to a table, by position."""
    if not columns or not len(columns[0]):
        return
    inserted_rows = {f"c{place}": _array(column) for place, column in enumerate(columns)}
    # DuckDB finds the variable by its name; registering it would cost as much as the insert.
    con.execute(f'INSERT INTO "{table}" SELECT * FROM inserted_rows')  # noqa: S608
    del inserted_rows


def columns(con: DuckDBPyConnection, query: str) -> dict[str, NDArray[Any]]:
    """The answer of a query in columns; none may hold a NULL."""
    return cast("dict[str, NDArray[Any]]", con.execute(query).fetchnumpy())  # pyright: ignore[reportUnknownMemberType]


def number(con: DuckDBPyConnection, query: str) -> int:
    """The answer of a query that is one number."""
    row = con.execute(query).fetchone()
    return int(row[0]) if row else 0


def hot_tables(con: DuckDBPyConnection) -> list[str]:
    """Names of the hot tables."""
    found = con.execute("SELECT table_name FROM duckdb_tables() ORDER BY table_name").fetchall()
    return [name for (name,) in found if name.startswith(HOT)]


def explained(error: duckdb.Error | OSError) -> GnomonError:
    """An error of DuckDB or of the file system as one of ours, in one line."""
    text = str(error)
    line = text.partition("\n")[0]
    if any(reason in text for reason in _NO_SPACE):
        return Full("no space left on the disk of the store", retry_after=RETRY_AFTER)
    if isinstance(error, duckdb.OutOfMemoryException):
        return Full(f"the store's memory limit is reached: {line}", retry_after=RETRY_AFTER)
    if is_fatal(error):
        return Retryable(f"the database stopped: {line}", retry_after=RETRY_AFTER)
    if isinstance(error, (duckdb.DataError, duckdb.InvalidInputException)):
        return Permanent(f"it cannot be stored: {line}")
    return Retryable(f"the database failed: {line}", retry_after=RETRY_AFTER)


def is_fatal(error: BaseException | None) -> bool:
    """Whether the database refuses all work until it is opened again."""
    return isinstance(error, (duckdb.FatalException, duckdb.InternalException))


def unreadable(folder: Folder, error: duckdb.Error) -> GnomonError:
    """Why the database cannot be opened; `Corrupt` when that is because it is damaged."""
    text = str(error)
    line = text.partition("\n")[0]
    if "Conflicting lock" in text:
        return Permanent(f"{folder.file}: is opened by another program: {line}")
    if "version number" in text:
        return Permanent(f"{folder.file}: was written by another version of DuckDB: {line}")
    if any(reason in text for reason in _NO_SPACE):
        return Full(f"{folder.path}: no space left on the disk", retry_after=RETRY_AFTER)
    if any(reason in text for reason in _NOT_ALLOWED):
        return Permanent(f"{folder.file}: cannot be used: {line}")
    if isinstance(error, duckdb.OutOfMemoryException):
        return Retryable(f"{folder.file}: too little memory to open it: {line}")
    return Corrupt(f"{folder.file}: is damaged: {line}")


def _roll_back(con: DuckDBPyConnection) -> None:
    try:
        con.execute("ROLLBACK")
    except duckdb.Error:
        return  # none was open any more, or the database is invalid: then it is opened again


def _array(column: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
    if isinstance(column, np.ndarray):
        return column
    return np.array(column, object if isinstance(column[0], str) else np.int64)
