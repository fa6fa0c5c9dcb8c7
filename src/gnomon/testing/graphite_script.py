"""A text language for what Graphite targets answer: load series, evaluate targets, expect lines.

::

    # The sum of all, at the coarsest step.
    load 10s
      servers.web1.load    1 2 3 _ 5
      servers.web2.load    10+5x4
      disk.used;host=web1  7x4

    eval sumSeries(servers.*.load)
      sumSeries(servers.*.load) => 11 17 23 25 35

    eval [from=-20s] summarize(servers.web1.load, "1min")
      summarize(servers.web1.load, "1min", "sum") => @0/1min 5

    fail scale(servers.web1.load)
      needs the argument 'factor'

`load STEP` puts the first value one step after the base (midnight of 15 November 2023, UTC); `_` is
no value, `10+5x4` is 10 15 20 25 30 and `7x4` five times 7. `clear` forgets all series. `event
SECONDS TAGS` adds an event. The window is from the base to the last point loaded, which is now,
unless `from`, `until` or `now` say otherwise; `maxDataPoints` and `xFilesFactor` may stand there too.

An expected line is a name, `=>`, and values. `@START/STEP`, with START relative to the base, stands
before them when the line does not begin one loaded step after the base at that step. A line
`tags ...` below it names the tags of the result. No lines at all: nothing is answered.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import NamedTuple

import numpy as np

from gnomon.core.errors import GnomonError
from gnomon.core.model import Batch, Event, Metric, Sample, Series, labels_of
from gnomon.server.query.graphite.attime import parse_offset, parse_time
from gnomon.server.query.graphite.consolidation import fitted
from gnomon.server.query.graphite.engine import Engine, Question
from gnomon.server.query.graphite.names import parse_tagged
from gnomon.server.query.graphite.timeseries import SeriesList, TimeSeries
from gnomon.server.store.interface import Write
from gnomon.server.store.memory import MemoryStore
from gnomon.testing.clock import FakeClock

BASE = 1_700_006_400
"""Where times begin: a midnight, so that every usual interval begins there too."""

_COMMAND = re.compile(r"(load|eval|fail|clear|event)\b\s*(?:\[([^\]]*)\]\s*)?(.*)")
_PROGRESSION = re.compile(r"(-?[\d.]+)(?:([+-][\d.]+))?x(\d+)")


class ScriptError(GnomonError):
    """A script that is not of the language."""


class Block(NamedTuple):
    """A command with the lines below it."""

    line: int
    head: str
    body: tuple[str, ...]


class Failure(NamedTuple):
    """An evaluation that did not answer what was expected."""

    line: int
    target: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.target}\nexpected:\n{self.expected}\nfound:\n{self.found}"


def failures(text: str) -> list[Failure]:
    """What a script expects and does not get."""
    runner = _Runner()
    found: list[Failure] = []
    for block in blocks(text):
        answer = runner.run(block)
        if answer is not None and not _same(block.body, answer):
            found.append(Failure(block.line, block.head, _joined(block.body), _joined(answer)))
    return found


def rewritten(text: str) -> str:
    """The script with what is answered now in place of what was expected."""
    runner = _Runner()
    lines = text.splitlines()
    for block in blocks(text):
        answer = runner.run(block)
        if answer is not None:
            for place in range(block.line, block.line + len(block.body)):
                lines[place] = "\0"
            lines[block.line - 1] = "\n".join([block.head, *(f"  {line}" for line in answer)])
    return "\n".join(line for line in lines if line != "\0") + "\n"


def targets(text: str) -> list[str]:
    """All targets a script evaluates."""
    return [
        match[3]
        for block in blocks(text)
        if (match := _command(block)) and match[1] in ("eval", "fail")
    ]


def blocks(text: str) -> Iterator[Block]:
    """Commands with the indented lines below them; comments and empty lines end a block."""
    head, start, body = "", 0, list[str]()
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line[:1].isspace() and line.strip() and head:
            body.append(line.strip())
            continue
        if head:
            yield Block(start, head, tuple(body))
        head, start, body = ("", 0, []) if not line or line[0] in "# " else (line, number, [])


def _command(block: Block) -> re.Match[str]:
    match = _COMMAND.fullmatch(block.head)
    if match is None:
        raise ScriptError(f"line {block.line}: unknown command {block.head!r}")
    return match


@dataclass
class _Runner:
    """What was loaded so far."""

    store: MemoryStore = field(default_factory=lambda: MemoryStore(FakeClock(BASE * 1000)))
    step: int = 10
    end: int = BASE

    def run(self, block: Block) -> tuple[str, ...] | None:
        """Carries a command out; what an evaluation answers, as lines."""
        name, options, rest = _command(block).groups()
        if name == "load":
            self._load(rest, block)
        elif name == "clear":
            self.store, self.end = MemoryStore(FakeClock(BASE * 1000)), BASE
        elif name == "event":
            self._event(rest)
        else:
            return self._answer(rest, options or "", failing=name == "fail", wanted=block.body)
        return None

    def _load(self, step: str, block: Block) -> None:
        self.step = parse_offset(step)
        samples: list[Sample] = []
        for line in block.body:
            path, _, text = line.partition(" ")
            name, labels = parse_tagged(path)
            series = Series(Metric(name), labels)
            for place, value in enumerate(_values(text), 1):
                at = BASE + place * self.step
                self.end = max(self.end, at)
                if not math.isnan(value):
                    samples.append(Sample(series, at * 1000, value))
        self.store.append([Write(Batch.of(samples))])

    def _event(self, rest: str) -> None:
        seconds, *tags = rest.split()
        event = Event(
            (BASE + int(seconds)) * 1000, "event", labels=labels_of((tag, "true") for tag in tags)
        )
        self.store.append([Write(Batch.of((), [event]))])

    def _answer(
        self, target: str, options: str, *, failing: bool, wanted: Sequence[str]
    ) -> tuple[str, ...]:
        given = dict(option.split("=", 1) for option in options.split())
        try:
            series_list = self._evaluated(target, given)
        except GnomonError as error:
            message = str(error)
            if failing and wanted and wanted[0] in message:
                return tuple(wanted)
            return (message,) if failing else (f"fails: {message}",)
        if failing:
            return ("does not fail",)
        return tuple(line for series in series_list for line in self._shown(series, wanted))

    def _evaluated(self, target: str, given: dict[str, str]) -> SeriesList:
        now = parse_time(given["now"], UTC, self.end) if "now" in given else self.end
        until = parse_time(given["until"], UTC, now) if "until" in given else self.end
        start = parse_time(given["from"], UTC, now) if "from" in given else BASE
        engine = Engine(self.store, random=lambda points: np.linspace(0, 1, points, endpoint=False))
        engine.refresh(now)
        factor = float(given.get("xFilesFactor", 0))
        answer = engine.answer(Question([target], start, until, now, x_files_factor=factor))
        return fitted(answer, int(given.get("maxDataPoints", 0)))

    def _shown(self, series: TimeSeries, wanted: Sequence[str]) -> Iterator[str]:
        place = ""
        if (series.start, series.step) != (BASE + self.step, self.step):
            place = f"@{series.start - BASE}/{series.step}s "
        values = " ".join(_number(value) for value in series.values.tolist())
        yield f"{series.name} => {place}{values}".rstrip()
        if any(line.split()[0] == "tags" for line in wanted):
            pairs = sorted((tag, value) for tag, value in series.tags.items())
            yield "tags " + " ".join(f"{tag}={value}" for tag, value in pairs)


def _values(text: str) -> Iterator[float]:
    for word in text.split():
        progression = _PROGRESSION.fullmatch(word)
        if progression is None:
            yield math.nan if word == "_" else float(word)
        else:
            first, by, times = progression.groups()
            yield from (float(first) + float(by or 0) * i for i in range(int(times) + 1))


def _number(value: float) -> str:
    if math.isnan(value):
        return "_"
    return f"{value:.10g}"


def _same(expected: Sequence[str], found: Sequence[str]) -> bool:
    return len(expected) == len(found) and all(map(_alike, expected, found))


def _alike(one: str, other: str) -> bool:
    """Equal as text, or word by word but for the last bits of numbers."""
    if one == other:
        return True
    words, others = one.split(), other.split()
    return len(words) == len(others) and all(map(_close, words, others))


def _close(one: str, other: str) -> bool:
    try:
        return one == other or math.isclose(float(one), float(other), rel_tol=1e-8, abs_tol=1e-9)
    except ValueError:
        return False


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(f"  {line}" for line in lines) or "  (nothing)"
