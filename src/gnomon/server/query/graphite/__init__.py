"""Graphite's functions and targets."""
