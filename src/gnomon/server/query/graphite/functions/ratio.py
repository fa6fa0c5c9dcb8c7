"""Functions of series in proportion to others."""

from __future__ import annotations

from gnomon.server.query.graphite import percent
from gnomon.server.query.graphite.arithmetic import divide
from gnomon.server.query.graphite.combining import combined
from gnomon.server.query.graphite.context import Context
from gnomon.server.query.graphite.declare import SERIES, Group, Param, ParamType, function
from gnomon.server.query.graphite.grammar import TargetError
from gnomon.server.query.graphite.naming import Node, node_key
from gnomon.server.query.graphite.normalize import normalize, stacked
from gnomon.server.query.graphite.timeseries import SeriesList, TimeSeries, nothing

_NODES = Param("nodes", ParamType.NODE_OR_TAG, multiple=True)


def _quotient(context: Context, dividend: TimeSeries, divisor: TimeSeries, name: str) -> TimeSeries:
    """One series by another, at their common step."""
    normal = normalize([dividend, divisor])
    above, below = normal.stack()
    return TimeSeries(
        name,
        normal.start,
        normal.end,
        normal.step,
        divide(above, below),
        x_files_factor=context.state.x_files_factor,
    )


@function(
    "divideSeries",
    Group.COMBINE,
    Param("dividendSeriesList", ParamType.SERIES_LIST, required=True),
    Param("divisorSeries", ParamType.SERIES_LIST, required=True),
)
def divide_series(context: Context, dividends: SeriesList, divisors: SeriesList) -> SeriesList:
    """Each series divided by one other: `divideSeries(errors.*, requests.all)`."""
    if not divisors:
        return [
            one.named(f"divideSeries({one.name},MISSING)").but(values=nothing(len(one)))
            for one in dividends
        ]
    if len(divisors) > 1:
        raise TargetError(f"divideSeries() divides by exactly 1 series, got {len(divisors)}")
    (divisor,) = divisors
    return [
        _quotient(context, one, divisor, f"divideSeries({one.name},{divisor.name})")
        for one in dividends
    ]


@function(
    "divideSeriesLists",
    Group.COMBINE,
    Param("dividendSeriesList", ParamType.SERIES_LIST, required=True),
    Param("divisorSeriesList", ParamType.SERIES_LIST, required=True),
)
def divide_series_lists(
    context: Context, dividends: SeriesList, divisors: SeriesList
) -> SeriesList:
    """The first series of one list by the first of the other, the second by the second, and so on."""
    if len(dividends) != len(divisors):
        raise TargetError(
            f"both lists must be of one length, got {len(dividends)} and {len(divisors)}"
        )
    return [
        _quotient(context, one, other, f"divideSeries({one.name},{other.name})")
        for one, other in zip(dividends, divisors, strict=True)
    ]


@function(
    "weightedAverage",
    Group.COMBINE,
    Param("seriesListAvg", ParamType.SERIES_LIST, required=True),
    Param("seriesListWeight", ParamType.SERIES_LIST, required=True),
    _NODES,
)
def weighted_average(
    context: Context, averages: SeriesList, weights: SeriesList, *nodes: Node
) -> SeriesList:
    """The average of series, each weighted by the one that has the same nodes.

    `weightedAverage(*.latency.mean, *.requests, 0)`
    """
    if len(averages) != len(weights):
        raise TargetError(
            "weightedAverage() takes as many averages as weights, "
            f"got {len(averages)} and {len(weights)}"
        )
    pairs: dict[str, dict[str, TimeSeries]] = {}
    for average, weight in zip(averages, weights, strict=True):
        pairs.setdefault(node_key(average, nodes), {})["average"] = average
        pairs.setdefault(node_key(weight, nodes), {})["weight"] = weight
    products = [
        _product(pair["average"], pair["weight"]) for pair in pairs.values() if len(pair) == 2
    ]
    if not products:
        return []
    above, below = combined(context, products, "sum"), combined(context, weights, "sum")
    dividend, divisor = stacked([above.values, below.values])
    paths = (
        ",".join(sorted({one.path_expression for one in part})) for part in (averages, weights)
    )
    name = f"weightedAverage({', '.join(paths)}, {','.join(map(str, nodes))})"
    factor = context.state.x_files_factor
    values = divide(dividend, divisor)
    return [TimeSeries(name, above.start, above.end, above.step, values, x_files_factor=factor)]


def _product(average: TimeSeries, weight: TimeSeries) -> TimeSeries:
    one, other = stacked([average.values, weight.values])
    name = f"product({weight.name},{average.name})"
    return TimeSeries(name, average.start, average.end, average.step, one * other)


@function(
    "asPercent",
    Group.COMBINE,
    SERIES,
    Param("total", ParamType.ANY),
    _NODES,
    aliases=("pct",),
    aggregates=True,
)
def as_percent(
    context: Context,
    series_list: SeriesList,
    total: SeriesList | float | None = None,
    *nodes: Node,
) -> SeriesList:
    """Each series in percent of a total: of all of them, of a number, of one series or of its like.

    `asPercent(cpu.*)`, `asPercent(disk.used, 500)`, `asPercent(used.*, total.*)`; with nodes, series
    are compared within the groups that share them: `asPercent(cpu.*.*, None, 1)`.
    """
    if not series_list:
        return []
    if nodes:
        if total is not None and not isinstance(total, list):
            raise TargetError("asPercent() with nodes takes series as total, or None")
        return percent.by_group(context, series_list, total, nodes)
    if total is None:
        return percent.of_sum(context, series_list)
    if not isinstance(total, list):
        return percent.of_number(context, series_list, total)
    if len(total) == len(series_list):
        return percent.of_like(context, series_list, total)
    if len(total) == 1:
        return percent.of_one(context, series_list, total[0])
    raise TargetError(
        "asPercent() takes no total, a number, one series or as many as there are; "
        f"got {len(total)} for {len(series_list)} series"
    )
