"""The time of evaluation, of samples, and the parts of a date (in UTC)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gnomon.server.query.promql.call import Call
from gnomon.server.query.promql.functions.declare import SCALAR, VECTOR, Family, Function
from gnomon.server.query.promql.value import Scalar, Vector, single
from gnomon.server.query.series import Int64s

FAMILY = Family("Time and date")
_DAY = 86_400
_THURSDAY = 4
"""1970-01-01 was one; Sunday is 0."""


@FAMILY.function(
    "time", [], "Time of evaluation, in seconds since 1970.", returns=SCALAR, depends_on_time=True
)
def time(call: Call) -> Scalar:
    """Each step's own."""
    return call.context.times() / 1000


@FAMILY.function(
    "timestamp", [VECTOR], "Time of each sample, in seconds since 1970.", depends_on_time=True
)
def timestamp(call: Call) -> Vector:
    """Of a selector its samples' own time; of anything computed the time of evaluation."""
    vector, stamps = call.stamped(0)
    if stamps is None:
        stamps = np.broadcast_to(call.context.times(), vector.values.shape)
    return vector.transformed(stamps / 1000)


@FAMILY.function(
    "start", [], "Start of the query, in seconds since 1970.", returns=SCALAR, depends_on_time=True
)
def start(call: Call) -> Scalar:
    """The first step asked for."""
    return np.full(call.context.steps, call.context.asked.grid.start / 1000)


@FAMILY.function(
    "end", [], "End of the query, in seconds since 1970.", returns=SCALAR, depends_on_time=True
)
def end(call: Call) -> Scalar:
    """The last step asked for."""
    return np.full(call.context.steps, call.context.asked.grid.end / 1000)


@FAMILY.function(
    "range", [], "Length of the query, in seconds.", returns=SCALAR, depends_on_time=True
)
def range_(call: Call) -> Scalar:
    """From its start to its end."""
    grid = call.context.asked.grid
    return np.full(call.context.steps, (grid.end - grid.start) / 1000)


@FAMILY.function("step", [], "Step of the query, in seconds.", returns=SCALAR, depends_on_time=True)
def step(call: Call) -> Scalar:
    """0 for an instant query."""
    return np.full(call.context.steps, call.context.asked.step / 1000)


def _date(days: Int64s, unit: str) -> Int64s:
    return days.astype("datetime64[D]").astype(f"datetime64[{unit}]").astype(np.int64)


def _first_of_month(days: Int64s, later: int = 0) -> Int64s:
    months = days.astype("datetime64[D]").astype("datetime64[M]") + np.timedelta64(later, "M")
    return months.astype("datetime64[D]").astype(np.int64)


def _day_of_year(seconds: Int64s) -> Int64s:
    days = seconds // _DAY
    years = days.astype("datetime64[D]").astype("datetime64[Y]")
    return days - years.astype("datetime64[D]").astype(np.int64) + 1


def _day_of_month(seconds: Int64s) -> Int64s:
    days = seconds // _DAY
    return days - _first_of_month(days) + 1


def _days_in_month(seconds: Int64s) -> Int64s:
    days = seconds // _DAY
    return _first_of_month(days, 1) - _first_of_month(days)


_TABLE: tuple[tuple[str, Callable[[Int64s], Int64s], str], ...] = (
    ("day_of_month", _day_of_month, "Day of the month, 1 to 31."),
    ("day_of_week", lambda s: (s // _DAY + _THURSDAY) % 7, "Day of the week, 0 (Sunday) to 6."),
    ("day_of_year", _day_of_year, "Day of the year, 1 to 366."),
    ("days_in_month", _days_in_month, "Days of the month, 28 to 31."),
    ("hour", lambda s: s % _DAY // 3600, "Hour of the day, 0 to 23."),
    ("minute", lambda s: s % 3600 // 60, "Minute of the hour, 0 to 59."),
    ("month", lambda s: _date(s // _DAY, "M") % 12 + 1, "Month of the year, 1 to 12."),
    ("year", lambda s: _date(s // _DAY, "Y") + 1970, "Year."),
)
for _name, _compute, _help in _TABLE:

    def _run(call: Call, compute: Callable[[Int64s], Int64s] = _compute) -> Vector:
        if not len(call):
            return single(compute(call.context.times() // 1000).astype(np.float64))
        vector = call.vector(0)
        known = np.isfinite(vector.values)
        seconds = np.where(known, vector.values, 0.0).astype(np.int64)
        parts = compute(seconds).astype(np.float64)
        return vector.transformed(np.where(known, parts, np.nan))

    FAMILY.add(
        Function(
            _name, (VECTOR,), _help + " Of now, unless a vector of times is given.", _run
        )._replace(optional=1, depends_on_time=True)
    )
