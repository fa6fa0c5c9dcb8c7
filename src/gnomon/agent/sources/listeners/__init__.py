"""Push sources."""
