"""Functions that move series in time, or cut a piece out of it."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

import numpy as np

from gnomon.server.query.graphite.attime import parse_offset, parse_time
from gnomon.server.query.graphite.context import Context, Deferred
from gnomon.server.query.graphite.declare import (
    DEFERRED,
    SERIES,
    Group,
    Param,
    ParamType,
    function,
)
from gnomon.server.query.graphite.timeseries import SeriesList

_SPANS = ("1h", "6h", "12h", "1d", "2d", "7d", "14d", "30d")
_HOUR = 3600


def _back(text: str) -> str:
    """A shift without a sign goes into the past."""
    return f"-{text}" if text[:1].isdigit() else text


@function(
    "timeShift",
    Group.TRANSFORM,
    DEFERRED,
    Param("timeShift", ParamType.INTERVAL, required=True, suggestions=_SPANS),
    Param("resetEnd", ParamType.BOOLEAN, default=True),
    Param("alignDst", ParamType.BOOLEAN, default=False, synonyms=("alignDST",)),
)
def time_shift(
    context: Context,
    series: Deferred,
    shift: str,
    reset_end: bool = True,  # positional in targets
    align_dst: bool = False,
) -> SeriesList:
    """What the series were some time ago, drawn as if it were now: `timeShift(sales, "7d")`.

    With `alignDst`, an hour that daylight saving added or took in between is made up for.
    """
    shift = _back(shift)
    shown = series.series()
    if not shown:
        return []
    seconds = parse_offset(shift)
    start, end = context.start + seconds, context.end + seconds
    if align_dst:
        hour = _made_up(context, start, end)
        start, end = start + hour, end + hour
    first = shown[0]
    return [
        one.tagged(timeShift=shift).but(
            name=f'timeShift({one.name}, "{shift}")',
            start=first.start,
            end=first.end if reset_end else one.end - one.start + first.start,
        )
        for one in series.over(start, end)
    ]


def _made_up(context: Context, start: int, end: int) -> int:
    """Seconds by which clocks differ when one window lies in summer and the other in winter."""
    here = [_summer(at, context.zone) for at in (context.start, context.end)]
    there = [_summer(at, context.zone) for at in (start, end)]
    if all(here) and not any(there):
        return _HOUR
    if not any(here) and all(there):
        return -_HOUR
    return 0


def _summer(at: int, zone: tzinfo) -> bool:
    return datetime.fromtimestamp(at, zone).dst() not in (None, timedelta())


@function(
    "timeStack",
    Group.TRANSFORM,
    DEFERRED,
    Param("timeShiftUnit", ParamType.INTERVAL, default="1d", suggestions=_SPANS),
    Param("timeShiftStart", ParamType.INTEGER, default=0),
    Param("timeShiftEnd", ParamType.INTEGER, default=7),
)
def time_stack(
    context: Context, series: Deferred, unit: str = "1d", first: int = 0, last: int = 7
) -> SeriesList:
    """The series now and some units ago, one above the other: `timeStack(sales, "1d", 0, 7)`."""
    unit = _back(unit)
    seconds = parse_offset(unit)
    shown = series.series()
    if not shown:
        return []
    return [
        one.tagged(timeShiftUnit=unit, timeShift=times)
        .named(f"timeShift({one.name}, {unit}, {times})")
        .but(start=shown[0].start, end=shown[0].end)
        for times in range(first, last)
        for one in series.over(context.start + seconds * times, context.end + seconds * times)
    ]


@function(
    "timeSlice",
    Group.TRANSFORM,
    SERIES,
    Param("startSliceAt", ParamType.DATE, required=True),
    Param("endSliceAt", ParamType.DATE, default="now"),
)
def time_slice(
    context: Context, series_list: SeriesList, start: str | int, end: str | int = "now"
) -> SeriesList:
    """Only values between two times: `timeSlice(load, "00:00_20261120", "12:00_20261120")`.

    The first point counts as that of the window's beginning, as upstream has it.
    """
    first = parse_time(str(start), context.zone, context.now)
    last = parse_time(str(end), context.zone, context.now)
    results: SeriesList = []
    for series in series_list:
        times = context.start + series.step * np.arange(len(series))
        values = np.where((first <= times) & (times <= last), series.values, np.nan)
        results.append(
            series.tagged(timeSliceStart=first, timeSliceEnd=last).but(
                name=f"timeSlice({series.name}, {first}, {last})", values=values
            )
        )
    return results
