"""Tables and their indexes, for the tables an instance names under `relations`.

Each statement takes two parameters: names that count in every schema, and names with their schema
(`public.orders`).
"""

from __future__ import annotations

from gnomon.agent.sources.checks.postgres.query import Column, Query
from gnomon.core.model import Kind, Metric

SLOW = 60.0
"""Seconds between two looks at what makes the server read many files."""


def _rate(name: str, unit: str, help_: str) -> Metric:
    return Metric(f"postgresql.{name}", Kind.RATE, f"{unit}/second", help_)


def _gauge(name: str, unit: str, help_: str) -> Metric:
    return Metric(f"postgresql.{name}", Kind.GAUGE, unit, help_)


def _named(schema: str) -> str:
    return f"(relname = ANY(%s) OR {schema} || '.' || relname = ANY(%s))"


TABLE = {"table": "relname", "schema": "schemaname", "db": "current_database()"}
INDEX_SCANS = _rate("index_scans", "scan", "Index scans begun.")
INDEX_ROWS_FETCHED = _rate("index_rows_fetched", "row", "Rows fetched by index scans.")

TABLES = Query(
    "tables",
    labels=TABLE,
    columns=(
        Column("seq_scan", _rate("seq_scans", "scan", "Sequential scans begun.")),
        Column("seq_tup_read", _rate("seq_rows_read", "row", "Rows read by sequential scans.")),
        Column("idx_scan", INDEX_SCANS),
        Column("idx_tup_fetch", INDEX_ROWS_FETCHED),
        Column("n_tup_ins", _rate("rows_inserted", "row", "Rows inserted.")),
        Column("n_tup_upd", _rate("rows_updated", "row", "Rows updated.")),
        Column("n_tup_del", _rate("rows_deleted", "row", "Rows deleted.")),
        Column("n_tup_hot_upd", _rate("rows_hot_updated", "row", "Updated without index work.")),
        Column("n_live_tup", _gauge("live_rows", "row", "Rows, as estimated.")),
        Column("n_dead_tup", _gauge("dead_rows", "row", "Dead rows not yet removed.")),
    ),
    source=f"FROM pg_stat_user_tables WHERE {_named('schemaname')}",
    relations=True,
)

INDEXES = Query(
    "indexes",
    labels={**TABLE, "index": "indexrelname"},
    columns=(
        Column("idx_scan", INDEX_SCANS),
        Column("idx_tup_read", _rate("index_rows_read", "row", "Entries index scans returned.")),
        Column("idx_tup_fetch", INDEX_ROWS_FETCHED),
    ),
    source=f"FROM pg_stat_user_indexes WHERE {_named('schemaname')}",
    relations=True,
)

BLOCKS = Query(
    "blocks of tables",
    labels=TABLE,
    columns=(
        Column("heap_blks_read", _rate("heap_blocks_read", "block", "Blocks read, of the table.")),
        Column("heap_blks_hit", _rate("heap_blocks_hit", "block", "Blocks cached, of the table.")),
        Column("idx_blks_read", _rate("index_blocks_read", "block", "Blocks read, of indexes.")),
        Column("idx_blks_hit", _rate("index_blocks_hit", "block", "Blocks cached, of indexes.")),
        Column("toast_blks_read", _rate("toast_blocks_read", "block", "Blocks read, of TOAST.")),
        Column("toast_blks_hit", _rate("toast_blocks_hit", "block", "Blocks cached, of TOAST.")),
        Column(
            "tidx_blks_read",
            _rate("toast_index_blocks_read", "block", "Blocks read, of TOAST's index."),
        ),
        Column(
            "tidx_blks_hit",
            _rate("toast_index_blocks_hit", "block", "Blocks cached, of TOAST's index."),
        ),
    ),
    source=f"FROM pg_statio_user_tables WHERE {_named('schemaname')}",
    relations=True,
)

SIZES = Query(
    "sizes of tables",
    labels={"table": "relname", "schema": "nspname", "db": "current_database()"},
    columns=(
        Column("pg_table_size(c.oid)", _gauge("table_size", "byte", "The table with its TOAST.")),
        Column("pg_indexes_size(c.oid)", _gauge("index_size", "byte", "All its indexes.")),
        Column("pg_total_relation_size(c.oid)", _gauge("total_size", "byte", "Table and indexes.")),
    ),
    source=(
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'm') AND n.nspname <> 'information_schema' "
        "AND n.nspname !~ '^pg_' AND " + _named("nspname")
    ),
    every=SLOW,
    relations=True,
)
