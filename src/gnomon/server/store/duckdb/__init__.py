"""The embedded engine: DuckDB behind one writer."""
