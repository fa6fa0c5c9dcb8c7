"""The gnomon command."""
