"""Wires an agent together and runs it."""
