"""Batches as columns over all of them: which series, when, which value; and their events.

The columns run over the samples of all batches, one batch after the other. A *shape* is the list of
series numbers of a batch's samples; most batches have the shape of an earlier one, and most shapes
are a few runs of consecutive numbers, as numbers are given in the order of first use.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, groupby, pairwise

import msgspec

from gnomon.codecs.native.dictionary import Dictionary, Shape, Table, cut, pick
from gnomon.codecs.native.limits import Limits, OverLimit, integers, packed
from gnomon.codecs.native.values import Values, pack_values, unpack_values
from gnomon.core.errors import DecodeError
from gnomon.core.model import Batch, Event

REMEMBERED_ROWS = 10_000
"""Shapes of more rows are not kept for the next body: a server has many sessions."""

_HALF = 1 << 63


class Shapes(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Lists of series numbers, in runs of consecutive ones."""

    runs: msgspec.Raw
    """Runs of each shape."""
    starts: msgspec.Raw
    """First number of each run, minus the number after the run before (0 for the first of all)."""
    lengths: msgspec.Raw
    """Numbers in each run."""


class Times(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Timestamps, in runs of equal ones."""

    steps: msgspec.Raw
    """Timestamp of each run, minus that of the run before (0 for the first), modulo 2**64."""
    lengths: msgspec.Raw
    """Samples in each run."""


class Events(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Events of all batches."""

    batches: msgspec.Raw
    """The batch of each event."""
    times: msgspec.Raw
    """The timestamp of each event."""
    labels: msgspec.Raw
    """How many labels each event has."""
    lengths: msgspec.Raw
    """Characters of title, text, kind, source, then of each label's name and value."""
    text: bytes
    """All these texts in UTF-8, one after the other."""


class Columns(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Everything of some batches but their marks."""

    shapes: Shapes
    batches: msgspec.Raw
    """The shape of each batch."""
    times: Times
    values: Values
    events: Events | None = None


def pack(batches: Sequence[Batch], dictionary: Dictionary) -> Columns:
    """Batches as columns; their new series are defined in the dictionary."""
    shapes: dict[tuple[int, ...], int] = {}
    numbers: list[int] = []
    for batch in batches:
        rows = _rows(batch, dictionary)
        numbers.append(shapes.setdefault(rows, len(shapes)))
    return Columns(
        _pack_shapes(shapes),
        packed(numbers),
        _pack_times(batches),
        pack_values(chain.from_iterable(batch.values for batch in batches)),
        _pack_events(batches) if any(batch.events for batch in batches) else None,
    )


def unpack(columns: Columns, table: Table, limits: Limits) -> list[Batch]:
    """The batches again, with series from the table; raises `DecodeError`."""
    numbers = integers(columns.batches, limits.samples, "batches")
    shapes = _unpack_shapes(columns.shapes, table, limits)
    used = [pick(shapes, number) for number in numbers]
    ends = list(accumulate((len(shape.rows) for shape in used), initial=0))
    count = ends[-1]
    if count > limits.samples:
        raise OverLimit(f"{count} samples in one body; at most {limits.samples} are taken")
    times = _unpack_times(columns.times, count, limits)
    values = unpack_values(columns.values, count, limits)
    events = _unpack_events(columns.events, len(used), limits) if columns.events else {}
    return [
        Batch(shape.series, shape.rows, times[start:end], values[start:end], events.get(at, ()))
        for at, (shape, (start, end)) in enumerate(zip(used, pairwise(ends), strict=True))
    ]


def _rows(batch: Batch, dictionary: Dictionary) -> tuple[int, ...]:
    """The series number of each sample."""
    series, index = batch.series, batch.index
    if len(set(index)) == len(series):
        numbers = dictionary.numbers(series)
        return tuple(map(numbers.__getitem__, index))
    used = list(dict.fromkeys(index))
    known = dict(zip(used, dictionary.numbers([series[at] for at in used]), strict=True))
    return tuple(map(known.__getitem__, index))


def _pack_shapes(shapes: Iterable[tuple[int, ...]]) -> Shapes:
    runs: list[int] = []
    starts: list[int] = []
    lengths: list[int] = []
    after = 0
    for shape in shapes:
        before = len(starts)
        fresh = True
        for number in shape:
            if fresh or number != after:
                starts.append(number - after)
                lengths.append(0)
                fresh = False
            lengths[-1] += 1
            after = number + 1
        runs.append(len(starts) - before)
    return Shapes(packed(runs), packed(starts), packed(lengths))


def _unpack_shapes(shapes: Shapes, table: Table, limits: Limits) -> list[Shape]:
    """The shapes of a body; usually those of the body before, which are remembered."""
    key = b"".join(map(bytes, (shapes.runs, shapes.starts, shapes.lengths)))
    known = table.remembered
    if known is not None and known[0] == key:
        return known[1]
    unpacked = _read_shapes(shapes, table, limits)
    if sum(len(shape.rows) for shape in unpacked) <= REMEMBERED_ROWS:
        table.remembered = (key, unpacked)
    return unpacked


def _read_shapes(shapes: Shapes, table: Table, limits: Limits) -> list[Shape]:
    runs = integers(shapes.runs, limits.samples, "shapes")
    starts = integers(shapes.starts, limits.samples, "runs of series")
    lengths = integers(shapes.lengths, limits.samples, "runs of series")
    if sum(runs) != len(starts) or len(starts) != len(lengths) or min(runs, default=0) < 0:
        raise DecodeError("shapes that are cut short")
    if min(lengths, default=1) < 1 or sum(lengths) > limits.samples:
        raise OverLimit(f"shapes of {sum(lengths)} samples; at most {limits.samples} are taken")
    pairs = iter(zip(starts, lengths, strict=True))
    unpacked: list[Shape] = []
    after = 0
    for count in runs:
        rows: list[int] = []
        for _ in range(count):
            step, length = next(pairs)
            start = after + step
            after = start + length
            if start < 0 or after > len(table.series):
                raise DecodeError(f"the series {after - 1}, of which {len(table.series)} are known")
            rows += range(start, after)
        unpacked.append(_shape(rows, table))
    return unpacked


def _shape(rows: list[int], table: Table) -> Shape:
    unique = dict.fromkeys(rows)
    series = [table.series[number] for number in unique]
    if len(unique) == len(rows):
        return Shape(series, array("I", range(len(rows))))
    places = dict(zip(unique, range(len(unique)), strict=True))
    return Shape(series, array("I", map(places.__getitem__, rows)))


def _pack_times(batches: Sequence[Batch]) -> Times:
    steps: list[int] = []
    lengths: list[int] = []
    last = None
    for batch in batches:
        for timestamp, length in _time_runs(batch.timestamps):
            if timestamp == last:
                lengths[-1] += length
            else:
                steps.append(_wrapped(timestamp - (last or 0)))
                lengths.append(length)
                last = timestamp
    return Times(packed(steps), packed(lengths))


def _time_runs(timestamps: array[int]) -> list[tuple[int, int]]:
    """Runs of equal timestamps; usually a batch has one."""
    if timestamps and timestamps.count(timestamps[0]) == len(timestamps):
        return [(timestamps[0], len(timestamps))]
    return [(timestamp, sum(1 for _ in run)) for timestamp, run in groupby(timestamps)]


def _unpack_times(times: Times, count: int, limits: Limits) -> array[int]:
    steps = integers(times.steps, limits.samples, "timestamps")
    lengths = integers(times.lengths, limits.samples, "timestamps")
    if len(steps) != len(lengths) or sum(lengths) != count or min(lengths, default=0) < 0:
        raise DecodeError("the timestamps are not as many as the samples")
    stamps = list(accumulate(steps))
    if stamps and not -_HALF <= min(stamps) <= max(stamps) < _HALF:
        stamps = [_wrapped(stamp) for stamp in stamps]
    column = array("q")
    for timestamp, length in zip(stamps, lengths, strict=True):
        column += array("q", (timestamp,)) * length
    return column


def _wrapped(number: int) -> int:
    """Modulo 2**64, so that the distance of any two timestamps is a 64-bit integer."""
    return (number + _HALF) % (2 * _HALF) - _HALF


def _pack_events(batches: Sequence[Batch]) -> Events:
    owners: list[int] = []
    times: list[int] = []
    labels: list[int] = []
    texts: list[str] = []
    for at, batch in enumerate(batches):
        for event in batch.events:
            owners.append(at)
            times.append(max(-_HALF, min(event.timestamp, _HALF - 1)))
            labels.append(len(event.labels))
            texts += (event.title, event.text, event.kind, event.source)
            texts += chain.from_iterable(event.labels)
    lengths = [len(text) for text in texts]
    text = "".join(texts).encode("utf-8", "surrogatepass")
    return Events(packed(owners), packed(times), packed(labels), packed(lengths), text)


def _unpack_events(events: Events, batches: int, limits: Limits) -> dict[int, list[Event]]:
    """Events by batch."""
    owners = integers(events.batches, limits.events, "events")
    times = integers(events.times, limits.events, "events")
    labels = integers(events.labels, limits.events, "events")
    if min(labels, default=0) < 0 or max(labels, default=0) > limits.labels_per_series:
        raise OverLimit(f"an event of more than {limits.labels_per_series} labels")
    most = (4 + 2 * limits.labels_per_series) * limits.events
    texts = cut(events.text, integers(events.lengths, most, "texts of events"), limits.text_length)
    if not len(owners) == len(times) == len(labels) or len(texts) != sum(4 + 2 * n for n in labels):
        raise DecodeError("events that are cut short")
    by_batch: dict[int, list[Event]] = {}
    at = 0
    for owner, timestamp, count in zip(owners, times, labels, strict=True):
        if not 0 <= owner < batches:
            raise DecodeError(f"an event of batch {owner}, of which there are {batches}")
        title, text, kind, source = texts[at : at + 4]
        names = texts[at + 4 : at + 4 + 2 * count]
        at += 4 + 2 * count
        pairs = tuple(zip(names[::2], names[1::2], strict=True))
        by_batch.setdefault(owner, []).append(Event(timestamp, title, text, kind, source, pairs))
    return by_batch
