"""The parts of Graphite's HTTP API; `web/api/graphite.py` puts them on their paths."""
