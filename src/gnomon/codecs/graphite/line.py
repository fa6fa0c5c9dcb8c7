"""Graphite's plaintext protocol: `path value timestamp`, a line each.

Source: carbon's line receiver (1.1). The path may carry tags (`name;key=value`); the timestamp is in
seconds, -1 or `N` stands for now; a value of `nan` says nothing and is left out. Fields are parted
by any white space. Chunks are decoded in columns: as long as every line has three good fields,
no line is looked at by itself; a chunk with a bad line is decoded line by line, and only the bad
ones are lost.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence

from gnomon.codecs.graphite.path import LATEST, encode_path, parse_path
from gnomon.core.errors import DecodeError
from gnomon.core.model import Batch, Sample, Series

NOW = (b"-1", b"N")
_TWO_BLANKS = {0, 2}


class Decoder:
    """Keeps the series it has seen, so that a path is taken apart once. For one thread."""

    def __init__(self, most_series: int = 1_000_000) -> None:
        """Beyond `most_series` the table begins anew."""
        self._most = most_series
        self._series: dict[bytes, Series] = {}

    def decode(self, data: bytes, now: int) -> tuple[Batch, list[str]]:
        """Whole lines into samples, and a line for a person for each bad one.

        `now` in milliseconds. Never raises.
        """
        if {line.count(b" ") for line in data.split(b"\n")} <= _TWO_BLANKS:
            try:
                return self._columns(data.split()), []
            except (ValueError, OverflowError, DecodeError):
                pass  # some line is bad: find out which
        return self._lines(data, now)

    def _columns(self, fields: Sequence[bytes]) -> Batch:
        paths, texts, stamps = fields[0::3], fields[1::3], fields[2::3]
        values = array("d", map(float, texts))
        times = {stamp: int(stamp) * 1000 for stamp in {*stamps}}
        if not len(paths) == len(values) == len(stamps) or not math.isfinite(sum(values)):
            raise ValueError("a field is missing, or a value is no number")
        if not all(0 <= at < LATEST for at in times.values()) or b"_" in b"".join(texts):
            raise ValueError("a time out of range, or digits grouped as Python does")
        table = {path: position for position, path in enumerate(dict.fromkeys(paths))}
        series = [self.series(path) for path in table]
        index = array("I", map(table.__getitem__, paths))
        return _batch(series, index, array("q", map(times.__getitem__, stamps)), values)

    def _lines(self, data: bytes, now: int) -> tuple[Batch, list[str]]:
        samples: list[Sample] = []
        errors: list[str] = []
        for line in data.splitlines():
            try:
                samples += self._line(line, now)
            except DecodeError as error:
                errors.append(str(error))
        return Batch.of(samples), errors

    def _line(self, line: bytes, now: int) -> Iterator[Sample]:
        fields = line.split()
        if not fields:
            return
        shown = repr(line[:80].decode("utf-8", "replace"))
        if len(fields) != 3:
            raise DecodeError(f"expected `path value timestamp`: {shown}")
        path, text, stamp = fields
        try:
            value = float(text)
            at = now if stamp in NOW else round(float(stamp) * 1000)
        except (ValueError, OverflowError):
            raise DecodeError(f"not a number in {shown}") from None
        if math.isinf(value) or b"_" in text + stamp:
            raise DecodeError(f"not a number in {shown}")
        if not 0 <= at < LATEST:
            raise DecodeError(f"a time out of range in {shown}")
        series = self.series(path)
        if not math.isnan(value):
            yield Sample(series, at, value)

    def series(self, path: bytes) -> Series:
        """The series of a path; raises `DecodeError` when it is none."""
        found = self._series.get(path)
        if found is None:
            if len(self._series) >= self._most:
                self._series.clear()
            found = self._series[path] = parse_path(path)
        return found


def encode(batch: Batch) -> bytes:
    """Lines for a carbon."""
    paths = [encode_path(series) for series in batch.series]
    return "".join(
        f"{paths[position]} {value!r} {timestamp // 1000}\n"
        for position, timestamp, value in zip(
            batch.index, batch.timestamps, batch.values, strict=True
        )
    ).encode()


def _batch(
    series: Sequence[Series], index: array[int], timestamps: array[int], values: array[float]
) -> Batch:
    """A batch holds each series once, but two spellings of a path may mean the same series."""
    distinct = dict.fromkeys(series)
    if len(distinct) == len(series):
        return Batch(series, index, timestamps, values)
    place = {one: position for position, one in enumerate(distinct)}
    renumbered = [place[one] for one in series]
    return Batch(list(distinct), array("I", map(renumbered.__getitem__, index)), timestamps, values)
