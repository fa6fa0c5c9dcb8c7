"""The check itself."""

from __future__ import annotations

from pathlib import Path

from gnomon.agent.sources import procfs
from gnomon.agent.sources.checks.network import connections, interfaces, stack
from gnomon.agent.sources.patterns import pattern
from gnomon.core import settings
from gnomon.core.component import Context, Output

METRICS = (*interfaces.METRICS, *connections.METRICS, *stack.METRICS)

MANY = 20_000
RARELY = 60.0


class Settings(settings.Settings, frozen=True, kw_only=True):
    """The keys of Datadog Agent 5's `network.yaml`."""

    excluded_interfaces: tuple[str, ...] = ("lo", "lo0")
    """Interfaces to leave out."""
    excluded_interface_re: str = ""
    """Regular expression; interfaces that begin like this are left out: `veth.*`."""
    collect_connection_state: bool = True
    """Whether to count TCP sockets by state, and UDP sockets."""
    combine_connection_states: bool = True
    """Whether states are joined to established, opening, closing, time_wait and listening; else
    each state of the kernel has its own series (estab, syn_sent, fin_wait_1 ...)."""


class Network:
    """Reads `/proc/net` and asks sock_diag; psutil elsewhere."""

    Settings = Settings
    DEFAULT = True

    def __init__(self, settings_: Settings, context: Context) -> None:
        self._settings = settings_
        self._excluded = frozenset(settings_.excluded_interfaces)
        self._excluded_re = pattern("excluded_interface_re", settings_.excluded_interface_re)
        self._dev = procfs.own(context, "net", "dev")
        self._net = self._dev.parent
        self._diag = context.root == Path("/")
        self._clock = context.clock
        self._count_again_at = 0.0

    def collect(self, out: Output) -> None:
        """Puts all three; a part that this system does not have is left out."""
        found = (
            interfaces.parse(procfs.read(self._dev)) if procfs.LINUX else interfaces.read_psutil()
        )
        for device, traffic in found.items():
            if not self._exclude(device, traffic):
                for metric, total in interfaces.totals(traffic).items():
                    out.rate(metric, total, device=device)
        if procfs.LINUX:
            self._put_stack(out)
        if self._settings.collect_connection_state:
            self._put_connections(out)

    def _exclude(self, device: str, traffic: interfaces.Traffic) -> bool:
        """Also an interface that never carried anything."""
        return (
            device in self._excluded
            or bool(self._excluded_re and self._excluded_re.match(device))
            or not (traffic.bytes_in or traffic.bytes_out)
        )

    def _put_stack(self, out: Output) -> None:
        counters = stack.parse_snmp(
            procfs.read_if_there(self._net / "snmp") + procfs.read_if_there(self._net / "netstat")
        )
        for key, metric in stack.RATES.items():
            if key in counters:
                out.rate(metric, counters[key])
        if ("Tcp", "CurrEstab") in counters:
            out.put(stack.ESTABLISHED, counters["Tcp", "CurrEstab"])
        sockets = stack.parse_sockstat(
            procfs.read_if_there(self._net / "sockstat")
            + procfs.read_if_there(self._net / "sockstat6")
        )
        for key, metric in stack.SOCKETS.items():
            if key in sockets:
                out.put(metric, sockets[key])

    def _put_connections(self, out: Output) -> None:
        now = self._clock.monotonic()
        if now < self._count_again_at:
            return
        counts = self._count() if procfs.LINUX else connections.read_psutil()
        for family, states in counts.items():
            shown = connections.shown(
                family, states, combine=self._settings.combine_connection_states
            )
            for metric, value in shown.items():
                out.put(metric, value)
        if sum(sum(states.values()) for states in counts.values()) > MANY:
            self._count_again_at = now + RARELY

    def _count(self) -> dict[str, connections.Counts]:
        found = {
            family: connections.read(family, self._net, diag=self._diag)
            for family in connections.FAMILIES
        }
        return {family: counts for family, counts in found.items() if counts is not None}

    def close(self) -> None:
        """Holds nothing open."""
