"""Traffic of network interfaces, states of connections, and what the protocol stack counts.

Names and meaning are those of Datadog Agent 5; `packets_in.error` is errors and drops together as
there, and the drops also stand on their own. Sockets are counted by asking the kernel directly
(sock_diag), which costs a third of what reading `/proc/net/tcp` costs; with more than 20,000 of
them they are counted once a minute.
"""

from gnomon.agent.sources.checks.network.check import METRICS, Network, Settings

component = Network

__all__ = ["METRICS", "Network", "Settings", "component"]
