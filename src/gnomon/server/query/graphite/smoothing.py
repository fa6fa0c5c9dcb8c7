"""Triple exponential smoothing (Holt-Winters) with the constants Graphite uses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.server.query.graphite.grammar import TargetError
from gnomon.server.query.graphite.timeseries import Float64s

ALPHA = 0.1
"""Weight of the newest value in the level."""
BETA = 0.0035
"""Weight of the newest change in the slope."""
GAMMA = 0.1
"""Weight of the newest value in the season's shape and deviation."""


class Analysis(NamedTuple):
    """What was expected at each point, and how far off that usually is at this time of the season."""

    predictions: Float64s
    deviations: Float64s


def analyse(values: Float64s, season: int) -> Analysis:
    """`season` is in points. Each point depends on the one before it, so this is a plain loop."""
    if season < 2:
        raise TargetError("a season must be longer than one step")
    points = len(values)
    seasonals, deviations = [0.0] * (points + season + 1), [0.0] * (points + season)
    predictions = np.full(points, np.nan)
    expected = level = slope = None
    for place, actual in enumerate(values.tolist()):
        if place:
            predictions[place] = np.nan if expected is None else expected
        if actual != actual:  # noqa: PLR0124  # NaN: nothing to learn from
            expected, level, slope = None, None, 0.0
            continue
        if not place:
            predictions[0] = expected = actual
        before_level = actual if level is None else level
        before_slope = slope or 0.0
        # The tables are one season longer, so that the season before the first is all zero.
        seasonal = seasonals[place]
        level = ALPHA * (actual - seasonal) + (1 - ALPHA) * (before_level + before_slope)
        slope = BETA * (level - before_level) + (1 - BETA) * before_slope
        seasonals[place + season] = GAMMA * (actual - level) + (1 - GAMMA) * seasonal
        off = abs(actual - (expected or 0.0))
        deviations[place + season] = GAMMA * off + (1 - GAMMA) * deviations[place]
        expected = level + slope + seasonals[place + 1]
    return Analysis(predictions, np.array(deviations[season:]))
