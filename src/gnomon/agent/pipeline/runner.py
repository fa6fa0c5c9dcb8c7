"""Runs checks: deadline, status, self-metrics; errors are shown, not hidden.

The only place with a broad `except`: whatever a check raises becomes its status, and the schedule
of all others goes on. A run that outlives its deadline is given up: its status says so, its late
output is discarded, and a fresh worker takes the place of the one it holds. The instance rests
until that run returns, so no instance ever runs twice at once.
"""

from __future__ import annotations

import logging
import queue
import threading
import traceback
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from gnomon.agent.pipeline.output import InstanceOutput
from gnomon.agent.pipeline.plan import CheckSpec, CheckState
from gnomon.core.clock import Clock
from gnomon.core.component import Check
from gnomon.core.errors import GnomonError, NeedsSetup, NoData
from gnomon.core.model import Batch, Metric, Status
from gnomon.core.telemetry import Telemetry, counter, gauge

RUNS = counter("gnomon.check.runs", "Runs of a check that ended.", unit="run")
ERRORS = counter("gnomon.check.errors", "Runs of a check that ended in an error.", unit="run")
MISSED = counter("gnomon.check.missed", "Runs left out: the one before was not over.", unit="run")
OVERDUE = counter("gnomon.check.overdue", "Runs given up at their deadline.", unit="run")
SAMPLES = counter("gnomon.check.samples", "Samples a check has given.", unit="sample")
DURATION = gauge("gnomon.check.duration", "How long the last run of a check took.", unit="second")

LONGEST_REST = 300.0
"""Seconds until a check that could not be built is tried again, at the most."""


class Instance:
    """A check instance and what is known of it. Its fields belong to the runner's lock."""

    def __init__(self, spec: CheckSpec, build: Callable[[], Check], output: InstanceOutput) -> None:
        """`build` makes the check; it may fail, and is tried again later."""
        self.spec = spec
        self.build = build
        self.output = output
        self.check: Check | None = None
        self.state = CheckState(
            name=spec.check, instance=spec.instance, interval=spec.interval, origin=spec.origin
        )
        self.since: float | None = None
        """Monotonic time at which the run under way began."""
        self.overdue = False
        self.removed = False
        self.rest_until = 0.0
        self.rest = 0.0

    @property
    def deadline(self) -> float:
        """Seconds a run may take."""
        return self.spec.deadline or max(self.spec.interval, 10.0)


class _Result(NamedTuple):
    """How a run ended."""

    status: str
    message: str = ""
    hint: str = ""
    error: bool = False


class Runner:
    """Worker threads over the instances. All methods are safe from any thread."""

    def __init__(
        self,
        clock: Clock,
        telemetry: Telemetry,
        log: logging.Logger,
        deliver: Callable[[Batch], None],
        workers: int = 3,
    ) -> None:
        """`deliver` takes the batch of each run."""
        self._clock = clock
        self._telemetry = telemetry
        self._log = log
        self._deliver = deliver
        self._lock = threading.Lock()
        self._instances: dict[str, Instance] = {}
        self._jobs: queue.SimpleQueue[tuple[Instance, int] | None] = queue.SimpleQueue()
        self._closed = False
        self._threads: list[threading.Thread] = []
        for _ in range(workers):
            self._spawn()

    def add(self, instance: Instance) -> None:
        """Takes an instance in; the schedule decides when it runs."""
        with self._lock:
            self._instances[instance.spec.key] = instance

    def remove(self, key: str) -> None:
        """Forgets an instance; a run under way ends first, and its output is discarded."""
        with self._lock:
            instance = self._instances.pop(key, None)
            if instance is None:
                return
            instance.removed = True
            idle = instance.since is None
        self._telemetry.forget(check=instance.spec.check, instance=instance.spec.instance)
        if idle:
            self._close(instance)

    def submit(self, key: str, timestamp: int) -> None:
        """It is time for a run."""
        with self._lock:
            instance = self._instances.get(key)
            if instance is None or self._closed:
                return
            if instance.since is not None:
                self._missed(instance)
                return
            if self._clock.monotonic() < instance.rest_until:
                return
            instance.since = self._clock.monotonic()
        self._jobs.put((instance, timestamp))

    def watch(self) -> None:
        """Gives up runs that are over their deadline. Called every second or so."""
        now = self._clock.monotonic()
        with self._lock:
            for instance in self._instances.values():
                if instance.since is None or instance.overdue:
                    continue
                if now - instance.since > instance.deadline:
                    instance.overdue = True
                    self._given_up(instance)

    def states(self) -> list[CheckState]:
        """Of all instances, sorted by name."""
        with self._lock:
            states = [instance.state for instance in self._instances.values()]
        return sorted(states, key=lambda state: (state.name, state.instance))

    def wait_idle(self, timeout: float) -> bool:
        """Waits until no run is under way; whether that came true."""
        end = self._clock.monotonic() + timeout
        while self._clock.monotonic() < end:
            with self._lock:
                if all(i.since is None or i.overdue for i in self._instances.values()):
                    return True
            self._clock.sleep(0.01)
        return False

    def stop(self, timeout: float = 5.0) -> None:
        """Lets runs under way end, but waits no longer than `timeout` seconds for them."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self.wait_idle(timeout)
        for _ in self._threads:
            self._jobs.put(None)
        with self._lock:
            instances = list(self._instances.values())
        for instance in instances:
            if instance.since is None:
                self._close(instance)

    def _spawn(self) -> None:
        name = f"check-worker-{len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self._run(*job):
                return  # a fresh worker has taken this one's place meanwhile

    def _run(self, instance: Instance, timestamp: int) -> bool:
        """One run; whether it was given up before it ended."""
        began = self._clock.monotonic()
        with self._lock:
            instance.since = began
        instance.output.begin(timestamp, began)
        result = self._collect(instance)
        batch = instance.output.finish()
        duration = self._clock.monotonic() - began
        with self._lock:
            overdue, removed = instance.overdue, instance.removed
            instance.since, instance.overdue = None, False
            if not overdue:
                self._ended(instance, timestamp, duration, len(batch), result)
        if removed:
            self._close(instance)
        elif batch and not overdue:
            self._deliver(batch)
        return overdue

    def _collect(self, instance: Instance) -> _Result:
        try:
            if instance.check is None:
                instance.check = instance.build()
            instance.check.collect(instance.output)
        except NeedsSetup as error:
            return _Result("needs_setup", str(error), error.hint)
        except NoData as error:
            return _Result("no_data", str(error))
        except GnomonError as error:
            return _Result("critical", str(error), error=True)
        except Exception as error:  # noqa: BLE001  # the one place: see the module's docstring
            self._log.warning("check %s failed", instance.spec.key, exc_info=True)
            return _Result("critical", _describe(error), traceback.format_exc(), error=True)
        worst = instance.output.worst
        return _Result("ok" if worst is Status.OK else worst.name.lower())

    def _ended(
        self, instance: Instance, timestamp: int, duration: float, samples: int, result: _Result
    ) -> None:
        spec, before = instance.spec, instance.state
        instance.state = CheckState(
            name=spec.check,
            instance=spec.instance,
            interval=spec.interval,
            origin=spec.origin,
            status=result.status,
            message=result.message,
            hint=result.hint,
            last_run=timestamp,
            duration=round(duration, 6),
            samples=samples,
            runs=before.runs + 1,
            errors=before.errors + result.error,
            missed=before.missed,
        )
        self._rest(instance, result)
        self._count(RUNS, instance)
        self._count(SAMPLES, instance, samples)
        if result.error:
            self._count(ERRORS, instance)
        self._telemetry.value(DURATION, check=spec.check, instance=spec.instance).set(duration)
        if result.error and result.message != before.message:
            self._log.warning("check %s: %s", spec.key, result.message)

    def _rest(self, instance: Instance, result: _Result) -> None:
        """A check that cannot even be built is tried less and less often."""
        if instance.check is None and result.error:
            instance.rest = min(max(instance.spec.interval, instance.rest * 2), LONGEST_REST)
            instance.rest_until = self._clock.monotonic() + instance.rest
        else:
            instance.rest, instance.rest_until = 0.0, 0.0

    def _missed(self, instance: Instance) -> None:
        instance.state = msgspec.structs.replace(instance.state, missed=instance.state.missed + 1)
        self._count(MISSED, instance)

    def _given_up(self, instance: Instance) -> None:
        message = f"still running after its deadline of {instance.deadline:g} s; given up"
        instance.state = msgspec.structs.replace(
            instance.state, status="critical", message=message, errors=instance.state.errors + 1
        )
        self._count(OVERDUE, instance)
        self._count(ERRORS, instance)
        self._log.error("check %s: %s", instance.spec.key, message)
        self._spawn()

    def _count(self, metric: Metric, instance: Instance, amount: float = 1) -> None:
        spec = instance.spec
        self._telemetry.value(metric, check=spec.check, instance=spec.instance).add(amount)

    def _close(self, instance: Instance) -> None:
        check, instance.check = instance.check, None
        if check is None:
            return
        try:
            check.close()
        except Exception:  # noqa: BLE001  # a check that fails to close must not stop the stop
            self._log.warning("check %s failed to close", instance.spec.key, exc_info=True)


def _describe(error: Exception) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
