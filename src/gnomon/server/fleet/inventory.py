"""Which agents report here, and what each last said of itself.

An agent posts its status (a JSON object, see `docs/reference/status.md`) every few seconds. It is
kept in memory: after a restart of the server each agent is back within one interval.
"""

from __future__ import annotations

import threading
from typing import Any

import msgspec


class AgentStatus(msgspec.Struct, frozen=True):
    """The newest status of one agent."""

    agent: str
    """The agent's id."""
    host: str
    received: int
    """Milliseconds since the Unix epoch, by the server's clock."""
    status: dict[str, Any]
    """As the agent sent it."""


class Inventory:
    """Bounded table of agents; safe from any thread."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._agents: dict[str, AgentStatus] = {}
        self._lock = threading.Lock()

    def report(self, status: AgentStatus) -> None:
        """Replaces what was known of that agent; the one silent for longest makes room."""
        with self._lock:
            self._agents.pop(status.agent, None)
            self._agents[status.agent] = status
            if len(self._agents) > self._most:
                self._agents.pop(next(iter(self._agents)))

    def agents(self) -> list[AgentStatus]:
        """Sorted by host, then agent id."""
        with self._lock:
            return sorted(self._agents.values(), key=lambda agent: (agent.host, agent.agent))
