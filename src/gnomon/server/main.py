"""Wires a server together and runs it."""
