"""Several series made one by an aggregation: what `sumSeries`, `groupByNode` and their kin share."""

from __future__ import annotations

import numpy as np

from gnomon.server.query.graphite.aggregation import aggregation, count_values, enough
from gnomon.server.query.graphite.context import Context
from gnomon.server.query.graphite.naming import joined_paths
from gnomon.server.query.graphite.normalize import normalize
from gnomon.server.query.graphite.timeseries import SeriesList, TimeSeries


def combined(
    context: Context, series_list: SeriesList, func: str, x_files_factor: float | None = None
) -> TimeSeries:
    """One series of at least one: at each place of the common step the aggregation of all values."""
    short = func.removesuffix("Series")
    fold = aggregation(short)
    normal = normalize(series_list)
    stack = normal.stack()
    factor = context.state.x_files_factor if x_files_factor is None else x_files_factor
    values = np.where(
        enough(count_values(stack), len(stack), factor), fold(stack, len(stack)), np.nan
    )
    name = f"{short}Series({joined_paths(series_list)})"
    tags = dict(series_list[0].tags)
    for series in series_list:
        tags = {tag: value for tag, value in tags.items() if series.tags.get(tag) == value}
    tags.setdefault("name", name)
    tags["aggregatedBy"] = short
    return TimeSeries(
        name, normal.start, normal.end, normal.step, values, tags=tags, x_files_factor=factor
    )
