"""One connection: made carefully, bounded in time, its errors told apart.

The session is read only, commits at once, calls itself `gnomon`, and looks for functions and tables
in the catalog alone. The server's `statement_timeout` bounds each statement; should the server
itself not answer, our own deadline ends the wait.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from typing import Any

import psycopg

from gnomon.agent.sources.checks.postgres import setup
from gnomon.agent.sources.checks.postgres.query import OLDEST, V10, Row
from gnomon.agent.sources.checks.postgres.settings import Settings, target
from gnomon.core.clock import Clock
from gnomon.core.errors import GnomonError, NeedsSetup, Permanent, Retryable

_SET_UP = """\
SELECT set_config('statement_timeout', '{milliseconds}', false),
       set_config('default_transaction_read_only', 'on', false),
       set_config('search_path', 'pg_catalog', false)"""
_OWN_PATH = "RESET search_path"
_CATALOG = "SET search_path TO pg_catalog"

_SEES_ALL = "current_setting('is_superuser') = 'on' OR "
_SEES_ALL_10 = _SEES_ALL + "pg_has_role('pg_read_all_stats', 'USAGE')"

_STATE = """\
SELECT extract(epoch FROM now() - pg_postmaster_start_time()), pg_is_in_recovery(), {sees_all},
       to_regprocedure('{activity}') IS NOT NULL, current_user, current_setting('server_version')"""

# What a server says comes as severity, colon, two spaces, text, in the server's own language; what
# libpq says has no severity.
_SERVER_SAYS = re.compile(r"failed: [^\s:]+:  (.+)")
_LIBPQ_SAYS = re.compile(r".*failed: (.+)")
_NOT_NOW = re.compile(
    "the database system is|sorry, too many clients|remaining connection slots|too many connections"
)
_NO_DATABASE = re.compile(r'^database ".*" does not exist')


class State:
    """What the server says of itself at the beginning of a run."""

    def __init__(self, row: Row) -> None:
        self.uptime = float(row[0])
        self.standby = bool(row[1])
        self.sees_all = bool(row[2])
        """Whether this role sees the sessions of others without help."""
        self.helped = bool(row[3])
        """Whether an administrator left a function that shows them."""
        self.role = str(row[4])
        self.version_text = str(row[5]).split()[0]

    @property
    def activity(self) -> str:
        """Where the sessions of all users can be seen."""
        return setup.ACTIVITY if self.helped and not self.sees_all else "pg_stat_activity"


class Session:
    """An open connection. Not for several threads at once."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self.version = connection.info.server_version
        """As `server_version_num` has it: 150008."""

    @property
    def broken(self) -> bool:
        """Whether nothing can be asked any more."""
        return self._connection.closed

    def state(self, give_up: float) -> State:
        """Asks the server for its state; raises `psycopg.Error`."""
        sees_all = _SEES_ALL_10 if self.version >= V10 else _SEES_ALL + "false"
        sql = _STATE.format(sees_all=sees_all, activity=setup.ACTIVITY)
        return State(self.rows(sql, give_up)[0])

    def rows(self, sql: str, give_up: float, parameters: Sequence[Any] | None = None) -> list[Row]:
        """Runs a statement; raises `psycopg.Error`.

        At `give_up` (monotonic seconds) a server that has not answered is left: the session is
        broken then.
        """
        self._connection.give_up = give_up
        cursor = self._connection.execute(sql.encode(), parameters)
        return list(cursor.fetchall()) if cursor.description else []

    def own_rows(self, sql: str, give_up: float) -> list[Row]:
        """Runs a statement somebody else wrote, who means the tables of this role's own path."""
        self.rows(_OWN_PATH, give_up)
        try:
            return self.rows(sql, give_up)
        finally:
            if not self.broken:
                self.rows(_CATALOG, give_up)

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()


class _Connection(psycopg.Connection[tuple[Any, ...]]):
    """Waits for a server no longer than until `give_up`."""

    clock: Clock
    give_up = float("inf")

    def wait(self, gen: Generator[Any, Any, Any], *args: Any, **more: Any) -> Any:
        return super().wait(self._bounded(gen), *args, **more)

    def _bounded(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if self.clock.monotonic() > self.give_up:
                    self.pgconn.finish()  # half an answer may still come: nobody could use it
                    raise psycopg.OperationalError("no answer in time")
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value


def connect(settings: Settings, clock: Clock, give_up: float) -> Session:
    """Opens a session.

    Raises `Retryable` (not reachable, not now), `NeedsSetup` (refused, with the SQL that helps) or
    `Permanent` (too old, no such database). None of them shows the password.
    """
    where = target(settings)
    left = max(2, round(give_up - clock.monotonic()))
    try:
        connection = _Connection.connect(
            **_parameters(settings), connect_timeout=left, autocommit=True, prepare_threshold=None
        )
    except psycopg.Error as error:
        raise refusal(error, settings) from None
    connection.clock = clock
    session = Session(connection)
    if session.version < OLDEST:
        session.close()
        raise Permanent(f"PostgreSQL at {where.label} is older than 9.6, the oldest that is known")
    milliseconds = max(1, round(settings.timeout * 1000))
    try:
        session.rows(_SET_UP.format(milliseconds=milliseconds), give_up)
    except psycopg.Error as error:
        session.close()
        raise Retryable(f"PostgreSQL at {where.label}: {line_of(error)}") from None
    return session


def line_of(error: Exception) -> str:
    """An error in one line."""
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        return error.diag.message_primary
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def refusal(error: psycopg.Error, settings: Settings) -> GnomonError:
    """Why no connection came about, and what a person can do."""
    where, text, failed = target(settings), str(error), error.pgconn
    asked_password = failed is not None and failed.needs_password
    said = _SERVER_SAYS.search(text)
    if said is None and not asked_password:
        reason = _LIBPQ_SAYS.search(text)
        plain = (reason.group(1) if reason else line_of(error)).rstrip(".")
        return Retryable(f"PostgreSQL at {where.label} cannot be reached: {plain}")
    reason = said.group(1) if said else "it asks for a password and there is none"
    if _NOT_NOW.match(reason):
        return Retryable(f"PostgreSQL at {where.label} takes no connection now: {reason}")
    if _NO_DATABASE.match(reason):
        return Permanent(f"PostgreSQL at {where.label}: {reason}; set dbname")
    by_password = asked_password or bool(settings.password.reveal())
    role = failed.user.decode() if failed is not None and failed.user else "gnomon"
    return NeedsSetup(
        f"PostgreSQL at {where.label} refuses the login: {reason}",
        setup.login(role, where.own_port, password=by_password or not where.host.startswith("/")),
    )


def _parameters(settings: Settings) -> dict[str, Any]:
    """In libpq's words; what is empty is left to libpq."""
    where = target(settings)
    mode = settings.ssl if isinstance(settings.ssl, str) else "require" if settings.ssl else ""
    words = {
        "user": settings.username or settings.user,
        "password": settings.password.reveal(),
        "sslmode": mode,
        "sslrootcert": settings.ssl_root_cert,
        "sslcert": settings.ssl_cert,
        "sslkey": settings.ssl_key,
    }
    return {
        "host": where.host,
        "port": where.port,
        "dbname": settings.dbname,
        "application_name": "gnomon",
        "client_encoding": "UTF8",
        **{name: value for name, value in words.items() if value},
    }
