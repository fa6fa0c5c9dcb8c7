"""How results look on a terminal: colours (never with NO_COLOR or into a pipe), tables, times."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

_CODES = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "grey": 90, "bold": 1}


def colourful() -> bool:
    """Whether stdout wants colours."""
    return "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb" and sys.stdout.isatty()


def paint(text: str, colour: str) -> str:
    """`text` in a colour, where colours are wanted."""
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if colourful() else text


STATUS_COLOURS = {
    "ok": "green",
    "warning": "yellow",
    "critical": "red",
    "needs_setup": "yellow",
    "unknown": "yellow",
    "no_data": "grey",
    "waiting": "grey",
    "retrying": "yellow",
    "failed": "red",
    "sending": "green",
    "idle": "green",
    "listening": "green",
}


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], status: int = -1) -> str:
    """Left-aligned columns; column `status` is coloured by its word."""
    widths = [max(len(row[column]) for row in [headers, *rows]) for column in range(len(headers))]
    lines = [paint(_row(headers, widths), "bold")]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if status >= 0:
            cells[status] = paint(cells[status], STATUS_COLOURS.get(row[status], "bold"))
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)).rstrip()


def human_bytes(count: float) -> str:
    """`1536` → `1.5 KiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def human_seconds(seconds: float) -> str:
    """`93` → `1m33s`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 60:
        return f"{seconds:.0f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours}h{minutes:02d}m"
    return f"{hours // 24}d{hours % 24}h"
