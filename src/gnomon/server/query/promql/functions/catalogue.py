"""All functions by name."""

from __future__ import annotations

from gnomon.server.query.promql.functions import (
    absence,
    calendar,
    histogram,
    info,
    label,
    maths,
    order,
    over_time,
    rate,
    trend,
)
from gnomon.server.query.promql.functions.declare import Family, Function

FAMILIES: tuple[Family, ...] = (
    rate.FAMILY,
    over_time.FAMILY,
    trend.FAMILY,
    maths.FAMILY,
    calendar.FAMILY,
    label.FAMILY,
    order.FAMILY,
    absence.FAMILY,
    histogram.FAMILY,
    info.FAMILY,
)
FUNCTIONS: dict[str, Function] = {
    function.name: function for family in FAMILIES for function in family.functions
}
