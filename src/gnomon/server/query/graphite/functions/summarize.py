"""Functions that fold points into longer intervals."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo

import numpy as np

from gnomon.server.query.graphite.attime import unit
from gnomon.server.query.graphite.buckets import interval, spread, summarized
from gnomon.server.query.graphite.context import Context, Deferred
from gnomon.server.query.graphite.declare import (
    DEFERRED,
    SERIES,
    Group,
    Param,
    ParamType,
    function,
)
from gnomon.server.query.graphite.timeseries import SeriesList, TimeSeries

_INTERVAL = Param(
    "intervalString", ParamType.INTERVAL, required=True, suggestions=("10min", "1h", "1d")
)
_FUNC = Param("func", ParamType.AGGREGATION, default="sum")
_UNITS = ("years", "months", "weeks", "days", "hours", "minutes", "seconds")
_DAY, _HOUR, _MINUTE = 86400, 3600, 60


@function(
    "summarize",
    Group.TRANSFORM,
    SERIES,
    _INTERVAL,
    _FUNC,
    Param("alignToFrom", ParamType.BOOLEAN, default=False),
)
def summarize(
    series_list: SeriesList,
    length: str,
    func: str = "sum",
    align_to_from: bool = False,  # positional in targets
) -> SeriesList:
    """One point for each interval: `summarize(requests, "1h", "sum")`.

    Intervals begin at multiples of their length since 1970, or with `alignToFrom` at the first point.
    """
    seconds = interval(length)
    suffix = ", true" if align_to_from else ""
    results: SeriesList = []
    for series in series_list:
        start, end = series.start, series.end
        if not align_to_from:
            start -= start % seconds
            end += seconds - end % seconds
        found = summarized(series, func, seconds, start, end)
        results.append(
            series.tagged(summarize=length, summarizeFunction=func).derived(
                f'summarize({series.name}, "{length}", "{func}"{suffix})',
                found.values,
                start=start,
                end=found.end if align_to_from else end,
                step=seconds,
            )
        )
    return results


@function(
    "smartSummarize",
    Group.TRANSFORM,
    DEFERRED,
    _INTERVAL,
    _FUNC,
    Param(
        "alignTo",
        ParamType.STRING,
        options=(None, *_UNITS, True, False),
        accepts=ParamType.ANY,
    ),
)
def smart_summarize(
    context: Context,
    series: Deferred,
    length: str,
    func: str = "sum",
    align_to: str | bool | None = None,
) -> SeriesList:
    """`summarize` with intervals from the first point; `alignTo` moves that back to a whole unit.

    `smartSummarize(sales, "1d", "sum", "weeks")` begins on a Monday, `"weeks7"` on a Sunday.
    """
    seconds = interval(length)
    if align_to is None or isinstance(align_to, bool):
        series_list = series.series()
    else:
        series_list = series.over(_aligned(context.start, align_to, context.zone), context.end)
    results: SeriesList = []
    for one in series_list:
        found = summarized(one, func, seconds, one.start, one.end)
        results.append(
            one.tagged(smartSummarize=length, smartSummarizeFunction=func).derived(
                f'smartSummarize({one.name}, "{length}", "{func}")',
                found.values,
                end=found.end,
                step=seconds,
            )
        )
    return results


def _aligned(start: int, to: str, zone: tzinfo) -> int:
    """The beginning of the unit that `start` lies in, in local time."""
    at = datetime.fromtimestamp(start, zone)
    name = unit(to)[0]
    if name == "weeks":
        weekday = int(to[-1]) if re.search(r"\d$", to) else 1
        at -= timedelta(days=(at.isoweekday() - weekday) % 7)
    keep = {
        "years": (at.year, 1, 1),
        "months": (at.year, at.month, 1),
        "weeks": (at.year, at.month, at.day),
        "days": (at.year, at.month, at.day),
        "hours": (at.year, at.month, at.day, at.hour),
        "minutes": (at.year, at.month, at.day, at.hour, at.minute),
        "seconds": (at.year, at.month, at.day, at.hour, at.minute, at.second),
    }[name]
    return int(datetime(*keep, tzinfo=zone).timestamp())


@function(
    "hitcount",
    Group.TRANSFORM,
    DEFERRED,
    _INTERVAL,
    Param("alignToInterval", ParamType.BOOLEAN, default=False),
)
def hitcount(
    context: Context,
    series: Deferred,
    length: str,
    align_to_interval: bool = False,  # positional in targets
) -> SeriesList:
    """How many hits there were in each interval, of a series that holds hits per second.

    Intervals end where the series ends; with `alignToInterval` they begin at a whole minute, hour or
    day.
    """
    seconds = interval(length)
    suffix = ", true" if align_to_interval else ""
    if align_to_interval:
        series_list = [
            one.but(end=one.start + ((one.end - one.start) // seconds + 1) * seconds)
            for one in series.over(_whole(context, seconds), context.end)
        ]
    else:
        series_list = series.series()
    return [_hits(one, seconds, length, suffix) for one in series_list]


def _whole(context: Context, seconds: int) -> int:
    for least, name in ((_DAY, "days"), (_HOUR, "hours"), (_MINUTE, "minutes")):
        if seconds >= least:
            return _aligned(context.start, name, context.zone)
    return context.start


def _hits(series: TimeSeries, seconds: int, length: str, suffix: str) -> TimeSeries:
    buckets = -(-(series.end - series.start) // seconds)
    start = series.end - buckets * seconds
    values = spread(series, seconds, start, buckets) if len(series) else np.full(buckets, np.nan)
    return series.tagged(hitcount=length).derived(
        f'hitcount({series.name}, "{length}"{suffix})', values, start=start, step=seconds
    )
