"""How far standbys and slots are behind, seen from the primary and from the standby."""

from __future__ import annotations

from gnomon.agent.sources.checks.postgres.query import V10, V13, Column, Query
from gnomon.core.model import Metric


def _gauge(name: str, unit: str, help_: str) -> Metric:
    return Metric(f"postgresql.{name}", unit=unit, help=help_)


# Nothing new has come and a sender is connected: the standby is up to date, however long ago the
# last transaction was.
UP_TO_DATE = (
    "EXISTS (SELECT 1 FROM pg_stat_wal_receiver) AND (pg_last_wal_receive_lsn() IS NULL "
    "OR pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn())"
)

STANDBY = Query(
    "replication delay",
    labels={},
    columns=(
        Column(
            f"CASE WHEN {UP_TO_DATE} THEN 0 "
            "ELSE greatest(0, extract(epoch FROM now() - pg_last_xact_replay_timestamp())) END",
            _gauge("replication_delay", "second", "Age of what this standby replayed last."),
        ),
        Column(
            "abs(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()))",
            _gauge("replication_delay_bytes", "byte", "WAL received but not yet replayed."),
        ),
    ),
    source="",
    role="standby",
)

STANDBYS = Query(
    "standbys",
    labels={},
    columns=(Column("count(*)", _gauge("replication.standbys", "standby", "Standbys connected.")),),
    source="FROM pg_stat_replication",
)

SENDERS = Query(
    "replication to standbys",
    labels={"standby": "application_name", "client": "coalesce(host(client_addr), 'local')"},
    columns=(
        Column(
            "max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn))",
            _gauge("replication.delay_bytes", "byte", "WAL this standby has not replayed yet."),
        ),
        Column(
            "max(extract(epoch FROM write_lag))",
            _gauge("replication.wal_write_lag", "second", "Until the standby had written."),
            since=V10,
        ),
        Column(
            "max(extract(epoch FROM flush_lag))",
            _gauge("replication.wal_flush_lag", "second", "Until the standby had synced."),
            since=V10,
        ),
        Column(
            "max(extract(epoch FROM replay_lag))",
            _gauge("replication.wal_replay_lag", "second", "Until the standby had replayed."),
            since=V10,
        ),
    ),
    source="FROM pg_stat_replication GROUP BY 1, 2 ORDER BY 3 DESC NULLS LAST",
    role="primary",
)

SLOTS = Query(
    "replication slots",
    labels={"slot": "slot_name", "slot_type": "slot_type"},
    columns=(
        Column(
            "active::int",
            _gauge("replication_slot.active", "", "Whether somebody reads from this slot."),
        ),
        Column(
            "pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() "
            "ELSE pg_current_wal_lsn() END, restart_lsn)",
            _gauge("replication_slot.restart_delay_bytes", "byte", "WAL kept for this slot."),
        ),
        Column(
            "pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() "
            "ELSE pg_current_wal_lsn() END, confirmed_flush_lsn)",
            _gauge(
                "replication_slot.confirmed_flush_delay_bytes",
                "byte",
                "WAL the reader of this logical slot has not confirmed.",
            ),
        ),
        Column("age(xmin)", _gauge("replication_slot.xmin_age", "transaction", "Rows held back.")),
        Column(
            "age(catalog_xmin)",
            _gauge("replication_slot.catalog_xmin_age", "transaction", "Catalog rows held back."),
        ),
        Column(
            "safe_wal_size",
            _gauge(
                "replication_slot.safe_wal_size",
                "byte",
                "WAL that can still be written before this slot is given up.",
            ),
            since=V13,
        ),
    ),
    source="FROM pg_replication_slots ORDER BY 4 DESC NULLS LAST",
)
