"""Forecasts by triple exponential smoothing, from a bootstrap before the graph."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.server.query.graphite.attime import parse_offset
from gnomon.server.query.graphite.context import Context, Deferred
from gnomon.server.query.graphite.declare import (
    DEFERRED,
    Group,
    Param,
    ParamType,
    function,
)
from gnomon.server.query.graphite.lines import area_between
from gnomon.server.query.graphite.smoothing import analyse
from gnomon.server.query.graphite.timeseries import Float64s, SeriesList, TimeSeries

_BOOTSTRAP = Param("bootstrapInterval", ParamType.INTERVAL, default="7d", suggestions=("7d", "30d"))
_SEASON = Param("seasonality", ParamType.INTERVAL, default="1d", suggestions=("1d", "7d"))
_DELTA = Param("delta", ParamType.INTEGER, default=3, accepts=ParamType.NUMBER)


class _Forecast(NamedTuple):
    """A series and its forecast over the window of the graph."""

    series: TimeSeries
    """As read with the bootstrap, with the tags of a forecast."""
    start: int
    predictions: Float64s
    deviations: Float64s


def _forecasts(
    context: Context, series: Deferred, bootstrap: str, seasonality: str
) -> list[_Forecast]:
    preview = parse_offset(bootstrap)
    season = parse_offset(seasonality)
    found: list[_Forecast] = []
    for one in series.over(context.start - preview, context.end):
        analysis = analyse(one.values, season // one.step)
        skipped = preview // one.step
        tagged = one.tagged(holtWintersForecast=1, holtWintersDeviation=1)
        found.append(
            _Forecast(
                tagged,
                one.start + preview,
                analysis.predictions[skipped:],
                analysis.deviations[skipped:],
            )
        )
    return found


@function("holtWintersForecast", Group.CALCULATE, DEFERRED, _BOOTSTRAP, _SEASON)
def holt_winters_forecast(
    context: Context, series: Deferred, bootstrap: str = "7d", seasonality: str = "1d"
) -> SeriesList:
    """What the past lets expect at each point."""
    return [
        one.series.derived(
            f"holtWintersForecast({one.series.name})",
            one.predictions,
            start=one.start,
            consolidation="average",
        )
        for one in _forecasts(context, series, bootstrap, seasonality)
    ]


@function("holtWintersConfidenceBands", Group.CALCULATE, DEFERRED, _DELTA, _BOOTSTRAP, _SEASON)
def holt_winters_confidence_bands(
    context: Context,
    series: Deferred,
    delta: float = 3,
    bootstrap: str = "7d",
    seasonality: str = "1d",
) -> SeriesList:
    """A lower and an upper line `delta` deviations from the forecast."""
    bands: SeriesList = []
    for one in _forecasts(context, series, bootstrap, seasonality):
        tagged = one.series.tagged(holtWintersConfidenceUpper=1, holtWintersConfidenceLower=1)
        for side, sign in (("Lower", -1), ("Upper", 1)):
            values = one.predictions + sign * (delta * one.deviations)
            bands.append(
                tagged.derived(
                    f"holtWintersConfidence{side}({one.series.name})",
                    values,
                    start=one.start,
                    consolidation="average",
                ).but(path_expression=one.series.path_expression)
            )
    return bands


@function("holtWintersAberration", Group.CALCULATE, DEFERRED, _DELTA, _BOOTSTRAP, _SEASON)
def holt_winters_aberration(
    context: Context,
    series: Deferred,
    delta: float = 3,
    bootstrap: str = "7d",
    seasonality: str = "1d",
) -> SeriesList:
    """By how much values lie outside the confidence bands; 0 inside."""
    bands = holt_winters_confidence_bands(context, series, delta, bootstrap, seasonality)
    named = {band.name: band.values for band in bands}
    results: SeriesList = []
    for one in series.series():
        lower = _as_long(named.get(f"holtWintersConfidenceLower({one.name})"), len(one))
        upper = _as_long(named.get(f"holtWintersConfidenceUpper({one.name})"), len(one))
        outside = np.where(
            one.values > upper,
            one.values - upper,
            np.where(one.values < lower, one.values - lower, 0.0),
        )
        results.append(
            one.tagged(holtWintersAberration=1).derived(
                f"holtWintersAberration({one.name})", outside, consolidation="average"
            )
        )
    return results


def _as_long(values: Float64s | None, points: int) -> Float64s:
    line = np.full(points, np.nan)
    if values is not None:
        line[: len(values)] = values[:points]
    return line


@function("holtWintersConfidenceArea", Group.CALCULATE, DEFERRED, _DELTA, _BOOTSTRAP, _SEASON)
def holt_winters_confidence_area(
    context: Context,
    series: Deferred,
    delta: float = 3,
    bootstrap: str = "7d",
    seasonality: str = "1d",
) -> SeriesList:
    """The area between the confidence bands of one series."""
    bands = holt_winters_confidence_bands(context, series, delta, bootstrap, seasonality)
    return [
        band.named(band.name.replace("areaBetween", "holtWintersConfidenceArea"))
        .but(tags={tag: value for tag, value in band.tags.items() if tag != "areaBetween"})
        .tagged(holtWintersConfidenceArea=1)
        for band in area_between(bands)
    ]
