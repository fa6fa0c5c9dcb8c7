"""Graphite: paths, the plaintext protocol and the pickle protocol."""
