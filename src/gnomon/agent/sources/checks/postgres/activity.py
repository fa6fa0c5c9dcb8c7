"""Who is connected and what they wait for: sessions, long transactions, locks.

`{activity}` is `pg_stat_activity`, or what an administrator put in its place (see `setup`).
Counted are sessions of clients, without our own.
"""

from __future__ import annotations

from gnomon.agent.sources.checks.postgres.query import IS_CLIENT, Column, Query
from gnomon.core.model import Metric

CLIENTS = f"{IS_CLIENT} AND a.pid <> pg_backend_pid()"


def _gauge(name: str, unit: str, help_: str) -> Metric:
    return Metric(f"postgresql.{name}", unit=unit, help=help_)


BY_DATABASE = Query(
    "activity by database",
    labels={"db": "datname"},
    columns=(
        Column(
            "count(xact_start)",
            _gauge("transactions.open", "transaction", "Transactions under way."),
        ),
        Column(
            "count(CASE WHEN state LIKE 'idle in transaction%' THEN 1 END)",
            _gauge(
                "transactions.idle_in_transaction",
                "transaction",
                "Transactions whose client does nothing.",
            ),
        ),
        Column(
            "count(CASE WHEN state = 'active' THEN 1 END)",
            _gauge("active_queries", "query", "Queries that run."),
        ),
        Column(
            "count(CASE WHEN state = 'active' AND wait_event_type IS NOT NULL THEN 1 END)",
            _gauge("waiting_queries", "query", "Queries that run but wait for something."),
        ),
    ),
    source=f"FROM {{activity}} a WHERE datname IS NOT NULL AND {CLIENTS} "
    "GROUP BY datname ORDER BY datname",
)

STATES = (
    "('active'), ('idle'), ('idle in transaction'), ('idle in transaction (aborted)'), ('hidden')"
)
"""All of them, so that a state nobody is in counts 0."""

BY_STATE = Query(
    "connections by state",
    labels={"state": "s.state"},
    columns=(
        Column(
            "count(a.pid)",
            _gauge(
                "connections.by_state",
                "connection",
                "Client connections by state; `hidden` are those this role may not see.",
            ),
        ),
    ),
    source=(
        f"FROM (VALUES {STATES}) s(state) "
        f"LEFT JOIN {{activity}} a ON coalesce(a.state, 'hidden') = s.state AND {CLIENTS} "
        "GROUP BY s.state ORDER BY s.state"
    ),
)

BY_USER = Query(
    "connections by user",
    labels={"user": "usename"},
    columns=(
        Column(
            "count(*)", _gauge("connections.by_user", "connection", "Client connections by role.")
        ),
    ),
    source=f"FROM {{activity}} a WHERE {CLIENTS} GROUP BY usename ORDER BY 2 DESC, 1",
    folds=True,
)

BY_APPLICATION = Query(
    "connections by application",
    labels={"application": "application_name"},
    columns=(
        Column(
            "count(*)",
            _gauge(
                "connections.by_application",
                "connection",
                "Client connections by the name the application gives itself.",
            ),
        ),
    ),
    source=f"FROM {{activity}} a WHERE {CLIENTS} GROUP BY application_name ORDER BY 2 DESC, 1",
    folds=True,
)

LONGEST = Query(
    "longest transaction and query",
    labels={},
    columns=(
        Column(
            "coalesce(max(extract(epoch FROM now() - xact_start)), 0)",
            _gauge("longest_transaction", "second", "Age of the oldest open transaction."),
        ),
        Column(
            "coalesce(max(CASE WHEN state = 'active' "
            "THEN extract(epoch FROM now() - query_start) END), 0)",
            _gauge("longest_query", "second", "Age of the oldest query that runs."),
        ),
        Column(
            "coalesce(max(CASE WHEN state LIKE 'idle in transaction%' "
            "THEN extract(epoch FROM now() - state_change) END), 0)",
            _gauge(
                "longest_idle_in_transaction",
                "second",
                "Longest time a client has left a transaction open without doing anything.",
            ),
        ),
        Column(
            "coalesce(max(age(backend_xmin)), 0)",
            _gauge(
                "oldest_snapshot",
                "transaction",
                "Age of the oldest snapshot a session holds: rows dead since cannot be removed.",
            ),
        ),
    ),
    source=f"FROM {{activity}} a WHERE {CLIENTS}",
)

PREPARED = Query(
    "prepared transactions",
    labels={},
    columns=(
        Column(
            "count(*)",
            _gauge("prepared_transactions", "transaction", "Prepared for two-phase commit."),
        ),
        Column(
            "coalesce(max(extract(epoch FROM now() - prepared)), 0)",
            _gauge("longest_prepared_transaction", "second", "Age of the oldest of them."),
        ),
    ),
    source="FROM pg_prepared_xacts",
)

LOCKS = Query(
    "locks",
    labels={"lock_mode": "l.mode", "table": "c.relname", "db": "d.datname"},
    columns=(Column("count(*)", _gauge("locks", "lock", "Locks on tables, held or waited for.")),),
    # Names of tables are known only for the database we are in.
    source=(
        "FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
        "LEFT JOIN pg_class c ON c.oid = l.relation AND d.datname = current_database() "
        "WHERE l.locktype = 'relation' AND l.mode IS NOT NULL AND l.pid <> pg_backend_pid() "
        "AND coalesce(c.relname, '') NOT LIKE 'pg\\_%' "
        "GROUP BY l.mode, c.relname, d.datname ORDER BY 4 DESC, 1, 2, 3"
    ),
    folds=True,
)

WAITING = Query(
    "sessions that wait for a lock",
    labels={},
    columns=(
        Column(
            "count(DISTINCT pid)",
            _gauge("locks.waiting_sessions", "session", "Sessions that wait for a lock."),
        ),
    ),
    source="FROM pg_locks WHERE NOT granted",
)
