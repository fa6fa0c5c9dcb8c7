"""Gnomon: collects, forwards, stores, queries, alerts on and shows metrics; runs old plugins."""

__version__ = "0.1.0"
