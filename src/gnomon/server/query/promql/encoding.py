"""Answers as the JSON of Prometheus' HTTP API.

Numbers travel as text there, so that NaN and infinities have a form. A row is written by one
formatting of all its values; nothing here is done value by value in Python.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from gnomon.core.model import NAME_LABEL, Labels
from gnomon.server.query.promql.engine import Answer
from gnomon.server.query.promql.text import format_json_value
from gnomon.server.query.promql.value import Samples, Vector
from gnomon.server.query.series import Float64s

_PLAIN_FROM, _PLAIN_BELOW = 1e-4, 1e15
"""Sizes of numbers that JSON writes as Prometheus does."""


def encode_result(answer: Answer) -> bytes:
    """The value of `result`."""
    value, time = answer.value, _time(answer.grid.start)
    if isinstance(value, str):
        return f"[{time},{_quoted(value)}]".encode()
    if isinstance(value, Samples):
        return _samples(value).encode()
    if not isinstance(value, Vector):
        if answer.kind == "scalar":
            return f'[{time},"{format_json_value(float(value[0]))}"]'.encode()
        times = [_time(one) for one in answer.grid.times().tolist()]
        return f'[{{"metric":{{}},"values":[{_points(times, value)}]}}]'.encode()
    if answer.kind == "vector":
        return _instant(value, time).encode()
    return _matrix(value, [_time(one) for one in answer.grid.times().tolist()]).encode()


def encode_metric(name: str, labels: Labels) -> str:
    """A label set as a JSON object, the name first."""
    pairs = {NAME_LABEL: name, **dict(labels)} if name else dict(labels)
    try:
        return msgspec.json.encode(pairs).decode()
    except UnicodeEncodeError:
        shown = {_utf8(key): _utf8(value) for key, value in pairs.items()}
        return msgspec.json.encode(shown).decode()


def _instant(vector: Vector, time: str) -> str:
    rows = np.flatnonzero(vector.present[:, 0])
    texts = _texts(vector.values[rows, 0])
    return _listed(
        [
            f'{{"metric":{encode_metric(vector.names[row], vector.labels[row])},'
            f'"value":[{time},"{text}"]}}'
            for row, text in zip(rows.tolist(), texts, strict=True)
        ]
    )


def _matrix(vector: Vector, times: Sequence[str]) -> str:
    full = np.logical_and.reduce(vector.present, axis=1)
    template = _template(times)
    parts: list[str] = []
    for row, (name, labels) in enumerate(vector.identities()):
        if full[row]:
            values = template % tuple(_texts(vector.values[row]))
        else:
            at = np.flatnonzero(vector.present[row])
            values = _points([times[step] for step in at.tolist()], vector.values[row, at])
        parts.append(f'{{"metric":{encode_metric(name, labels)},"values":[{values}]}}')
    return _listed(parts)


def _samples(samples: Samples) -> str:
    parts: list[str] = []
    for row, (name, labels) in enumerate(zip(samples.names, samples.labels, strict=True)):
        part = slice(int(samples.offsets[row]), int(samples.offsets[row + 1]))
        if part.start < part.stop:
            times = [_time(time) for time in samples.timestamps[part].tolist()]
            values = _points(times, samples.values[part])
            parts.append(f'{{"metric":{encode_metric(name, labels)},"values":[{values}]}}')
    return _listed(parts)


def _points(times: Sequence[str], values: Float64s) -> str:
    return _template(times) % tuple(_texts(values))


def _template(times: Sequence[str]) -> str:
    return ",".join([f'[{time},"%s"]' for time in times])


def _texts(values: Float64s) -> list[str]:
    """Each value as text."""
    size = np.abs(values)
    plain = (size < _PLAIN_BELOW) & ((size >= _PLAIN_FROM) | (values == 0))
    shown = values if bool(plain.all()) else np.where(plain, values, 0.0)
    joined = msgspec.json.encode(shown.tolist())[1:-1].decode() + ","
    texts = joined.replace(".0,", ",").split(",")[:-1] if len(values) else []
    for position in np.flatnonzero(~plain).tolist():
        texts[position] = format_json_value(float(values[position]))
    return texts


def _time(milliseconds: int) -> str:
    sign, size = ("-", -milliseconds) if milliseconds < 0 else ("", milliseconds)
    seconds, rest = divmod(size, 1000)
    return f"{sign}{seconds}.{rest:03d}" if rest else f"{sign}{seconds}"


def _quoted(text: str) -> str:
    return msgspec.json.encode(_utf8(text)).decode()


def _utf8(text: str) -> str:
    """Bytes that were not UTF-8 become question marks."""
    return text.encode("utf-8", "replace").decode()


def _listed(parts: Sequence[str]) -> str:
    return f"[{','.join(parts)}]"
