"""An answer as bytes: JSON, CSV, raw text."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

from gnomon.server.query.graphite.timeseries import SeriesList, TimeSeries, timestamps


def as_json(series_list: SeriesList, *, no_nulls: bool = False, indent: int | None = None) -> str:
    """`[{"target", "tags", "datapoints": [[value, time], ...]}, ...]`; infinity is `1e9999`."""
    shown: list[str] = []
    if not any(len(series) for series in series_list):
        return "[]"
    for series in series_list:
        points = _points(series, no_nulls=no_nulls)
        if no_nulls and not points:
            continue
        head = f'"target": {json.dumps(series.name)}, "tags": {json.dumps(dict(series.tags))}'
        shown.append(f'{{{head}, "datapoints": [{", ".join(points)}]}}')
    text = f"[{', '.join(shown)}]"
    if not indent:
        return text
    return json.dumps(json.loads(text), indent=indent).replace("Infinity,", "1e9999,")


def _points(series: TimeSeries, *, no_nulls: bool) -> list[str]:
    """Each point as JSON; no more of them than the window has room for."""
    times = timestamps(series)
    times = times[times <= series.end].tolist()
    return [
        f"[{_number(value)}, {time}]"
        for value, time in zip(series.values.tolist(), times, strict=False)
        if not no_nulls or value == value  # noqa: PLR0124  # NaN is not itself
    ]


def numbers(series: TimeSeries) -> list[str]:
    """Each value as JSON."""
    return [_number(value) for value in series.values.tolist()]


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    if math.isnan(value):
        return "null"
    return "1e9999" if value > 0 else "-1e9999"


def as_csv(series_list: SeriesList, zone: tzinfo) -> str:
    """A line `name,YYYY-MM-DD HH:MM:SS,value` for each point, in local time."""
    text = io.StringIO()
    writer = csv.writer(text)
    for series in series_list:
        for time, value in zip(timestamps(series).tolist(), series.values.tolist(), strict=True):
            when = datetime.fromtimestamp(time, zone).strftime("%Y-%m-%d %H:%M:%S")
            writer.writerow((series.name, when, "" if math.isnan(value) else value))
    return text.getvalue()


def as_raw(series_list: SeriesList) -> str:
    """A line `name,start,end,step|value,value,...` for each series; `None` where there is none."""
    lines = (
        f"{series.name},{int(series.start)},{int(series.end)},{int(series.step)}|"
        + ",".join("None" if math.isnan(value) else repr(value) for value in series.values.tolist())
        for series in series_list
    )
    return "".join(line + "\n" for line in lines)


def as_information(series_list: SeriesList) -> list[dict[str, Any]]:
    """What the pickle and MessagePack formats carry."""
    return [
        {
            "name": series.name,
            "start": int(series.start),
            "end": int(series.end),
            "step": int(series.step),
            "values": list(_or_none(series)),
            "pathExpression": series.path_expression,
            "valuesPerPoint": 1,
            "consolidationFunc": series.consolidation,
            "xFilesFactor": series.x_files_factor,
        }
        for series in series_list
    ]


def _or_none(series: TimeSeries) -> Iterator[float | None]:
    return (None if math.isnan(value) else value for value in series.values.tolist())
