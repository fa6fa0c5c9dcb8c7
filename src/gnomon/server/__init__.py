"""The server: ingest, store, query, alert, web."""
