"""HTTP APIs for queries and status."""
