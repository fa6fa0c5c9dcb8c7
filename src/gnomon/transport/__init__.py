"""Moves bytes: HTTP, TCP, UDP, Unix sockets, child processes. No meaning."""
