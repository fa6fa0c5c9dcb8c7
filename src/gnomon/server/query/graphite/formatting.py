"""Numbers as text inside names: with an SI or binary prefix, or as upstream prints them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from gnomon.server.query.graphite.grammar import TargetError

SYSTEMS: Mapping[str, tuple[tuple[str, float], ...]] = {
    "si": (("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)),
    "binary": (("Pi", 2.0**50), ("Ti", 2.0**40), ("Gi", 2.0**30), ("Mi", 2.0**20), ("Ki", 2.0**10)),
}


def with_prefix(value: float, system: str) -> tuple[float, str]:
    """Value and prefix: `with_prefix(1500, "si")` is `(1.5, "k")`."""
    if system not in SYSTEMS:
        raise TargetError(f"unknown unit system {system!r}; known: {', '.join(SYSTEMS)}")
    for prefix, size in SYSTEMS[system]:
        if abs(value) >= size:
            return _whole(value / size, value), prefix
    return _whole(value, value), ""


def _whole(scaled: float, value: float) -> float:
    """Without the last bits of a division that should have been even."""
    nearly = value > 1 and math.isfinite(scaled) and scaled - math.floor(scaled) < 1e-11
    return float(math.floor(scaled)) if nearly else scaled


def in_units(value: float, system: str | None, units: str | None) -> str:
    """Two decimals with prefix and unit, as cacti's legends have them."""
    prefix = ""
    if system:
        value, prefix = with_prefix(value, system)
    separator = " " if units else ""
    return f"{value:.2f}{separator}{prefix}{units or ''}"


def plain(value: float, *, whole: bool = False) -> str:
    """A value as Python prints it; `None` when there is none."""
    if math.isnan(value):
        return "None"
    return str(int(value)) if whole else str(value)
