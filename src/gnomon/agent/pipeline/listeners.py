"""The running listeners: started, replaced, and tried again when their port was taken.

A listener that cannot start is red with the reason and costs nobody else anything.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from gnomon.agent.pipeline.plan import ListenerSpec, ListenerState
from gnomon.core.component import Context, Emit, Listener
from gnomon.core.errors import GnomonError
from gnomon.core.registry import LISTENERS
from gnomon.core.settings import build

AGAIN = 15.0
"""Seconds until a listener that could not start is tried again."""


class _Held:
    __slots__ = ("again_at", "listener", "message", "spec")

    def __init__(self, spec: ListenerSpec) -> None:
        self.spec = spec
        self.listener: Listener | None = None
        self.message = ""
        self.again_at = 0.0


class Listeners:
    """See the module's docstring. Safe from any thread."""

    def __init__(self, context: Context, emit: Emit) -> None:
        self._context = context
        self._emit = emit
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}

    def apply(self, specs: Sequence[ListenerSpec]) -> list[str]:
        """Makes these the running ones; says in a line each what was changed."""
        wanted = {spec.listener: spec for spec in specs}
        changes: list[str] = []
        with self._lock:
            for name in list(self._held):
                spec = wanted.get(name)
                if spec is None or not spec.same_as(self._held[name].spec):
                    self._stop(self._held.pop(name))
                    if spec is None:
                        changes.append(f"listener {name} removed")
            for name, spec in wanted.items():
                if name not in self._held:
                    self._held[name] = _Held(spec)
                    self._start(self._held[name])
                    changes.append(f"listener {name} added")
        return changes

    def retry(self) -> None:
        """Starts those that could not start before, when it is time. Called every second or so."""
        now = self._context.clock.monotonic()
        with self._lock:
            for held in self._held.values():
                if held.listener is None and now >= held.again_at:
                    self._start(held)

    def states(self) -> list[ListenerState]:
        """Of all listeners, sorted by name."""
        with self._lock:
            return [_state(name, held) for name, held in sorted(self._held.items())]

    def stop(self) -> None:
        """Ends all; what they had accepted is in the buffers."""
        with self._lock:
            for held in self._held.values():
                self._stop(held)
            self._held.clear()

    def _start(self, held: _Held) -> None:
        name = held.spec.listener
        context = self._context._replace(log=self._context.log.getChild(name))
        try:
            kind = LISTENERS.load(name)
            listener: Listener = kind(build(held.spec.settings, kind.Settings), context, self._emit)
            listener.start()
        except GnomonError as error:
            if str(error) != held.message:
                context.log.warning("%s", error)
            held.message = str(error)
            held.again_at = self._context.clock.monotonic() + AGAIN
            return
        held.listener, held.message = listener, ""

    def _stop(self, held: _Held) -> None:
        if held.listener is not None:
            held.listener.stop()
            held.listener = None


def _state(name: str, held: _Held) -> ListenerState:
    if held.listener is None:
        return ListenerState(name, "failed", held.message)
    return ListenerState(name, "listening", "", getattr(held.listener, "addresses", ()))
