"""PostgreSQL 9.6 to 18: connections, transactions, sizes, locks, cache, replication, wraparound.

Metrics that Datadog Agent 5 knows have its names, labels and units. All carry the label `server`
(`localhost:5432`). The check keeps one read-only connection, and comes back by itself when that is
lost. A query that fails is named while the others go out.

The role needs no more than this; with less it gets what it may see, and says what is missing:

    CREATE ROLE gnomon LOGIN PASSWORD '...';
    GRANT pg_monitor TO gnomon;

Version 9.6 has no `pg_monitor`; the check then prints the function an administrator can put in its
place. A role that has the name of the user the agent runs as needs no password on the unix socket
of most systems.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import psycopg

from gnomon.agent.sources.checks.postgres import (
    activity,
    custom,
    databases,
    relations,
    replication,
    server,
    setup,
)
from gnomon.agent.sources.checks.postgres.query import Query, Row, Rows
from gnomon.agent.sources.checks.postgres.session import Session, State, connect, line_of
from gnomon.agent.sources.checks.postgres.settings import Settings, tables, target
from gnomon.core.component import Context, Output
from gnomon.core.errors import GnomonError, NeedsSetup, Retryable
from gnomon.core.model import Metric, Status
from gnomon.core.telemetry import counter

UP = Metric("postgresql.up", help="Whether the server let us in.")
VERSION = Metric(
    "postgresql.version", help="The version as a number (150008); the label has it as text."
)
UPTIME = Metric("postgresql.uptime", unit="second", help="Since the server was started.")
STANDBY = Metric("postgresql.in_recovery", help="Whether this is a standby.")
DROPPED = counter(
    "gnomon.postgres.dropped", "Rows of a query over the limit `max_rows`.", unit="row"
)
CAN_CONNECT = "postgres.can_connect"
NAMED = 5
"""How many failed queries an error names."""
GRACE = 1.0
"""Seconds a server may take, beyond its own time-out, to say that it ended a statement."""

SERVER = (
    databases.STATISTICS,
    databases.COUNT,
    server.CONNECTIONS,
    server.WRITER,
    server.CHECKPOINTER,
    server.ARCHIVER,
    server.WAL,
    server.WAL_FILES,
    activity.PREPARED,
    activity.LOCKS,
    activity.WAITING,
    replication.STANDBY,
    replication.STANDBYS,
    replication.SENDERS,
    replication.SLOTS,
)
ACTIVITY = (
    activity.BY_DATABASE,
    activity.BY_STATE,
    activity.BY_USER,
    activity.BY_APPLICATION,
    activity.LONGEST,
)
RELATIONS = (relations.TABLES, relations.INDEXES, relations.BLOCKS, relations.SIZES)
QUERIES = (
    *SERVER,
    *ACTIVITY,
    databases.SIZES,
    databases.TABLES,
    databases.FUNCTIONS,
    *RELATIONS,
)
METRICS = (
    UP,
    VERSION,
    UPTIME,
    STANDBY,
    *{c.metric.name: c.metric for query in QUERIES for c in query.columns}.values(),
)


class _Failure(NamedTuple):
    """A query that gave nothing."""

    query: str
    reason: str
    denied: bool = False
    """Whether it failed for want of a privilege."""
    asked: bool = True
    """Whether it was sent at all."""


class Postgres:
    """One server, through one connection."""

    Settings = Settings

    def __init__(self, settings: Settings, context: Context) -> None:
        self._settings = settings
        self._clock = context.clock
        self._telemetry = context.telemetry
        self._log = context.log
        self._tables = tables(settings.relations)
        self._queries = [
            *chosen(settings),
            *custom.queries(settings.custom_metrics, self._tables[0]),
        ]
        self._labels = {"server": target(settings).label}
        self._rows = Rows(self._labels, settings.max_rows)
        self._session: Session | None = None
        self._kept: dict[str, tuple[float, Sequence[Row]]] = {}
        """Rows of slow queries and when they were fetched."""

    def probe(self) -> str:
        """Connects once; returns the version (`15.8`), or raises as `collect` would."""
        try:
            return self._open(self._clock.monotonic() + self._settings.timeout)[1].version_text
        finally:
            self.close()

    def collect(self, out: Output) -> None:
        """Puts what this role may see; then says what it may not, or what failed."""
        deadline = self._clock.monotonic() + self._settings.timeout
        try:
            session, state = self._open(deadline)
        except GnomonError as error:
            self._put_status(out, up=False, message=str(error))
            raise
        self._put_status(out, up=True)
        self._put_state(out, session, state)
        failures = [
            failure
            for query in self._queries
            if query.serves(session.version, standby=state.standby)
            and (failure := self._run(query, session, state, deadline, out))
        ]
        if session.broken:
            self.close()
        self._tell(failures, session.version, state)

    def close(self) -> None:
        """Ends the connection."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _open(self, deadline: float) -> tuple[Session, State]:
        """The connection that is open if it still works, else a new one."""
        if self._session is not None:
            try:
                # Half the time, so that enough is left for a new connection.
                soon = deadline - self._settings.timeout / 2
                return self._session, self._session.state(soon)
            except psycopg.Error as error:
                self._log.info("postgres %s: %s", self._labels["server"], line_of(error))
                self.close()
        session = connect(self._settings, self._clock, deadline)
        try:
            state = session.state(deadline + GRACE)
        except psycopg.Error as error:
            session.close()
            where = self._labels["server"]
            raise Retryable(f"PostgreSQL at {where}: {line_of(error)}") from None
        self._session = session
        return session, state

    def _run(
        self, query: Query, session: Session, state: State, deadline: float, out: Output
    ) -> _Failure | None:
        """Runs one query and puts its rows, or says why it could not."""
        now = self._clock.monotonic()
        fetched, rows = self._kept.get(query.name, (float("-inf"), ()))
        if not query.every or now - fetched >= query.every:
            if session.broken or now >= deadline:
                reason = "the connection is lost" if session.broken else "no time is left"
                return _Failure(query.name, reason, asked=False)
            try:
                rows = self._fetch(query, session, state, deadline)
            except psycopg.errors.InsufficientPrivilege as error:
                return _Failure(query.name, line_of(error), denied=True)
            except (psycopg.Error, UnicodeDecodeError) as error:
                return _Failure(query.name, line_of(error))
            if query.every:
                self._kept[query.name] = (now, rows)
        dropped = self._rows.put(query, session.version, rows, out)
        if dropped:
            self._telemetry.value(DROPPED, query=query.name, **self._labels).add(dropped)
        return None

    def _fetch(
        self, query: Query, session: Session, state: State, deadline: float
    ) -> Sequence[Row]:
        sql = query.statement(session.version, state.activity)
        if query.text:
            return session.own_rows(sql, deadline + GRACE)
        return session.rows(sql, deadline + GRACE, self._tables if query.relations else None)

    def _tell(self, failures: Sequence[_Failure], version: int, state: State) -> None:
        """Raises when not everything went well."""
        where = f"PostgreSQL at {self._labels['server']}"
        if not all(failure.denied for failure in failures):
            raise Retryable(f"{where} did not answer: {_listed(failures)}")
        blind = not (state.sees_all or state.helped) and self._settings.collect_activity_metrics
        if blind or failures:
            hidden = ["the sessions of others"] if blind else []
            raise NeedsSetup(
                f"{where}: role {state.role} may not see "
                + "; ".join(hidden + [failure.query for failure in failures]),
                setup.grant(state.role, version, target(self._settings).own_port),
            )

    def _put_status(self, out: Output, *, up: bool, message: str = "") -> None:
        out.put(UP, up, self._labels)
        labels = {
            **self._labels,
            "port": str(target(self._settings).port),
            "db": self._settings.dbname,
        }
        out.status(CAN_CONNECT, Status.OK if up else Status.CRITICAL, message, labels)

    def _put_state(self, out: Output, session: Session, state: State) -> None:
        out.put(VERSION, session.version, self._labels, version=state.version_text)
        out.put(UPTIME, state.uptime, self._labels)
        out.put(STANDBY, state.standby, self._labels)


component = Postgres


def _listed(failures: Sequence[_Failure]) -> str:
    """Failed queries in one line."""
    asked = [failure for failure in failures if failure.asked]
    parts = [f"{failure.query} ({failure.reason})" for failure in asked[:NAMED]]
    if len(asked) > NAMED:
        parts.append(f"and {len(asked) - NAMED} more")
    skipped = [failure for failure in failures if not failure.asked]
    if skipped:
        parts.append(f"{len(skipped)} not asked, as {skipped[0].reason}")
    return "; ".join(parts)


def chosen(settings: Settings) -> list[Query]:
    """The queries an instance wants."""
    wanted: list[Query] = []
    if settings.collect_server_metrics:
        wanted += SERVER
        if settings.collect_activity_metrics:
            wanted += ACTIVITY
        if settings.collect_database_size_metrics:
            wanted.append(databases.SIZES)
    if settings.collect_count_metrics:
        wanted.append(databases.TABLES)
    if settings.collect_function_metrics:
        wanted.append(databases.FUNCTIONS)
    if settings.relations:
        wanted += RELATIONS
    return wanted
