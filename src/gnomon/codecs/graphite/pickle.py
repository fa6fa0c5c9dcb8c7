"""Graphite's pickle protocol: `[(path, (timestamp, value)), ...]`.

Source: carbon's pickle receiver. Unpickling runs nothing: only lists, tuples, text and numbers are
built; whatever would name a class or call something is a `DecodeError`.
"""

from __future__ import annotations

import io
import math
import pickle
from typing import Any, NoReturn, cast

from gnomon.codecs.graphite.path import LATEST, encode_path, parse_path
from gnomon.core.errors import DecodeError
from gnomon.core.model import Batch, Sample, Series

LONGEST = 16 << 20
"""Bytes of one message."""


class _Plain(pickle.Unpickler):
    """An unpickler for which no class exists."""

    def find_class(self, module_name: str, global_name: str) -> NoReturn:
        raise DecodeError(
            f"a pickle that names {module_name}.{global_name}; only plain data is read"
        )

    def persistent_load(self, pid: Any) -> NoReturn:  # noqa: ARG002
        raise DecodeError("a pickle that refers to something outside of itself")


class Decoder:
    """Keeps the series it has seen. For one thread."""

    def __init__(self, most_series: int = 1_000_000) -> None:
        """Beyond `most_series` the table begins anew."""
        self._most = most_series
        self._series: dict[str, Series] = {}

    def decode(self, message: bytes, now: int) -> tuple[Batch, list[str]]:
        """One message into samples, and a line for a person for each bad item.

        `now` in milliseconds, for a timestamp of -1. Raises `DecodeError` when the message is no
        pickled list of plain data.
        """
        samples: list[Sample] = []
        errors: list[str] = []
        for item in _load(message):
            try:
                sample = self._sample(item, now)
            except DecodeError as error:
                errors.append(str(error))
            else:
                samples += [sample] if sample else []
        return Batch.of(samples), errors

    def _sample(self, item: Any, now: int) -> Sample | None:
        try:
            path, (stamp, value) = item
            number, seconds = float(value), float(stamp)
            at = now if seconds == -1 else round(seconds * 1000)
        except (TypeError, ValueError, OverflowError):
            raise DecodeError(f"expected (path, (timestamp, value)): {str(item)[:80]}") from None
        if isinstance(path, bytes):
            path = path.decode("utf-8", "replace")
        if not isinstance(path, str) or math.isinf(number) or not 0 <= at < LATEST:
            raise DecodeError(f"expected (path, (timestamp, value)): {str(item)[:80]}")
        series = self._known(path)
        return None if math.isnan(number) else Sample(series, at, number)

    def _known(self, path: str) -> Series:
        found = self._series.get(path)
        if found is None:
            if len(self._series) >= self._most:
                self._series.clear()
            found = self._series[path] = parse_path(path.encode("utf-8", "surrogatepass"))
        return found


def _load(message: bytes) -> list[Any]:
    try:
        data: object = _Plain(io.BytesIO(message), encoding="utf-8", errors="replace").load()
    except DecodeError:
        raise
    except Exception as error:  # noqa: BLE001  # the unpickler raises whatever a hostile message leads it to
        raise DecodeError(f"not a pickle: {type(error).__name__}: {error}") from None
    if not isinstance(data, (list, tuple)):
        raise DecodeError(f"expected a pickled list, got {type(data).__name__}")
    return list(cast(list[Any], data))


def encode(batch: Batch) -> bytes:
    """One message without its length, in the protocol every carbon reads."""
    paths = [encode_path(series) for series in batch.series]
    rows = [
        (paths[position], (timestamp // 1000, value))
        for position, timestamp, value in zip(
            batch.index, batch.timestamps, batch.values, strict=True
        )
    ]
    return pickle.dumps(rows, protocol=2)
