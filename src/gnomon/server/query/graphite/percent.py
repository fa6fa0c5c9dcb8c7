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
    """Each in percent of the total of those that share its nodes; what lacks its like has no values.

    Upstream gives what lacks its like the times of the result before it, and so does this.
    """
    groups = grouped(series_list, nodes)
    total_groups = groups if totals is None else grouped(totals, nodes)
    whole = {
        key: members[0] if len(members) == 1 else sum_of(context, members)
        for key, members in total_groups.items()
    }
    added = [whole[key] for key, members in total_groups.items() if len(members) > 1]
    before = added[-1] if added else None
    points = map(len, normalize(series_list).rows)
    length = dict(zip(map(id, series_list), points, strict=True))
    results: SeriesList = []
    for key in dict.fromkeys([*groups, *whole]):
        total = whole.get(key)
        for series in groups.get(key, []):
            if total is None:
                name = f"asPercent({series.name},MISSING)"
                result = _missing(name, before or series, length[id(series)])
            else:
                result = before = share(context, series, total)
            results.append(result)
        if total is not None and key not in groups:
            name = f"asPercent(MISSING,{total.name})"
            results.append(_missing(name, before or total, len(total)))
    return results


def _missing(name: str, like: TimeSeries, points: int) -> TimeSeries:
    return TimeSeries(
        name,
        like.start,
        like.end,
        like.step,
        nothing(points),
        x_files_factor=like.x_files_factor,
    )
