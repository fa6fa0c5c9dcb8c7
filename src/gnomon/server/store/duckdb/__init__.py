"""The embedded store: one folder, one process, no server."""

from gnomon.server.store.duckdb.store import DuckStore

__all__ = ["DuckStore"]
