"""What each database does: transactions, rows, blocks, temporary files, size, age."""

from __future__ import annotations

from gnomon.agent.sources.checks.postgres.query import V12, V14, Column, Query
from gnomon.core.model import Kind, Metric

SLOW = 60.0
"""Seconds between two looks at what makes the server read many files."""


def _rate(name: str, unit: str, help_: str) -> Metric:
    return Metric(f"postgresql.{name}", Kind.RATE, f"{unit}/second", help_)


def _count(name: str, unit: str, help_: str) -> Metric:
    return Metric(f"postgresql.{name}", Kind.COUNT, unit, help_)


def _gauge(name: str, unit: str, help_: str) -> Metric:
    return Metric(f"postgresql.{name}", Kind.GAUGE, unit, help_)


STATISTICS = Query(
    "database statistics",
    labels={"db": "d.datname"},
    columns=(
        Column("numbackends", _gauge("connections", "connection", "Connections to this database.")),
        Column("xact_commit", _rate("commits", "transaction", "Transactions committed.")),
        Column("xact_rollback", _rate("rollbacks", "transaction", "Transactions rolled back.")),
        Column("blks_read", _rate("disk_read", "block", "Blocks read from outside the cache.")),
        Column("blks_hit", _rate("buffer_hit", "block", "Blocks found in PostgreSQL's cache.")),
        Column(
            "blks_hit",
            _gauge("cache_hit_ratio", "fraction", "Share of blocks found in the cache, 0 to 1."),
            of="blks_hit + blks_read",
        ),
        Column("tup_returned", _rate("rows_returned", "row", "Rows read by scans.")),
        Column("tup_fetched", _rate("rows_fetched", "row", "Rows fetched through indexes.")),
        Column("tup_inserted", _rate("rows_inserted", "row", "Rows inserted.")),
        Column("tup_updated", _rate("rows_updated", "row", "Rows updated.")),
        Column("tup_deleted", _rate("rows_deleted", "row", "Rows deleted.")),
        Column("deadlocks", _rate("deadlocks", "deadlock", "Deadlocks found.")),
        Column("conflicts", _rate("conflicts", "query", "Queries a standby cancelled.")),
        Column("temp_bytes", _rate("temp_bytes", "byte", "Written to temporary files.")),
        Column("temp_files", _rate("temp_files", "file", "Temporary files made.")),
        Column(
            "blk_read_time",
            _count("blk_read_time", "millisecond", "Spent reading blocks (with track_io_timing)."),
        ),
        Column(
            "blk_write_time",
            _count("blk_write_time", "millisecond", "Spent writing blocks (track_io_timing)."),
        ),
        Column(
            "checksum_failures",
            _count("checksums.checksum_failures", "page", "Pages whose checksum was wrong."),
            since=V12,
        ),
        Column("sessions", _count("sessions.count", "session", "Sessions begun."), since=V14),
        Column(
            "sessions_abandoned",
            _count("sessions.abandoned", "session", "Sessions whose client was lost."),
            since=V14,
        ),
        Column(
            "sessions_fatal",
            _count("sessions.fatal", "session", "Sessions ended by a fatal error."),
            since=V14,
        ),
        Column(
            "sessions_killed",
            _count("sessions.killed", "session", "Sessions ended by an operator."),
            since=V14,
        ),
        Column("age(d.datfrozenxid)", _gauge("xid_age", "transaction", "Oldest unfrozen xid.")),
        Column(
            "2147483648 - age(d.datfrozenxid)",
            _gauge(
                "before_xid_wraparound",
                "transaction",
                "Transactions left until the server refuses writes for fear of wraparound.",
            ),
        ),
        Column("mxid_age(d.datminmxid)", _gauge("mxid_age", "multixact", "Oldest multixact.")),
    ),
    # Templates cannot be connected to, or nobody does; nobody may look into rdsadmin.
    source=(
        "FROM pg_stat_database s JOIN pg_database d ON d.oid = s.datid "
        "WHERE NOT d.datistemplate AND d.datname <> 'rdsadmin' ORDER BY d.datname"
    ),
)

COUNT = Query(
    "number of databases",
    labels={},
    columns=(Column("count(*)", _gauge("db.count", "database", "Databases, templates left out.")),),
    source="FROM pg_database WHERE NOT datistemplate AND datname <> 'rdsadmin'",
)

SIZES = Query(
    "database sizes",
    labels={"db": "datname"},
    columns=(Column("pg_database_size(oid)", _gauge("database_size", "byte", "Space on disk.")),),
    # One database this role may not connect to would make the whole query fail.
    source=(
        "FROM pg_database WHERE NOT datistemplate AND datname <> 'rdsadmin' "
        "AND has_database_privilege(oid, 'CONNECT') ORDER BY datname"
    ),
    every=SLOW,
)

TABLES = Query(
    "number of tables",
    labels={"schema": "n.nspname", "db": "current_database()"},
    columns=(Column("count(*)", _gauge("table.count", "table", "User tables in this schema.")),),
    source=(
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' "
        "AND n.nspname <> 'information_schema' GROUP BY n.nspname ORDER BY 3 DESC"
    ),
    every=SLOW,
)

FUNCTIONS = Query(
    "functions",
    labels={"schema": "schemaname", "function": "funcname", "db": "current_database()"},
    columns=(
        Column("sum(calls)", _rate("function.calls", "call", "Calls of this function.")),
        Column(
            "sum(total_time)",
            _rate("function.total_time", "millisecond", "Spent in it and what it called."),
        ),
        Column("sum(self_time)", _rate("function.self_time", "millisecond", "Spent in it alone.")),
    ),
    source="FROM pg_stat_user_functions GROUP BY schemaname, funcname ORDER BY 5 DESC",
)
