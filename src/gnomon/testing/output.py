"""An `Output` that remembers what a check put, and writes it as text."""

from __future__ import annotations

import json
from collections.abc import Mapping

from gnomon.agent.pipeline.output import InstanceOutput
from gnomon.agent.pipeline.plan import SourceLimits
from gnomon.core.model import Batch, Sample, Series, Status
from gnomon.core.telemetry import Telemetry


class RecordingOutput(InstanceOutput):
    """The output a check has in the agent, run by run on a time line of the test's making.

    ::

        out = RecordingOutput()
        with_clock.advance(10); out.begin(1_700_000_010_000, 10.0); check.collect(out)
        assert out.lines() == ['system.load.1{host="test"} 0.5 - gauge']
    """

    def __init__(self, host: str = "test", series: int = 10_000) -> None:
        """`series` is the limit from which on series are folded, as in the agent."""
        super().__init__(
            "test", {"host": host}, SourceLimits(series=series), telemetry := Telemetry()
        )
        self.telemetry = telemetry
        self.statuses: list[tuple[Series, Status, str]] = []
        """Series, status and message of the service checks of this run."""

    def begin(self, timestamp: int, elapsed: float) -> None:
        """Starts a run; forgets what the run before found, but not its totals."""
        super().begin(timestamp, elapsed)
        self.statuses = []

    def status(
        self, name: str, status: Status, message: str = "", labels: Mapping[str, str] | None = None
    ) -> None:
        """A service check."""
        super().status(name, status, message, labels)
        series = self._samples[-1].series
        self.statuses.append((series, status, message))

    @property
    def batch(self) -> Batch:
        """What was put since `begin`."""
        return self.finish()

    def value(self, name: str, **labels: str) -> float | None:
        """The value of the one series of this name with at least these labels; None if none.

        Raises `LookupError` if there are several.
        """
        wanted = set(labels.items())
        found = [s for s in self.batch if s.series.name == name and wanted <= set(s.series.labels)]
        if len(found) > 1:
            raise LookupError(f"{len(found)} series match: {[s.series for s in found]}")
        return found[0].value if found else None

    def lines(self) -> list[str]:
        """Samples, service checks and events of this run as text, sorted."""
        batch = self.batch
        of_statuses = {series for series, _, _ in self.statuses}
        return sorted(
            [
                *(line_of(sample) for sample in batch if sample.series not in of_statuses),
                *(
                    f"{written(series)} {status.name} {_quoted(message)}"
                    for series, status, message in self.statuses
                ),
                *(f"event {event.kind} {_quoted(event.title)}" for event in batch.events),
            ]
        )


def line_of(sample: Sample) -> str:
    """`system.cpu.user{host="test"} 3.5 percent gauge`; a metric without a unit has `-`."""
    metric = sample.series.metric
    return f"{written(sample.series)} {sample.value:.10g} {metric.unit or '-'} {metric.kind}"


def written(series: Series) -> str:
    """`system.disk.used{device="/dev/sda1",host="test"}`."""
    labels = ",".join(f"{name}={_quoted(value)}" for name, value in series.labels)
    return f"{series.name}{{{labels}}}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
