"""Functions that put series in order."""

from __future__ import annotations

import re

from gnomon.server.query.graphite.aggregation import over_time
from gnomon.server.query.graphite.declare import SERIES, Group, Param, ParamType, function
from gnomon.server.query.graphite.ordering import ranked
from gnomon.server.query.graphite.timeseries import SeriesList

_REVERSE = Param("reverse", ParamType.BOOLEAN, default=False)


@function(
    "sortBy",
    Group.SORTING,
    SERIES,
    Param("func", ParamType.AGGREGATION, default="average"),
    _REVERSE,
)
def sort_by(
    series_list: SeriesList,
    func: str = "average",
    reverse: bool = False,  # positional in targets
) -> SeriesList:
    """By an aggregation over time, lowest first."""
    return ranked(series_list, func, reverse=reverse)


@function(
    "sortByName",
    Group.SORTING,
    SERIES,
    Param("natural", ParamType.BOOLEAN, default=False),
    _REVERSE,
)
def sort_by_name(
    series_list: SeriesList,
    natural: bool = False,  # positional in targets
    reverse: bool = False,
) -> SeriesList:
    """By name; `natural` puts `web10` after `web9`."""

    def key(name: str) -> str:
        if not natural:
            return name
        return re.sub(r"\d+", lambda found: f"{int(found[0]):010}", name)

    return sorted(series_list, key=lambda series: key(series.name), reverse=reverse)


@function("sortByTotal", Group.SORTING, SERIES)
def sort_by_total(series_list: SeriesList) -> SeriesList:
    """By the sum of values, largest first."""
    return ranked(series_list, "sum", reverse=True)


@function("sortByMaxima", Group.SORTING, SERIES)
def sort_by_maxima(series_list: SeriesList) -> SeriesList:
    """By the largest value, largest first."""
    return ranked(series_list, "max", reverse=True)


@function("sortByMinima", Group.SORTING, SERIES)
def sort_by_minima(series_list: SeriesList) -> SeriesList:
    """By the smallest value, smallest first; series that never get above 0 are left out."""
    return ranked([series for series in series_list if over_time("max", series.values) > 0], "min")
