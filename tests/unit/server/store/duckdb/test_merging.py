"""Which blocks become one."""

import numpy as np

from gnomon.server.store.duckdb.blocks import Block
from gnomon.server.store.duckdb.merging import MERGED_ROWS, mergeable, span_length

HOUR = 3_600_000
DAY = 24 * HOUR


def block(sequence: int, first: float, last: float, rows: int = 10) -> Block:
    """Times in hours."""
    return Block(f"{sequence}", sequence, int(first * HOUR), int(last * HOUR), rows, 0, 0, 9, 0)


def groups(*blocks: Block, now: float, retention: int = 0) -> list[list[int]]:
    found = mergeable(blocks, HOUR, int(now * HOUR), retention)
    return [[block.sequence for block in group] for group in found]


def test_blocks_of_one_bucket_are_merged_at_once():
    assert groups(block(1, 5.1, 5.9), block(2, 6.1, 6.2), block(3, 5.0, 5.5), now=7) == [[1, 3]]


def test_the_hours_of_a_day_are_merged_when_it_is_over():
    hours = [block(n + 1, n, n + 0.9) for n in range(24)]
    assert groups(*hours, now=25.9) == []
    assert groups(*hours, now=26) == [list(range(1, 25))]
    assert groups(*hours[:1], now=99) == []


def test_no_block_is_long_beside_the_retention():
    blocks = [block(1, 0, 0.5), block(2, 0, 0.5), block(3, 1, 1.5)]
    assert groups(*blocks, now=99, retention=4 * DAY) == [[1, 2]]
    assert groups(*blocks[1:], now=99, retention=4 * DAY) == [[2, 3]]
    assert groups(*blocks[1:], now=99, retention=4 * DAY - 1) == []


def test_large_blocks_are_left_alone():
    half = MERGED_ROWS // 2
    assert groups(block(1, 5, 5.5, half), block(2, 5, 5.5, half), now=6) == [[1, 2]]
    assert groups(block(1, 5, 5.5, half), block(2, 5, 5.5, half + 1), now=6) == []


def test_a_block_between_two_that_overlaps_forbids_their_merging():
    inside = block(2, 5.2, 5.3)
    across = block(2, 5.2, 30.0)
    apart = block(2, 6.0, 30.0)
    ends = block(1, 5.0, 5.4), block(3, 5.1, 5.9)
    assert groups(ends[0], inside, ends[1], now=6) == [[1, 2, 3]]
    assert groups(ends[0], across, ends[1], now=6) == []
    assert groups(ends[0], apart, ends[1], now=6) == [[1, 3]]


def test_a_month_waits_for_eight_blocks():
    days = [block(n + 1, n * 24, n * 24 + 23.9) for n in range(8)]
    assert groups(*days[:7], now=10_000) == []
    assert groups(*days, now=719) == []
    assert groups(*days, now=10_000) == [list(range(1, 9))]


def test_no_block_is_in_two_groups():
    blocks = [block(1, 0, 0.5), block(2, 0, 0.5), block(3, 1, 1.5), block(4, 2, 2.5)]
    assert groups(*blocks, now=100) == [[1, 2], [3, 4]]


def test_times_before_1970_are_spans_too():
    assert groups(block(1, -0.9, -0.5), block(2, -0.4, -0.1), block(3, 0.1, 0.2), now=9) == [[1, 2]]


def test_late_samples_are_cut_into_few_spans():
    assert span_length(np.arange(48) * HOUR, HOUR) == HOUR
    assert span_length(np.arange(49) * HOUR, HOUR) == DAY
    assert span_length(np.arange(49) * DAY, HOUR) == 30 * DAY
    nonsense = np.random.default_rng(0).integers(-(1 << 59), 1 << 59, 1000)
    assert len(np.unique(nonsense // span_length(nonsense, HOUR))) <= 48
    assert span_length(np.array([0, 50 * 365 * DAY]), HOUR) == HOUR
