"""`gnomon query`: ask the server in PromQL or in Graphite's language."""

from __future__ import annotations

import argparse

EXAMPLES = (
    ("gnomon query promql 'system_load_1'", "the newest value of each host"),
    (
        "gnomon query promql 'avg by (host) (system_cpu_user)' --from -1h --step 60",
        "an hour, as sparklines",
    ),
    ("gnomon query graphite 'web1.system.load.*' --from=-10min", "Graphite's language"),
    ("gnomon query promql 'up' --json", "the API's own answer, for a script"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("language", choices=("promql", "graphite"))
    parser.add_argument("expression", metavar="EXPR")
    parser.add_argument("--time", help="promql: at this time instead of now")
    parser.add_argument(
        "--from", dest="begin", help="begin of a range: -1h, epoch seconds, RFC 3339"
    )
    parser.add_argument("--to", dest="end", help="promql: its end (default now)")
    parser.add_argument("--until", help="graphite: its end (default now)")
    parser.add_argument("--step", help="promql: seconds between points (default: 120 points)")


def run(args: argparse.Namespace) -> int:
    """Does it; imported only now, so that help stays fast."""
    from gnomon.cli._query import run as run_query

    return run_query(args)
