"""Which blocks should become one, and into which spans late samples are sorted. Pure.

Spans of three lengths, aligned: a bucket (an hour), 24 and 720 of them. Blocks of a bucket that
got late samples are merged; the hours of a day that is over become one block, unless they are too
large; imported history, which may touch every hour of a year, is sorted into the shortest spans of
which it touches only a few, and merged when there are several blocks of such a span.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from gnomon.server.store.duckdb.blocks import Block
from gnomon.server.store.duckdb.rows import Int64s

LEVELS = (1, 24, 720)
"""Lengths of spans, in buckets."""
SPANS = 48
"""Up to so many blocks are made of one late table."""
MERGED_ROWS = 8_000_000
"""The largest block; a merge is done in memory."""
SETTLED = 2
"""A day is merged so many buckets after its end."""
ENOUGH = {1: 2, 24: 2, 720: 8}
"""From how many blocks of a span on they are merged."""


def span_length(timestamps: Int64s, size: int) -> int:
    """The length (ms) of the spans into which samples should be cut; `size`: of a bucket, ms."""
    lengths = [size * level for level in LEVELS]
    while len(np.unique(timestamps // lengths[0])) > SPANS:
        # Beyond the longest level only times that are wrong anyway are left.
        length = lengths.pop(0)
        lengths = lengths or [12 * length]
    return lengths[0]


def mergeable(
    blocks: Sequence[Block], size: int, now: int, retention: int = 0
) -> Iterator[list[Block]]:
    """Groups of blocks to be merged, each in the order of sequence; no block is in two.

    Blocks are dropped whole, so none is made longer than a fourth of the retention (ms; 0 = kept
    for ever).

    Only neighbours in sequence are merged where blocks overlap: another block between them would
    have to win over the one and lose to the other.
    """
    taken: set[str] = set()
    for level in LEVELS:
        length = size * level
        if level > 1 and 0 < retention < 4 * length:
            break
        spans: defaultdict[int, list[Block]] = defaultdict(list)
        for block in blocks:
            if block.first // length == block.last // length and block.file not in taken:
                spans[block.first // length].append(block)
        for number, group in sorted(spans.items()):
            over = (number + 1) * length + SETTLED * size <= now
            if (
                len(group) >= ENOUGH[level]
                and (level == 1 or over)
                and sum(block.rows for block in group) <= MERGED_ROWS
                and not _crossed(group, blocks)
            ):
                taken.update(block.file for block in group)
                yield group


def _crossed(group: Sequence[Block], blocks: Sequence[Block]) -> bool:
    """Whether a block that overlaps stands between those of the group."""
    low, high = group[0].sequence, group[-1].sequence
    first = min(block.first for block in group)
    last = max(block.last for block in group)
    members = {block.file for block in group}
    return any(
        low < block.sequence < high and block.first <= last and block.last >= first
        for block in blocks
        if block.file not in members
    )
