"""The series index: which series there are, as columns and by hash.

A series is a `ref` (its row here), a stable 64-bit id by which it is found again, and the codes of
its label pairs. There are no objects for series nobody asked about: they are made on demand and
kept in a bounded cache, so a store of a million series opens in about the time it takes to read
its tables. Ids that collide are told apart by their labels.

One thread (the one that appends) adds; `plan` first says what a write would add, and `apply` takes
that in after it is durable. Readers go on meanwhile: columns only grow.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnomon.core.errors import Permanent
from gnomon.core.model import NAME_LABEL, Kind, Metric, Series
from gnomon.server.store.duckdb.caches import Cache, Seen
from gnomon.server.store.duckdb.columns import Column
from gnomon.server.store.duckdb.pairs import Choice, Codes, NewPair, Pairs
from gnomon.server.store.duckdb.rows import Bools, Refs, offsets_of, ranges
from gnomon.server.store.interface import Matcher

RECENT_IDS = 200_000
"""Ids in the dictionary of recent ones before they are sorted in with the others."""
RECENT_LINKS = 50_000
"""Links (series, pair) that postings may lack, at least."""
FEW = 64
"""Up to so many lists are joined one by one."""


class Stored(NamedTuple):
    """The tables of the index as columns."""

    labels: Sequence[str]
    pair_labels: NDArray[np.uint32]
    pair_values: list[str]
    ids: NDArray[np.uint64]
    """By ref; 0 where there is no series any more."""
    alive: Bools
    link_refs: Refs
    link_pairs: NDArray[np.uint32]
    """By ref; within a series the name first, then the labels in order."""
    metas: Sequence[tuple[str, str, str]]
    """Kind, unit and help."""
    metrics: Mapping[str, int]
    """The place in `metas` of each name."""


class Additions(NamedTuple):
    """What is new in a write: rows for the tables, not yet in the index."""

    series: dict[Series, int]
    pairs: dict[tuple[str, str], int]
    links: list[list[int]]
    """Codes, for each new series."""
    metas: dict[tuple[str, str, str], int]
    metrics: dict[str, int]
    met: list[tuple[Series, int]]
    """Objects that were not seen before, with their refs."""


class Postings(NamedTuple):
    """For each code the refs that have it, for all refs below `covers`."""

    offsets: NDArray[np.int64]
    refs: Refs
    covers: int


class SeriesIndex:
    """See the module's docstring."""

    def __init__(self, stored: Stored, cache: int) -> None:
        """`cache`: how many series are kept as objects."""
        count = len(stored.ids)
        self._pairs = Pairs(stored.labels, stored.pair_labels, stored.pair_values)
        self._ids = Column(stored.ids)
        self._alive = Column(stored.alive)
        self._hashes = Column(np.zeros(count, np.int64))
        sizes = np.bincount(stored.link_refs, minlength=count).astype(np.int64)
        self._offsets = Column(offsets_of(sizes))
        self._codes = Column(stored.link_pairs)
        self._metas = list(stored.metas)
        self._meta_places = {meta: place for place, meta in enumerate(stored.metas)}
        self._metrics = dict(stored.metrics)
        self._seen = Seen(cache)
        self._refs: Cache[Series, int] = Cache(cache)
        self._objects: Cache[int, Series] = Cache(cache)
        self._postings = Postings(np.zeros(1, np.int64), np.empty(0, np.uint32), 0)
        self._postings_lock = threading.Lock()
        self._recent: dict[int, list[int]] = {}
        self._sort_ids()

    def __len__(self) -> int:
        """The next ref."""
        return len(self._alive)

    @property
    def living(self) -> int:
        """How many series there are."""
        return int(np.count_nonzero(self._alive.view))

    # What a write adds.

    def plan(self, batches: Iterable[Sequence[Series]]) -> tuple[list[Refs], Additions]:
        """The refs of each batch's series, and what must be added for them to be true."""
        additions = Additions({}, {}, [], {}, {}, [])
        return [self._resolve(series, additions) for series in batches], additions

    def apply(self, additions: Additions) -> None:
        """Takes in what is durable now."""
        self._pairs.add(NewPair(code, *pair) for pair, code in additions.pairs.items())
        self._metas += additions.metas
        self._meta_places |= additions.metas
        if not self._metrics.keys().isdisjoint(additions.metrics):
            self._objects.clear()  # they carry what was known before
        self._metrics |= additions.metrics
        for series, ref in additions.met:
            self._seen.put(series, ref)
            self._refs.put(series, ref)
        if not additions.series:
            return
        self._codes.extend(np.fromiter((c for codes in additions.links for c in codes), np.uint32))
        ends = np.cumsum([len(codes) for codes in additions.links]) + self._offsets.view[-1]
        self._offsets.extend(ends)
        ids = [series.id for series in additions.series]
        self._ids.extend(np.array(ids, np.uint64))
        self._hashes.extend([hash(series) for series in additions.series])
        for id_, ref in zip(ids, additions.series.values(), strict=True):
            self._recent.setdefault(id_, []).append(ref)
        self._alive.extend(np.ones(len(additions.series), np.bool_))
        if len(self._recent) > RECENT_IDS:
            self._sort_ids()

    @property
    def label_count(self) -> int:
        """How many label names are known."""
        return self._pairs.label_count

    def label_places(self, additions: Additions) -> dict[str, int]:
        """The place of each label of the new pairs; those from `label_count` on are new."""
        places: dict[str, int] = {}
        new = self.label_count
        for label, _ in additions.pairs:
            if label not in places:
                known = self._pairs.place(label)
                places[label] = new if known is None else known
                new += known is None
        return places

    def forget(self, refs: Refs) -> None:
        """These series have no samples left. Only while nobody appends."""
        self._alive.view[refs] = False
        self._seen.clear()
        self._refs.clear()

    # What readers ask.

    def select(self, matchers: Sequence[Matcher]) -> Refs:
        """The refs of all series that match, sorted."""
        postings = self._current_postings()  # first, so that they know no ref beyond the mask
        mask = self._alive.view.copy()
        for matcher in matchers:
            choice = self._pairs.choose(matcher)
            mask &= self._having(choice, postings, len(mask))
        return np.flatnonzero(mask).astype(np.uint32)

    def series(self, refs: Refs) -> list[Series]:
        """As objects."""
        get = self._objects.get
        return [get(ref) or self._make(ref) for ref in refs.tolist()]

    def codes_of(self, refs: Refs) -> Codes:
        """The pair codes of some series, all in one."""
        if len(refs) == len(self._alive):
            return self._codes.view
        offsets = self._offsets.view
        starts = offsets[refs]
        return self._codes.view[ranges(starts, offsets[refs + np.uint32(1)] - starts)]

    def label_names(self, refs: Refs) -> list[str]:
        """Of some series, sorted."""
        return self._pairs.names_of(self.codes_of(refs))

    def label_values(self, label: str, refs: Refs) -> list[str]:
        """Of some series, sorted."""
        return self._pairs.values_of(label, self.codes_of(refs))

    def metrics(self) -> list[Metric]:
        """All that is known, sorted by name."""
        return [self._metric(name) for name in sorted(self._metrics.copy())]

    # Inside.

    def _resolve(self, batch: Sequence[Series], additions: Additions) -> Refs:
        found = self._seen.get_all(batch)
        if None not in found:
            return np.array(found, np.uint32)
        places = [place for place, ref in enumerate(found) if ref is None]
        met = [batch[place] for place in places]
        known = list(map(self._refs.get, met))
        lost = [series for series, ref in zip(met, known, strict=True) if ref is None]
        looked_up = iter(self._look_up(lost))
        for place, series, ref in zip(places, met, known, strict=True):
            own = next(looked_up) if ref is None else ref
            own = self._plan_one(series, additions) if own is None else own
            additions.met.append((series, own))
            found[place] = own
        self._learn(met, additions)
        return np.array(found, np.uint32)

    def _look_up(self, batch: Sequence[Series]) -> list[int | None]:
        """Refs of series that are in the index though not in the cache."""
        own = [series.id for series in batch]
        ids = np.array(own, np.uint64)
        places = np.searchsorted(self._sorted_ids, ids)
        places[places == len(self._sorted_ids)] = 0
        hits = np.zeros(len(ids), np.bool_)
        if len(self._sorted_ids):
            hits = self._sorted_ids[places] == ids
        known: list[int | None] = []
        for series, id_, place, hit in zip(batch, own, places.tolist(), hits.tolist(), strict=True):
            ref = self._among(self._recent.get(id_, ()), series)
            if ref is None and hit:
                ref = self._among(self._same_id(place), series)
            known.append(ref)
        return known

    def _same_id(self, place: int) -> Iterable[int]:
        wanted = self._sorted_ids[place]
        while place < len(self._sorted_ids) and self._sorted_ids[place] == wanted:
            yield int(self._sorted_refs[place])
            place += 1

    def _among(self, refs: Iterable[int], series: Series) -> int | None:
        """Which of some refs with its id is the series; usually the only one."""
        for ref in refs:
            if not self._alive.view[ref]:
                continue
            # Seen since the start: 64 bits more of another hash stand for the labels.
            if self._hashes.view[ref] == hash(series):
                return ref
            if self._make(ref) == series:
                self._hashes.view[ref] = hash(series)
                return ref
        return None

    def _plan_one(self, series: Series, additions: Additions) -> int:
        planned = additions.series.get(series)
        if planned is not None:
            return planned
        ref = len(self) + len(additions.series)
        pairs = ((NAME_LABEL, series.name), *series.labels)
        additions.links.append([self._code(pair, additions) for pair in pairs])
        additions.series[series] = ref
        return ref

    def _code(self, pair: tuple[str, str], additions: Additions) -> int:
        code = self._pairs.find(*pair)
        if code is None:
            code = additions.pairs.get(pair)
        if code is None:
            _check_text(pair)
            code = len(self._pairs) + len(additions.pairs)
            additions.pairs[pair] = code
        return code

    def _learn(self, series: Sequence[Series], additions: Additions) -> None:
        """What a write says about its metrics; what it leaves unsaid takes nothing away."""
        told = {metric.name: metric for metric in [one.metric for one in series]}
        for name, metric in told.items():
            place = additions.metrics.get(name, self._metrics.get(name))
            meta = (metric.kind.value, metric.unit, metric.help)
            if place is not None:
                known = self._meta(place, additions)
                if known == meta:
                    continue
                meta = (
                    known[0] if metric.kind is Kind.UNKNOWN else meta[0],
                    meta[1] or known[1],
                    meta[2] or known[2],
                )
                if known == meta:
                    continue
            additions.metrics[name] = self._meta_place(meta, additions)

    def _meta(self, place: int, additions: Additions) -> tuple[str, str, str]:
        if place < len(self._metas):
            return self._metas[place]
        return list(additions.metas)[place - len(self._metas)]

    def _meta_place(self, meta: tuple[str, str, str], additions: Additions) -> int:
        place = self._meta_places.get(meta)
        if place is None:
            _check_text(meta)
            place = additions.metas.setdefault(meta, len(self._metas) + len(additions.metas))
        return place

    def _metric(self, name: str) -> Metric:
        place = self._metrics.get(name)
        if place is None:
            return Metric(name)
        kind, unit, help_ = self._metas[place]
        return Metric(name, Kind(kind), unit, help_)

    def _make(self, ref: int) -> Series:
        start, end = self._offsets.view[ref : ref + 2].tolist()
        (_, name), *labels = [self._pairs.pair(code) for code in self._codes.view[start:end]]
        series = Series(self._metric(name), tuple(labels))
        self._objects.put(ref, series)
        return series

    def _sort_ids(self) -> None:
        ids = self._ids.view
        order = np.argsort(ids)
        self._sorted_ids: NDArray[Any] = ids[order]
        self._sorted_refs: NDArray[Any] = order.astype(np.uint32)
        self._recent = {}

    def _having(self, choice: Choice, postings: Postings, count: int) -> Bools:
        """A mask of the refs below `count` that meet a choice."""
        mask = np.zeros(count, np.bool_)
        codes = choice.codes
        if len(codes):
            known = codes[codes < len(postings.offsets) - 1]
            starts = postings.offsets[known]
            ends = postings.offsets[known + 1]
            if len(known) <= FEW:
                for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
                    mask[postings.refs[start:end]] = True
            else:
                mask[postings.refs[ranges(starts, ends - starts)]] = True
            self._mark_recent(mask, codes, postings.covers)
        return ~mask if choice.excludes else mask

    def _mark_recent(self, mask: Bools, codes: Codes, covers: int) -> None:
        """The refs that the postings do not have yet."""
        offsets = self._offsets.view[covers : len(mask) + 1]
        if len(offsets) < 2:
            return
        recent = self._codes.view[offsets[0] : offsets[-1]]
        hits = recent == codes[0] if len(codes) == 1 else np.isin(recent, codes)
        places = np.flatnonzero(hits) + offsets[0]
        mask[covers + np.searchsorted(offsets, places, side="right") - 1] = True

    def _current_postings(self) -> Postings:
        with self._postings_lock:
            covers = self._postings.covers
            count = len(self._alive)
            offsets = self._offsets.view
            done, links = int(offsets[covers]), int(offsets[count])
            if links - done > max(RECENT_LINKS, done // 4):
                self._postings = _postings(offsets[: count + 1], self._codes.view[:links])
            return self._postings


def _postings(offsets: NDArray[np.int64], codes: NDArray[np.uint32]) -> Postings:
    count = len(offsets) - 1
    refs = np.repeat(np.arange(count, dtype=np.uint64), np.diff(offsets))
    keys = (codes.astype(np.uint64) << np.uint64(32)) | refs
    keys.sort()
    sizes = np.bincount(codes).astype(np.int64)
    return Postings(offsets_of(sizes), keys.astype(np.uint32), count)


def _check_text(texts: tuple[str, ...]) -> None:
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Permanent(f"not valid Unicode text: {text!a}") from None
