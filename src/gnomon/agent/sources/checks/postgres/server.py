"""What the server as a whole does: connections, checkpoints, background writer, archiver, WAL."""

from __future__ import annotations

from gnomon.agent.sources.checks.postgres.query import V10, V17, Column, Query
from gnomon.core.model import Kind, Metric


def _count(name: str, unit: str, help_: str) -> Metric:
    return Metric(f"postgresql.{name}", Kind.COUNT, unit, help_)


CONNECTIONS = Query(
    "connections",
    labels={},
    columns=(
        Column(
            "max(m.most)",
            Metric("postgresql.max_connections", unit="connection", help="Connections allowed."),
        ),
        Column(
            "sum(numbackends) / max(m.most)",
            Metric(
                "postgresql.percent_usage_connections",
                unit="fraction",
                help="Connections there are, as a share of those allowed, 0 to 1.",
            ),
        ),
    ),
    source=("FROM pg_stat_database, (SELECT current_setting('max_connections')::float AS most) m"),
)

TIMED = _count("bgwriter.checkpoints_timed", "checkpoint", "Checkpoints because it was time.")
REQUESTED = _count("bgwriter.checkpoints_requested", "checkpoint", "Checkpoints asked for.")
WRITTEN = _count("bgwriter.buffers_checkpoint", "buffer", "Buffers written by checkpoints.")
WRITE_TIME = _count("bgwriter.write_time", "millisecond", "Checkpoints spent writing.")
SYNC_TIME = _count("bgwriter.sync_time", "millisecond", "Checkpoints spent syncing.")

WRITER = Query(
    "background writer",
    labels={},
    columns=(
        Column(
            "buffers_clean",
            _count("bgwriter.buffers_clean", "buffer", "Buffers written by the background writer."),
        ),
        Column(
            "maxwritten_clean",
            _count("bgwriter.maxwritten_clean", "scan", "Cleaning scans cut short: too many."),
        ),
        Column("buffers_alloc", _count("bgwriter.buffers_alloc", "buffer", "Buffers allocated.")),
        Column("checkpoints_timed", TIMED, until=V17),
        Column("checkpoints_req", REQUESTED, until=V17),
        Column("buffers_checkpoint", WRITTEN, until=V17),
        Column("checkpoint_write_time", WRITE_TIME, until=V17),
        Column("checkpoint_sync_time", SYNC_TIME, until=V17),
        Column(
            "buffers_backend",
            _count("bgwriter.buffers_backend", "buffer", "Buffers clients wrote themselves."),
            until=V17,
        ),
        Column(
            "buffers_backend_fsync",
            _count("bgwriter.buffers_backend_fsync", "sync", "Syncs clients did themselves."),
            until=V17,
        ),
    ),
    source="FROM pg_stat_bgwriter",
)

CHECKPOINTER = Query(
    "checkpointer",
    labels={},
    columns=(
        Column("num_timed", TIMED),
        Column("num_requested", REQUESTED),
        Column("buffers_written", WRITTEN),
        Column("write_time", WRITE_TIME),
        Column("sync_time", SYNC_TIME),
    ),
    source="FROM pg_stat_checkpointer",
    since=V17,
)

ARCHIVER = Query(
    "archiver",
    labels={},
    columns=(
        Column("archived_count", _count("archiver.archived_count", "file", "WAL files archived.")),
        Column(
            "failed_count",
            _count("archiver.failed_count", "file", "Failed attempts to archive a WAL file."),
        ),
    ),
    source="FROM pg_stat_archiver",
)

WAL = Query(
    "WAL written",
    labels={},
    columns=(
        Column(
            "pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')",
            Metric("postgresql.wal.bytes", Kind.RATE, "byte/second", "WAL written."),
        ),
    ),
    source="",
    role="primary",
)

WAL_FILES = Query(
    "WAL files",
    labels={},
    columns=(
        Column("count(*)", Metric("postgresql.wal_count", unit="file", help="WAL files kept.")),
        Column(
            "coalesce(sum(size), 0)",
            Metric("postgresql.wal_size", unit="byte", help="Space of WAL files kept."),
        ),
    ),
    source="FROM pg_ls_waldir()",
    since=V10,
    every=60.0,
)
