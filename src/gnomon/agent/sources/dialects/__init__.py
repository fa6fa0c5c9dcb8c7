"""Foreign plugin APIs."""
