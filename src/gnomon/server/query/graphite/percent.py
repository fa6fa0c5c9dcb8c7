"""What `asPercent` computes: shares of a total, over all series or within groups.

Where steps differ, upstream folds the values to the common step and leaves each result its series'
own; so does this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gnomon.server.query.graphite.aggregation import aggregation
from gnomon.server.query.graphite.arithmetic import divide
from gnomon.server.query.graphite.context import Context
from gnomon.server.query.graphite.naming import Node, grouped, joined_paths
from gnomon.server.query.graphite.normalize import normalize, stacked
from gnomon.server.query.graphite.timeseries import Float64s, SeriesList, TimeSeries, nothing


class Total(NamedTuple):
    """What series are compared with."""

    name: str
    values: Float64s


def sum_of(context: Context, series_list: SeriesList) -> TimeSeries:
    """All series added up, wherever one has a value."""
    normal = normalize(series_list)
    return TimeSeries(
        f"sumSeries({joined_paths(series_list)})",
        normal.start,
        normal.end,
        normal.step,
        aggregation("sum")(normal.stack(), len(normal.rows)),
        x_files_factor=context.state.x_files_factor,
    )


def of_total(
    context: Context, series_list: SeriesList, rows: Sequence[Float64s], total: Total
) -> SeriesList:
    """Each row of values in percent of one total, place by place."""
    return [
        TimeSeries(
            f"asPercent({series.name},{total.name or series.path_expression})",
            series.start,
            series.end,
            series.step,
            _ratio(row, total.values),
            x_files_factor=context.state.x_files_factor,
        )
        for series, row in zip(series_list, rows, strict=True)
    ]


def of_sum(context: Context, series_list: SeriesList) -> SeriesList:
    """Each in percent of all together."""
    total = sum_of(context, series_list)
    return of_total(
        context, series_list, normalize(series_list).rows, Total(total.name, total.values)
    )


def of_number(context: Context, series_list: SeriesList, number: float) -> SeriesList:
    """Each in percent of a number."""
    values = np.full(len(series_list[0]), float(number))
    return of_total(context, series_list, normalize(series_list).rows, Total(str(number), values))


def of_one(context: Context, series_list: SeriesList, total: TimeSeries) -> SeriesList:
    """Each in percent of one series."""
    rows = normalize([*series_list, total]).rows
    return of_total(context, series_list, rows[:-1], Total(total.name, rows[-1]))


def of_like(context: Context, series_list: SeriesList, totals: SeriesList) -> SeriesList:
    """Each in percent of the one at its place when both lists are sorted by name."""
    pairs = zip(_by_name(series_list), _by_name(totals), strict=True)
    return [share(context, one, other) for one, other in pairs]


def _by_name(series_list: SeriesList) -> SeriesList:
    return sorted(series_list, key=lambda series: series.name)


def share(context: Context, series: TimeSeries, total: TimeSeries) -> TimeSeries:
    """One in percent of another, at their common step."""
    normal = normalize([series, total])
    return TimeSeries(
        f"asPercent({series.name},{total.name})",
        normal.start,
        normal.end,
        normal.step,
        _ratio(*normal.rows),
        x_files_factor=context.state.x_files_factor,
    )


def _ratio(values: Float64s, total: Float64s) -> Float64s:
    above, below = stacked([values, total])
    return divide(above, below) * 100.0


def by_group(
    context: Context, series_list: SeriesList, totals: SeriesList | None, nodes: Sequence[Node]
) -> SeriesList:
    """Each in percent of the total of those that share its nodes; what lacks its like has no values."""
    groups = grouped(series_list, nodes)
    total_groups = groups if totals is None else grouped(totals, nodes)
    whole = {
        key: members[0] if len(members) == 1 else sum_of(context, members)
        for key, members in total_groups.items()
    }
    results: SeriesList = []
    for key, members in groups.items():
        for series in members:
            if key in whole:
                results.append(share(context, series, whole[key]))
            else:
                results.append(_missing(series, f"asPercent({series.name},MISSING)"))
    results += [
        _missing(total, f"asPercent(MISSING,{total.name})")
        for key, total in whole.items()
        if key not in groups
    ]
    return results


def _missing(series: TimeSeries, name: str) -> TimeSeries:
    return TimeSeries(
        name,
        series.start,
        series.end,
        series.step,
        nothing(len(series)),
        x_files_factor=series.x_files_factor,
    )
