"""How fast something grows: rates of counters, differences of gauges."""

from __future__ import annotations

import numpy as np

from gnomon.server.query.promql.call import Call
from gnomon.server.query.promql.extended import Extended
from gnomon.server.query.promql.functions.declare import RANGE, Family
from gnomon.server.query.promql.value import Bools, Vector
from gnomon.server.query.promql.windows import Windows, fold
from gnomon.server.query.series import Float64s, Int64s

FAMILY = Family("Rates and differences")
_EXTENDS = ("anchored", "smoothed")
_COUNTER_SUFFIXES = ("_total", "_sum", "_count", "_bucket")
_NOT_COUNTER = (
    'metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "{}"'
)
_THRESHOLD = 1.1
"""A window is filled up to its edge if the edge is nearer than this many sample distances."""


@FAMILY.function(
    "rate",
    [RANGE],
    "Growth per second of a counter over the window, resets allowed for.",
    extends=_EXTENDS,
)
def rate(call: Call) -> Vector:
    """Extrapolated to the edges of the window."""
    return _remarked(call, _grown(call, counter=True, per_second=True))


@FAMILY.function(
    "increase",
    [RANGE],
    "Growth of a counter over the window, resets allowed for.",
    extends=_EXTENDS,
)
def increase(call: Call) -> Vector:
    """Extrapolated to the edges of the window, so it need not be whole."""
    return _remarked(call, _grown(call, counter=True, per_second=False))


@FAMILY.function(
    "delta",
    [RANGE],
    "Difference between the last and the first value of a gauge in the window.",
    extends=_EXTENDS,
)
def delta(call: Call) -> Vector:
    """Extrapolated to the edges of the window."""
    return _grown(call, counter=False, per_second=False)


@FAMILY.function("irate", [RANGE], "Growth per second between the last two samples of a counter.")
def irate(call: Call) -> Vector:
    """After a reset the counter is taken to have started from zero."""
    return call.over_time(0, lambda view: _last_two(view, counter=True))


@FAMILY.function("idelta", [RANGE], "Difference between the last two samples of a gauge.")
def idelta(call: Call) -> Vector:
    """No extrapolation."""
    return call.over_time(0, lambda view: _last_two(view, counter=False))


@FAMILY.function(
    "resets", [RANGE], "How often a counter fell within the window.", extends=("anchored",)
)
def resets(call: Call) -> Vector:
    """Each fall between neighbours counts as one."""

    def count(view: Windows) -> tuple[Float64s, Bools]:
        return _pairs(view, view.values[1:] < view.values[:-1]), view.filled

    return call.over_time(0, count, lambda view: count(view.anchored()))


@FAMILY.function(
    "changes", [RANGE], "How often a value changed within the window.", extends=("anchored",)
)
def changes(call: Call) -> Vector:
    """NaN is equal to NaN here."""

    def count(view: Windows) -> tuple[Float64s, Bools]:
        before, after = view.values[:-1], view.values[1:]
        differs = (before != after) & ~(np.isnan(before) & np.isnan(after))
        return _pairs(view, differs), view.filled

    return call.over_time(0, count, lambda view: count(view.anchored()))


def _grown(call: Call, *, counter: bool, per_second: bool) -> Vector:
    return call.over_time(
        0,
        lambda view: extrapolated(view, counter=counter, per_second=per_second),
        lambda view: _between_edges(view, counter=counter, per_second=per_second),
    )


def extrapolated(view: Windows, *, counter: bool, per_second: bool) -> tuple[Float64s, Bools]:
    """Prometheus' extrapolation: to an edge that is near, else by half a sample distance."""
    counts = view.counts
    first, grown = view.first(view.values), view.last(view.values)
    first_time, last_time = view.first(view.timestamps), view.last(view.timestamps)
    grown -= first
    if counter:
        _add_resets(view, grown)
    # In milliseconds: only their ratio counts.
    sampled = (last_time - first_time).astype(np.float64)
    distance = sampled / np.maximum(counts - 1, 1)
    half, threshold = distance * 0.5, distance * _THRESHOLD
    to_start = (first_time - (view.ends - view.range)).astype(np.float64)
    np.copyto(to_start, half, where=to_start >= threshold)
    if counter:
        # A counter was never below zero: do not extrapolate past the point where it was zero.
        to_zero = first / grown
        to_zero *= sampled
        np.minimum(to_start, to_zero, out=to_start, where=(grown > 0) & (first >= 0))
    to_end = (view.ends - last_time).astype(np.float64)
    np.copyto(to_end, half, where=to_end >= threshold)
    to_start += sampled
    to_start += to_end
    to_start /= sampled
    if per_second:
        to_start /= view.range / 1000
    grown *= to_start
    return grown, counts > 1


def _between_edges(view: Extended, *, counter: bool, per_second: bool) -> tuple[Float64s, Bools]:
    """From the value at one edge of the window to that at the other, nothing extrapolated."""
    edges = view.edges(counter=counter)
    grown = edges.right - edges.left
    if counter:
        inside = view.windows._replace(start=edges.start, stop=np.maximum(edges.stop, edges.start))
        lost = np.zeros_like(grown)
        _add_resets(inside, lost)
        some = edges.stop > edges.start
        first, last = inside.first(inside.values), inside.last(inside.values)
        before_right = np.where(some, last, edges.left)
        grown += np.where(some & (first < edges.left), edges.left, 0.0) + lost
        grown += np.where(edges.right < before_right, before_right, 0.0)
    if per_second:
        grown /= view.windows.range / 1000
    return grown, edges.present


def _add_resets(view: Windows, grown: Float64s) -> None:
    """Adds what each reset inside the window took away."""
    at = view.falls()
    if not len(at):
        return
    start, stop = _inside(view, at)
    lost = view._replace(values=view.values[at - 1], start=start, stop=stop)
    grown += fold(lost, (lost.values,), lambda a, b: (a[0] + b[0],), (0.0,))[0]


def _inside(view: Windows, at: Int64s) -> tuple[Int64s, Int64s]:
    """Of marked samples, which lie behind the first sample of each window: from, up to."""
    before = np.zeros(len(view.values) + 1, dtype=np.int64)
    before[at + 1] = 1
    np.cumsum(before, out=before)
    start = before.take(view.start + 1, mode="clip")
    return start, np.maximum(before.take(view.stop), start)


def _pairs(view: Windows, marked: Bools) -> Float64s:
    """How many neighbouring pairs within each window are marked."""
    before = np.zeros(len(view.values) + 1, dtype=np.int64)
    np.cumsum(marked, out=before[2:])
    found = before.take(view.stop) - before.take(view.start + 1, mode="clip")
    return np.maximum(found, 0).astype(np.float64)


def _last_two(view: Windows, *, counter: bool) -> tuple[Float64s, Bools]:
    present = view.counts > 1
    last, last_time = view.last(view.values), view.last(view.timestamps)
    previous = view.values.take(view.stop - 2, mode="clip")
    previous_time = view.timestamps.take(view.stop - 2, mode="clip")
    grown = last - previous
    if counter:
        grown = np.where(last < previous, last, grown)
        grown = grown / ((last_time - previous_time) / 1000)
    return grown, present


def _remarked(call: Call, result: Vector) -> Vector:
    for name in dict.fromkeys(result.names):
        if name and not name.endswith(_COUNTER_SUFFIXES):
            call.info(0, _NOT_COUNTER.format(name))
    return result
