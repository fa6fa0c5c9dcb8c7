"""Public helpers for tests, ours and those of third-party components."""
