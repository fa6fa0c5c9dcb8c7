"""Metrics, texts and series as numbers, counted from 0 in the order of first use.

The writing side (`Dictionary`) hands out the definitions made since it was last asked; the reading
side (`Table`) takes them in. Definitions say at which number they begin, so that the reader
notices a gap, and may come again: what is known is compared, not replaced.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple, TypeVar

import msgspec

from gnomon.codecs.native.limits import Limits, OverLimit, integers, packed
from gnomon.core.errors import DecodeError
from gnomon.core.model import Kind, Labels, Metric, Series

T = TypeVar("T")

KINDS = tuple(Kind)
"""A kind's number on the wire is its place here; new kinds are only ever added at the end."""

TEXTS_PER_SERIES = 4
CHARACTERS_PER_SERIES = 160
"""A dictionary for n series holds at most n times as many texts and characters."""


class UnknownDictionary(DecodeError):
    """Built on definitions that never arrived here; the writer must begin a new session."""


class Definitions(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A piece of a dictionary."""

    base: tuple[int, int, int]
    """How many texts, metrics and series were defined before."""
    lengths: msgspec.Raw
    """Characters of each new text."""
    text: bytes
    """The new texts in UTF-8, one after the other; lone surrogates are kept."""
    metrics: msgspec.Raw
    """Per new metric: the texts of name, unit and help, and the kind."""
    series: msgspec.Raw
    """Per new series: the metric, the number of labels, and the texts of each name and value."""


class Dictionary:
    """The writing side.

    Series that are equal are one; the metric (kind, unit, help) is that of the first one seen.
    """

    def __init__(self) -> None:
        self._texts: dict[str, int] = {}
        self._metrics: dict[Metric, int] = {}
        self._series: dict[Series, int] = {}
        self._characters = 0
        self._begin()

    def exceeds(self, series: int) -> bool:
        """Whether it is larger than so many series with their usual texts."""
        return (
            len(self._series) > series
            or len(self._texts) > TEXTS_PER_SERIES * series
            or self._characters > CHARACTERS_PER_SERIES * series
        )

    def numbers(self, series: Sequence[Series]) -> list[int]:
        """The number of each, defining those that are new."""
        known = self._series
        try:
            return [known[one] for one in series]
        except KeyError:
            return [known[one] if one in known else self._define(one) for one in series]

    def text(self, text: str) -> int:
        """The number of a text, defining it if it is new."""
        number = self._texts.get(text)
        if number is None:
            number = self._texts[text] = len(self._texts)
            self._new_texts.append(text)
            self._characters += len(text)
        return number

    def take(self) -> Definitions:
        """The definitions made since it was last called."""
        texts = self._new_texts
        definitions = Definitions(
            self._base,
            packed([len(text) for text in texts]),
            "".join(texts).encode("utf-8", "surrogatepass"),
            packed(self._new_metrics),
            packed(self._new_series),
        )
        self._begin()
        return definitions

    @property
    def pending(self) -> bool:
        """Whether something was defined since `take`."""
        return bool(self._new_texts or self._new_series)

    def _begin(self) -> None:
        self._base = (len(self._texts), len(self._metrics), len(self._series))
        self._new_texts: list[str] = []
        self._new_metrics: list[int] = []
        self._new_series: list[int] = []

    def _define(self, series: Series) -> int:
        metric = self._metrics.get(series.metric)
        if metric is None:
            metric = self._define_metric(series.metric)
        self._new_series += (metric, len(series.labels))
        for name, value in series.labels:
            self._new_series += (self.text(name), self.text(value))
        number = self._series[series] = len(self._series)
        return number

    def _define_metric(self, metric: Metric) -> int:
        texts = [self.text(text) for text in (metric.name, metric.unit, metric.help)]
        self._new_metrics += (*texts, KINDS.index(metric.kind))
        number = self._metrics[metric] = len(self._metrics)
        return number


class Shape(NamedTuple):
    """What the batches of one shape share."""

    series: list[Series]
    rows: array[int]
    """For each sample, which of `series` it is of."""


class Table:
    """The reading side. Lists only grow, so other threads may read while one defines."""

    def __init__(self, limits: Limits, shared: dict[Metric, Metric] | None = None) -> None:
        """`shared` lets many sessions hold one object for the same metric."""
        self._limits = limits
        self._shared = {} if shared is None else shared
        self.texts: list[str] = []
        self.metrics: list[Metric] = []
        self.series: list[Series] = []
        self.remembered: tuple[bytes, list[Shape]] | None = None
        """The shapes read last, with their bytes: as a series never changes its number, the same
        bytes mean the same shapes for ever."""
        self._characters = 0

    def define(self, definitions: Definitions) -> None:
        """Takes definitions in, all or none.

        Raises `UnknownDictionary` if some before them are missing, else `DecodeError`.
        """
        known = (self.texts, self.metrics, self.series)
        for one, base in zip(known, definitions.base, strict=True):
            if not 0 <= base <= len(one):
                raise UnknownDictionary(
                    f"definitions from number {base} on, but only {len(one)} are known here"
                )
        text_base, metric_base, series_base = definitions.base
        new_texts = self._read_texts(definitions)
        texts = self.texts[:text_base] + new_texts if new_texts else self.texts
        new_metrics = self._read_metrics(definitions, texts)
        metrics = self.metrics[:metric_base] + new_metrics if new_metrics else self.metrics
        new_series = self._read_series(definitions, texts, metrics)
        fresh_texts = _beyond(self.texts, new_texts, text_base)
        fresh_metrics = _beyond(self.metrics, new_metrics, metric_base)
        fresh_series = _beyond(self.series, new_series, series_base)
        characters = self._characters + sum(map(len, fresh_texts))
        if characters > self._limits.characters:
            raise OverLimit(f"more than {self._limits.characters} characters in one session")
        self._characters = characters
        self.texts += fresh_texts
        self.metrics += fresh_metrics
        self.series += fresh_series

    def _read_texts(self, definitions: Definitions) -> list[str]:
        most = TEXTS_PER_SERIES * self._limits.series - definitions.base[0]
        lengths = integers(definitions.lengths, most, "texts")
        return cut(definitions.text, lengths, self._limits.label_length)

    def _read_metrics(self, definitions: Definitions, texts: Sequence[str]) -> list[Metric]:
        flat = integers(definitions.metrics, 4 * self._limits.series, "numbers of metrics")
        if len(flat) % 4:
            raise DecodeError("a metric that is cut short")
        metrics: list[Metric] = []
        for name, unit, help_, kind in zip(*(flat[i::4] for i in range(4)), strict=True):
            metric = Metric(
                pick(texts, name), pick(KINDS, kind), pick(texts, unit), pick(texts, help_)
            )
            metrics.append(self._shared.setdefault(metric, metric))
        return metrics

    def _read_series(
        self, definitions: Definitions, texts: Sequence[str], metrics: Sequence[Metric]
    ) -> list[Series]:
        limits = self._limits
        flat = integers(definitions.series, 32 * limits.series, "numbers of series")
        pairs: dict[tuple[int, int], tuple[str, str]] = {}
        series: list[Series] = []
        at = 0
        while at < len(flat):
            count = flat[at + 1] if at + 1 < len(flat) else -1
            end = at + 2 + 2 * count
            if not 0 <= count <= limits.labels_per_series or end > len(flat):
                raise OverLimit(
                    f"a series of {count} labels; at most {limits.labels_per_series} are taken"
                )
            labels = _labels(texts, flat[at + 2 : end], pairs)
            series.append(Series(pick(metrics, flat[at]), labels))
            at = end
        if definitions.base[2] + len(series) > limits.series:
            raise OverLimit(f"more than {limits.series} series in one session")
        return series


def cut(data: bytes, lengths: Sequence[int], most: int) -> list[str]:
    """Texts that stand one after the other in `data`, none longer than `most` characters."""
    try:
        text = data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise DecodeError(f"texts that are not UTF-8: {error}") from None
    if lengths and max(lengths) > most:
        raise OverLimit(f"a text of {max(lengths)} characters; at most {most} are taken")
    ends = list(accumulate(lengths, initial=0))
    if (lengths and min(lengths) < 0) or ends[-1] != len(text):
        raise DecodeError("texts whose lengths do not add up")
    return [text[start:end] for start, end in pairwise(ends)]


def pick(items: Sequence[T], number: int) -> T:
    """What has this number."""
    if 0 <= number < len(items):
        return items[number]
    raise DecodeError(f"the number {number}, of which only {len(items)} are defined")


def _labels(
    texts: Sequence[str], numbers: Sequence[int], pairs: dict[tuple[int, int], tuple[str, str]]
) -> Labels:
    """Canonical label pairs; equal pairs are one object."""
    labels: list[tuple[str, str]] = []
    for key in zip(numbers[::2], numbers[1::2], strict=True):
        pair = pairs.get(key)
        if pair is None:
            pair = pairs[key] = (pick(texts, key[0]), pick(texts, key[1]))
        if not pair[1] or (labels and labels[-1][0] >= pair[0]):
            raise DecodeError(f"labels that are empty or not in order, at {pair[0]!r}")
        labels.append(pair)
    return tuple(labels)


def _beyond(known: Sequence[T], new: list[T], base: int) -> list[T]:
    """What of `new`, which begins at number `base`, is not known yet."""
    overlap = len(known) - base
    if known[base : base + len(new)] != new[:overlap]:
        raise DecodeError("a number that was defined differently before")
    return new[overlap:]
