"""Builds the pipeline of an agent from a `Plan`, and changes it to another plan while it runs.

::

    Listeners ───────────── batch ──────────────────────────┐
    Schedule ── due ──► Runner ── batch ──► Gather ── 1 s ──► Fanout ──► Buffer ──► Sender ──► sink
                        (checks)                               └──────► Buffer ──► Sender ──► sink

`apply` compares the plan with what runs and touches only what changed: an unchanged check keeps its
state and its schedule, an unchanged sink its connection. A buffer outlives its sink: a sink that
comes back under the same name finds what was left.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from gnomon.agent.pipeline.fanout import Fanout
from gnomon.agent.pipeline.gather import Gather
from gnomon.agent.pipeline.listeners import Listeners
from gnomon.agent.pipeline.output import InstanceOutput
from gnomon.agent.pipeline.plan import (
    Broken,
    CheckSpec,
    CheckState,
    ListenerState,
    Plan,
    SinkSpec,
    SinkState,
    SourceLimits,
)
from gnomon.agent.pipeline.runner import Instance, Runner
from gnomon.agent.pipeline.schedule import Schedule
from gnomon.agent.pipeline.sender import Sender
from gnomon.buffer.disk import DiskBuffer
from gnomon.core.component import Check, Context, Sink
from gnomon.core.errors import GnomonError
from gnomon.core.model import Batch
from gnomon.core.registry import CHECKS, SINKS
from gnomon.core.settings import build

FLUSH = 1.0
"""Seconds between two flushes of the gathered samples."""
SELF_INTERVAL = 10_000
"""Milliseconds between two readings of the self-metrics."""


class Burst:
    """A shorter interval for the checks during the first minutes, so that graphs appear at once."""

    def __init__(self, interval: float, until: float) -> None:
        """`until`: monotonic seconds."""
        self.interval = interval
        self.until = until


class Topology:
    """The running pipeline; a `Component`."""

    def __init__(
        self, context: Context, agent_id: str, data: Path, burst: Burst | None = None
    ) -> None:
        """`data`: the agent's folder, where the buffers live."""
        self._context = context
        self._agent_id = agent_id
        self._data = data
        self._burst = burst
        self._plan = Plan()
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._fanout = Fanout(context.telemetry)
        self._gather = Gather(self._put)
        self._runner = Runner(context.clock, context.telemetry, context.log, self._gather.add)
        self._schedule = Schedule(context.hostname)
        self._listeners = Listeners(context, self._fanout.put)
        self._senders: dict[str, Sender] = {}
        self._broken: dict[str, Broken] = {}
        self._ticker = threading.Thread(target=self._tick, name="schedule", daemon=True)

    def start(self) -> None:
        """Begins to schedule."""
        self._ticker.start()

    def apply(self, plan: Plan) -> list[str]:
        """Makes `plan` the running one; says in a line each what was changed."""
        with self._lock:
            everything = plan.labels != self._plan.labels or plan.limits != self._plan.limits
            changes = self._apply_sinks(plan)
            changes += self._apply_checks(plan, anew=everything)
            changes += self._listeners.apply(plan.listeners)
            self._plan = plan
            return changes

    def checks(self) -> list[CheckState]:
        """State of each check instance, those with unusable settings included."""
        with self._lock:
            broken = [
                CheckState(part.name, "", 0.0, "settings", status="critical", message=part.message)
                for part in self._plan.broken
                if part.kind == "check"
            ]
        return [*broken, *self._runner.states()]

    def listeners(self) -> list[ListenerState]:
        """State of each listener, those with unusable settings included."""
        with self._lock:
            broken = [part for part in self._plan.broken if part.kind == "listener"]
        return [
            *(ListenerState(part.name, "failed", part.message) for part in broken),
            *self._listeners.states(),
        ]

    def sinks(self) -> list[SinkState]:
        """State of each sink, those with unusable settings included."""
        with self._lock:
            senders = list(self._senders.values())
            broken = [part for part in self._plan.broken if part.kind == "sink"]
            broken += self._broken.values()
        return [
            *(SinkState(part.name, "", "failed", message=part.message) for part in broken),
            *(sender.state() for sender in senders),
        ]

    def stop(self, drain: float = 2.0) -> None:
        """Ends in the order of the flow, so that what was collected reaches the buffers."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        if self._ticker.is_alive():
            self._ticker.join(timeout=5)
        self._listeners.stop()
        self._runner.stop()
        self._gather.flush()
        with self._lock:
            senders, self._senders = list(self._senders.values()), {}
        for sender in senders:
            sender.stop(drain)
            sender.buffer.close()

    def _put(self, batch: Batch) -> None:
        try:
            self._fanout.put(batch)
        except GnomonError as error:
            self._context.log.error("%d samples could not be buffered: %s", len(batch), error)

    def _tick(self) -> None:
        clock = self._context.clock
        flush_at = clock.monotonic() + FLUSH
        self_at = clock.now()
        while not self._stopping.is_set():
            monotonic, now = clock.monotonic(), clock.now()
            with self._lock:
                self._end_burst(now, monotonic)
                due = self._schedule.due(now, monotonic)
                wait = self._schedule.wait(monotonic)
            for key, timestamp in due:
                self._runner.submit(key, timestamp)
            if monotonic >= flush_at:
                flush_at = monotonic + FLUSH
                self._runner.watch()
                self._listeners.retry()
                if abs(now - self_at) >= SELF_INTERVAL:
                    self_at = now
                    self._report_self(now // SELF_INTERVAL * SELF_INTERVAL)
                self._gather.flush()
            self._stopping.wait(max(0.0, min(wait, flush_at - clock.monotonic())))

    def _report_self(self, timestamp: int) -> None:
        labels = {**self._plan.labels, "host": self._context.hostname}
        output = InstanceOutput("gnomon", labels, SourceLimits(), self._context.telemetry)
        output.begin(timestamp, 0.0)
        for sample in self._context.telemetry.samples(timestamp):
            output.put(sample.series.metric, sample.value, dict(sample.series.labels))
        self._gather.add(output.finish())

    def _apply_checks(self, plan: Plan, *, anew: bool) -> list[str]:
        before = {spec.key: spec for spec in self._plan.checks}
        after = {spec.key: spec for spec in plan.checks}
        changes: list[str] = []
        for key, spec in before.items():
            new = after.get(key)
            if new is None or anew or not new.same_as(spec):
                self._schedule.remove(key)
                self._runner.remove(key)
                if new is None:
                    changes.append(f"check {key} removed")
        for key, spec in after.items():
            old = before.get(key)
            if old is None or anew or not spec.same_as(old):
                self._add_check(spec, plan.labels, plan.limits)
                changes.append(f"check {key} {'changed' if old else 'added'}")
        return changes

    def _add_check(self, spec: CheckSpec, labels: Mapping[str, str], limits: SourceLimits) -> None:
        context = self._context
        full = {**labels, **spec.labels, "host": spec.labels.get("host", context.hostname)}
        output = InstanceOutput(spec.key, full, limits, context.telemetry)

        def make() -> Check:
            kind = CHECKS.load(spec.check)
            log = context.log.getChild(spec.check)
            check: Check = kind(build(spec.settings, kind.Settings), context._replace(log=log))
            return check

        self._runner.add(Instance(spec, make, output))
        clock = context.clock
        self._schedule.add(spec.key, self._interval(spec), clock.now(), clock.monotonic())

    def _interval(self, spec: CheckSpec) -> float:
        burst = self._burst
        if burst is None or spec.origin == "settings" or spec.interval <= burst.interval:
            return spec.interval
        return burst.interval

    def _end_burst(self, now: int, monotonic: float) -> None:
        if self._burst is None or monotonic < self._burst.until:
            return
        self._burst = None
        for spec in self._plan.checks:
            self._schedule.add(spec.key, spec.interval, now, monotonic)

    def _apply_sinks(self, plan: Plan) -> list[str]:
        before = {spec.name: spec for spec in self._plan.sinks}
        after = {spec.name: spec for spec in plan.sinks}
        changes: list[str] = []
        for name, spec in before.items():
            new = after.get(name)
            if new is None or not new.same_as(spec):
                self._remove_sink(name)
                if new is None:
                    changes.append(f"sink {name} removed")
        for name, spec in after.items():
            old = before.get(name)
            if old is None or not spec.same_as(old) or name not in self._senders:
                self._add_sink(spec)
                changes.append(f"sink {name} {'changed' if old else 'added'}")
        return changes

    def _remove_sink(self, name: str) -> None:
        self._broken.pop(name, None)
        sender = self._senders.pop(name, None)
        if sender is not None:
            self._fanout.detach(name)
            sender.stop()
            sender.buffer.close()
            self._context.telemetry.forget(sink=name)

    def _add_sink(self, spec: SinkSpec) -> None:
        context = self._context
        self._broken.pop(spec.name, None)
        try:
            buffer = DiskBuffer(
                self._data / "buffer" / spec.name,
                spec.buffer,
                context.clock,
                context.telemetry,
                self._agent_id,
                spec.name,
            )
        except GnomonError as error:
            context.log.error("sink %s: %s", spec.name, error)
            self._broken[spec.name] = Broken("sink", spec.name, str(error))
            return

        def make() -> Sink:
            kind = SINKS.load(spec.sink)
            log = context.log.getChild(spec.name)
            sink: Sink = kind(build(spec.settings, kind.Settings), context._replace(log=log))
            return sink

        sender = Sender(spec, make, buffer, context.clock, context.telemetry, context.log)
        self._senders[spec.name] = sender
        self._fanout.attach(spec.name, buffer)
        sender.start()
