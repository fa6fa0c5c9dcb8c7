"""Samples as JSON lines, the form in which VictoriaMetrics imports and exports.

A line is one series: `{"metric":{"__name__":"cpu","host":"web1"},"values":[1,2.5],"timestamps":
[1700000000000,1700000010000]}`, times in milliseconds. NaN is `null`, infinities are the texts
`"Infinity"` and `"-Infinity"`, both ways, as VictoriaMetrics has them. A series may come in several lines. Beside
these three keys a line may say what the metric is: `kind`, `unit`, `help`; other readers ignore it.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import NoReturn, cast

import msgspec

from gnomon.core.errors import DecodeError
from gnomon.core.model import NAME_LABEL, Batch, Kind, Metric, Series, labels_of


class _Line(msgspec.Struct):
    metric: dict[str, str]
    values: list[float | str | None]
    timestamps: list[int]
    kind: Kind = Kind.UNKNOWN
    unit: str = ""
    help: str = ""


_lines = msgspec.json.Decoder(_Line)
_SPECIAL = {
    "infinity": math.inf,
    "+infinity": math.inf,
    "-infinity": -math.inf,
    "inf": math.inf,
    "+inf": math.inf,
    "-inf": -math.inf,
    "nan": math.nan,
}


def decode(body: bytes) -> Batch:
    """All lines of a body; blank lines are skipped.

    Raises `DecodeError`: `line 3: 2 values but 1 timestamps`.
    """
    try:
        lines = _lines.decode_lines(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        _explain(body)
    table: dict[Series, int] = {}
    index, timestamps, values = array("I"), array("q"), array("d")
    for number, line in enumerate(lines):
        if len(line.values) != len(line.timestamps):
            counts = f"{len(line.values)} values but {len(line.timestamps)} timestamps"
            raise DecodeError(f"line {_line_number(body, number)}: {counts}")
        try:
            row = table.setdefault(_series(line), len(table))
            timestamps.extend(line.timestamps)
            values.extend(_floats(line.values))
        except (ValueError, OverflowError) as error:
            raise DecodeError(f"line {_line_number(body, number)}: {error}") from None
        index.extend(array("I", (row,)) * len(line.values))
    return Batch(list(table), index, timestamps, values)


def encode(
    series: Series, timestamps: Sequence[int], values: Sequence[float], *, about: bool = False
) -> bytes:
    """One line with its newline; with `about`, also what the metric is (kind, unit, help)."""
    line: dict[str, object] = {
        "metric": {NAME_LABEL: series.name, **dict(series.labels)},
        "values": values if all(map(math.isfinite, values)) else [_special(v) for v in values],
        "timestamps": timestamps,
    }
    if about:
        metric = series.metric
        known = {"kind": metric.kind, "unit": metric.unit, "help": metric.help}
        line |= {key: text for key, text in known.items() if text}
    return msgspec.json.encode(line) + b"\n"


def _series(line: _Line) -> Series:
    name = line.metric.get(NAME_LABEL)
    if not name:
        raise ValueError(f'"metric" has no {NAME_LABEL}')
    labels = labels_of(pair for pair in line.metric.items() if pair[0] != NAME_LABEL)
    if labels and not labels[0][0]:
        raise ValueError("a label has no name")
    return Series(Metric(name, line.kind, line.unit, line.help), labels)


def _floats(values: Sequence[float | str | None]) -> Sequence[float]:
    try:
        return array("d", cast(Sequence[float], values))
    except TypeError:
        return [_float(value) for value in values]


def _float(value: float | str | None) -> float:
    if value is None:
        return math.nan
    if isinstance(value, str):
        if value.lower() not in _SPECIAL:
            raise ValueError(f"{value[:40]!r} is not a number")
        return _SPECIAL[value.lower()]
    return value


def _special(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"


def _explain(body: bytes) -> NoReturn:
    """Finds the line that cannot be read."""
    for number, line in enumerate(body.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            _lines.decode_lines(line)
        except msgspec.DecodeError as error:
            raise DecodeError(f"line {number}: {str(error).replace('`', '')}") from None
        except UnicodeDecodeError:
            raise DecodeError(f"line {number}: not UTF-8 text") from None
    raise DecodeError("not JSON lines: a JSON value stretches over several lines")


def _line_number(body: bytes, position: int) -> int:
    """The line of the value at `position`; blank lines hold none, the last may hold several."""
    filled = [number for number, line in enumerate(body.split(b"\n"), 1) if line.strip()]
    return filled[min(position, len(filled) - 1)]
