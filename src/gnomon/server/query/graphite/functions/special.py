"""Functions of their own kind: lines out of nothing, consolidation, series by tag."""

from __future__ import annotations

import math

import numpy as np

from gnomon.server.query.graphite.aggregation import CONSOLIDATIONS, over_time
from gnomon.server.query.graphite.context import Context
from gnomon.server.query.graphite.declare import SERIES, Group, Param, ParamType, function
from gnomon.server.query.graphite.formatting import in_units
from gnomon.server.query.graphite.grammar import TargetError
from gnomon.server.query.graphite.lines import constant
from gnomon.server.query.graphite.naming import sub_path
from gnomon.server.query.graphite.timeseries import SeriesList, TimeSeries


@function("constantLine", Group.SPECIAL, Param("value", ParamType.FLOAT, required=True))
def constant_line(context: Context, value: float) -> SeriesList:
    """A horizontal line; `constantLine(42)` is called `42.0`."""
    return [constant(context, value)]


@function(
    "consolidateBy",
    Group.SPECIAL,
    SERIES,
    Param("consolidationFunc", ParamType.STRING, required=True, options=tuple(CONSOLIDATIONS)),
)
def consolidate_by(series_list: SeriesList, how: str) -> SeriesList:
    """How points are folded when there are more than the graph can show: `sum`, `max`, `last`, ..."""
    if how not in CONSOLIDATIONS:
        known = ", ".join(CONSOLIDATIONS)
        raise TargetError(f"consolidateBy(): {how!r} is not one of {known}")
    return [
        series.named(f'consolidateBy({series.name},"{how}")')
        .but(consolidation=how)
        .tagged(consolidateBy=how)
        for series in series_list
    ]


@function("cumulative", Group.SPECIAL, SERIES)
def cumulative(series_list: SeriesList) -> SeriesList:
    """`consolidateBy` with `sum`."""
    return consolidate_by(series_list, "sum")


@function(
    "setXFilesFactor",
    Group.SPECIAL,
    SERIES,
    Param("xFilesFactor", ParamType.FLOAT, required=True),
    aliases=("xFilesFactor",),
)
def set_x_files_factor(context: Context, series_list: SeriesList, factor: float) -> SeriesList:
    """The least share of values, 0 to 1, that makes a folded or combined value one."""
    context.state.x_files_factor = factor
    return [series.but(x_files_factor=factor).tagged(xFilesFactor=factor) for series in series_list]


@function(
    "fallbackSeries",
    Group.SPECIAL,
    SERIES,
    Param("fallback", ParamType.SERIES_LIST, required=True),
)
def fallback_series(series_list: SeriesList, fallback: SeriesList) -> SeriesList:
    """The second when the first finds nothing: `fallbackSeries(a.*.errors, constantLine(0))`."""
    return series_list or fallback


@function(
    "substr",
    Group.SPECIAL,
    SERIES,
    Param("start", ParamType.NODE, default=0),
    Param("stop", ParamType.NODE, default=0),
)
def substr(series_list: SeriesList, start: int = 0, stop: int = 0) -> SeriesList:
    """Names each series by a part of its path: nodes `start` up to but not including `stop`."""
    return [series.but(name=sub_path(series.name, start, stop)) for series in series_list]


@function(
    "seriesByTag",
    Group.SPECIAL,
    Param("tagExpressions", ParamType.STRING, required=True, multiple=True),
)
def series_by_tag(context: Context, *expressions: str) -> SeriesList:
    """Series by their tags: `seriesByTag("name=system.load.1", "host=~web.*")`.

    `tag=value`, `tag!=value`, `tag=~regex` and `tag!=~regex`; a regular expression is anchored at
    its start.
    """
    quoted = ", ".join("'" + expression + "'" for expression in expressions)
    return context.fetch(f"seriesByTag({quoted})")


@function(
    "events",
    Group.SPECIAL,
    Param("tags", ParamType.STRING, required=True, multiple=True),
)
def events(context: Context, *tags: str) -> SeriesList:
    """How many events with all these tags there were in each second; `events("*")` takes all."""
    wanted = () if tags == ("*",) else tags
    counts = np.zeros(max(context.end - context.start, 0))
    for when in context.source.event_times(wanted, context.start, context.end):
        place = when - context.start
        if 0 <= place < len(counts):
            counts[place] += 1
    return [
        TimeSeries(
            'events("' + '", "'.join(tags) + '")',
            context.start,
            context.end,
            1,
            np.where(counts > 0, counts, np.nan),
            consolidation="sum",
            x_files_factor=context.state.x_files_factor,
        )
    ]


@function(
    "cactiStyle",
    Group.SPECIAL,
    SERIES,
    Param("system", ParamType.STRING, options=("si", "binary")),
    Param("units", ParamType.STRING),
)
def cacti_style(
    series_list: SeriesList, system: str | None = None, units: str | None = None
) -> SeriesList:
    """Appends columns with the newest, largest and smallest value to the names.

    `cactiStyle(*.net.bytes_out, "si", "b")`
    """
    called = max((len(series.name) for series in series_list), default=0)
    columns: list[list[str]] = []
    for title, func in (("Current", "last"), ("Max", "max"), ("Min", "min")):
        values = [over_time(func, series.values) for series in series_list]
        whole = [
            in_units(int(value) if value and math.isfinite(value) else 3, system, units)
            for value in values
        ]
        width = max(map(len, whole), default=0) + 3
        texts = ["nan" if math.isnan(value) else in_units(value, system, units) for value in values]
        columns.append([f"{title}:{text:<{width}}" for text in texts])
    return [
        series.but(name=f"{series.name:<{called}} {' '.join(parts)} ")
        for series, *parts in zip(series_list, *columns, strict=True)
    ]
