"""Aggregation of pushed values as Datadog Agent 5 does it: 10 s buckets, one result a context.

Source: the rules of Agent 5's bucket aggregator. Kept: names of the results (`x.max`, `x.median`,
`x.95percentile`), nearest-rank percentiles with halves rounded away from zero, counts as a rate
per second, zeros of a count for 300 s after its last value. Mended: a sample rate counts as
1/rate and not as its integer part, percentiles are named by rounding and not by cutting, a name
used with two types keeps both and is counted.

Pure: the caller says when a bucket ends. Values are kept as they came (text) until then, which is
what makes taking them in cheap.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import msgspec

from gnomon.core.model import Kind

AGGREGATES = ("min", "max", "median", "avg", "sum", "count")


class Aggregation(msgspec.Struct, frozen=True, kw_only=True):
    """What is made of the values of a bucket."""

    interval: int = 10
    """Seconds of a bucket."""
    expiry: int = 300
    """Seconds for which a count that is not used any more is reported as 0."""
    histogram_aggregates: tuple[str, ...] = ("max", "median", "avg", "count")
    """Of histograms and timers: any of min, max, median, avg, sum, count."""
    histogram_percentiles: tuple[float, ...] = (0.95,)
    """Of histograms and timers; 0 < p < 1."""
    contexts: int = 100_000
    """Most contexts at once; values of further ones are dropped and counted."""
    signed_gauges: bool = False
    """Whether `+5` and `-5` change a gauge, as in StatsD, or are its value, as in Agent 5."""


class Result(NamedTuple):
    """One value of a bucket."""

    suffix: str
    """Appended to the name: "" or `.max`."""
    kind: Kind
    value: float


Values: TypeAlias = list[bytes]
"""As they came; a packed one (`1:2:3`) is several."""


class Slot:
    """The values of one context in the bucket under way."""

    __slots__ = ("gauge", "last_used", "type", "values")

    def __init__(self, type_: str, now: float) -> None:
        """`type_`: a value of `codecs.dogstatsd.TYPES`."""
        self.type = type_
        self.values: dict[float, Values] = {}
        """By sample rate."""
        self.last_used = now
        self.gauge = 0.0
        """The last value of a gauge, for relative ones."""

    def at_rate(self, rate: float) -> Values:
        """The list to append to."""
        return self.values.setdefault(rate, [])

    def clear(self) -> None:
        """Begins the next bucket; the lists stay the same objects."""
        for values in self.values.values():
            values.clear()


def fold(slot: Slot, settings: Aggregation) -> tuple[list[Result], int]:
    """The results of a bucket, and how many values were no numbers."""
    if slot.type == "set":
        members = {value for values in slot.values.values() for value in values}
        return ([Result("", Kind.GAUGE, float(len(members)))] if members else []), 0
    if slot.type == "gauge":
        return _fold_gauge(slot, settings)
    weighted: list[tuple[float, float]] = []
    bad = 0
    for rate, values in slot.values.items():
        numbers, wrong = to_numbers(values)
        bad += wrong
        weight = 1.0 / rate
        weighted += [(number, weight) for number in numbers]
    if slot.type == "count":
        total = math.fsum(number * weight for number, weight in weighted)
        return [Result("", Kind.RATE, total / settings.interval)], bad
    return (_fold_histogram(weighted, settings) if weighted else []), bad


def to_numbers(values: Sequence[bytes]) -> tuple[list[float], int]:
    """Finite numbers, packed ones taken apart, and how many were none."""
    try:
        fast = list(map(float, values))
        if math.isfinite(math.fsum(fast)) and not any(b"_" in text for text in values):
            return fast, 0
    except (ValueError, OverflowError):
        pass
    numbers: list[float] = []
    bad = 0
    for text in values:
        for part in text.split(b":"):
            try:
                number = float(part)
            except ValueError:
                number = math.nan
            if math.isfinite(number) and b"_" not in part:
                numbers.append(number)
            else:
                bad += 1
    return numbers, bad


def _fold_gauge(slot: Slot, settings: Aggregation) -> tuple[list[Result], int]:
    texts = [text for values in slot.values.values() for text in values]
    if not texts:
        return [], 0
    if not settings.signed_gauges:
        numbers, bad = to_numbers(texts)
        slot.gauge = numbers[-1] if numbers else slot.gauge
        return ([Result("", Kind.GAUGE, slot.gauge)] if numbers else []), bad
    bad = 0
    for text in texts:
        numbers, wrong = to_numbers([text])
        bad += wrong
        for number in numbers:
            slot.gauge = slot.gauge + number if text[:1] in b"+-" else number
    return [Result("", Kind.GAUGE, slot.gauge)], bad


def _fold_histogram(weighted: Sequence[tuple[float, float]], settings: Aggregation) -> list[Result]:
    numbers = sorted(number for number, _ in weighted)
    weight = math.fsum(weight for _, weight in weighted)
    compute: dict[str, Callable[[], float]] = {
        "min": lambda: numbers[0],
        "max": lambda: numbers[-1],
        "median": lambda: numbers[_half_away(len(numbers) // 2 - 1)],
        "avg": lambda: math.fsum(number * w for number, w in weighted) / weight,
        "sum": lambda: math.fsum(number * w for number, w in weighted),
        "count": lambda: weight / settings.interval,
    }
    results = [
        Result(f".{name}", Kind.RATE if name == "count" else Kind.GAUGE, compute[name]())
        for name in settings.histogram_aggregates
        if name in compute
    ]
    for share in settings.histogram_percentiles:
        rank = _half_away(share * len(numbers) - 1)
        results.append(Result(f".{percentile_name(share)}", Kind.GAUGE, numbers[rank]))
    return results


def percentile_name(share: float) -> str:
    """`0.95` → `95percentile`."""
    return f"{round(share * 100):d}percentile"


def _half_away(value: float) -> int:
    """Rounds halves away from zero, as Python 2 did; -1 stands for the last one."""
    return math.floor(value + 0.5) if value >= 0 else math.ceil(value - 0.5)
