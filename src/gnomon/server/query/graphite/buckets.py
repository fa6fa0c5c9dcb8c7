"""Points gathered into longer intervals: what `summarize` and `hitcount` count."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.server.query.graphite.aggregation import aggregation, count_values, enough
from gnomon.server.query.graphite.attime import parse_offset
from gnomon.server.query.graphite.grammar import TargetError
from gnomon.server.query.graphite.timeseries import Float64s, TimeSeries


class Summary(NamedTuple):
    """One value for each interval."""

    values: Float64s
    end: int
    """Of the last interval."""


def interval(text: str) -> int:
    """Seconds of an interval to gather by; it must be positive."""
    seconds = parse_offset(text)
    if seconds <= 0:
        raise TargetError(f"the interval {text!r} is not longer than nothing")
    return seconds


def summarized(series: TimeSeries, func: str, seconds: int, start: int, end: int) -> Summary:
    """The aggregation of the points in each interval of `seconds` from `start` until `end`."""
    fold = aggregation(func)
    buckets = max(0, -(-(end - start) // seconds))
    points = min(len(series), max(0, -(-(series.end - series.start) // series.step)))
    edges = start + seconds * np.arange(buckets + 1, dtype=np.int64)
    firsts = np.clip(-(-(edges - series.start) // series.step), 0, points).astype(np.int64)
    sizes = np.diff(firsts)
    depth = np.arange(int(sizes.max(initial=0)))[:, None]
    inside = depth < sizes
    places = np.where(inside, firsts[:-1] + depth, 0)
    stack = np.where(inside, series.values[places] if len(series) else np.nan, np.nan)
    kept = enough(count_values(stack), seconds / series.step, series.x_files_factor)
    return Summary(np.where(kept, fold(stack, sizes), np.nan), start + buckets * seconds)


def spread(series: TimeSeries, seconds: int, start: int, buckets: int) -> Float64s:
    """Each value times the seconds it stands for, added up in `buckets` intervals from `start`.

    A point that reaches over the end of an interval counts in each for the seconds it is there.
    """
    begins = int(series.start) + int(series.step) * np.arange(len(series), dtype=np.int64)
    limit = start + buckets * seconds
    edges = np.unique(
        np.clip(
            np.concatenate(
                [
                    begins,
                    begins[-1:] + int(series.step),
                    start + seconds * np.arange(buckets + 1, dtype=np.int64),
                ]
            ),
            start,
            limit,
        )
    )
    lefts, lengths = edges[:-1], np.diff(edges)
    owners = (lefts - int(series.start)) // int(series.step)
    known = (owners >= 0) & (owners < len(series))
    hits = np.where(known, series.values[np.where(known, owners, 0)], np.nan) * lengths
    counted = ~np.isnan(hits)
    places = ((lefts - start) // seconds)[counted]
    totals = np.bincount(places, weights=hits[counted], minlength=buckets)
    return np.where(np.bincount(places, minlength=buckets) > 0, totals, np.nan)
