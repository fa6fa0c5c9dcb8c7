"""What a person may set about storage; the same names whatever engine is behind them."""

from __future__ import annotations

from gnomon.core.settings import Duration, Settings, Size


class StoreSettings(Settings, frozen=True, kw_only=True):
    """How much is kept, and what it may cost."""

    retention: Duration = Duration(90 * 86400)
    """How long samples are kept. History that is imported later stays for as long from its import
    on; 0 keeps everything."""
    memory: Size = Size(256 << 20)
    """Most memory the database engine takes for itself."""
    threads: int = 0
    """Threads of the database engine; 0 = one for each core, at most four."""
    bucket: Duration = Duration(3600)
    """Samples of one bucket of time are closed together into one sorted file."""
    grace: Duration = Duration(300)
    """How long after its end a bucket waits for samples that come late."""
    hot_rows: int = 6_000_000
    """Samples in memory that wait to be closed; beyond it buckets are closed before their time."""
    late_rows: int = 2_000_000
    """Late samples are sorted into their files when there are so many of them, or after an hour."""
    reserve: Size = Size(64 << 20)
    """Disk space left alone: with less, writes are refused and only upkeep goes on."""
    log: Size = Size(32 << 20)
    """Size of the write-ahead log from which on it is folded into the database."""
    mark_age: Duration = Duration(40 * 86400)
    """How long the marks of stored batches are remembered; longer than any buffer holds one."""
    series_cache: int = 300_000
    """Series kept as objects for speed; all others are made when they are asked for."""


class WriterSettings(Settings, frozen=True, kw_only=True):
    """Bounds of the queue before the store."""

    gather: Duration = Duration(0.005)
    """How long the first write of a group waits for others."""
    queue_samples: int = 2_000_000
    """Samples that may wait; beyond it a write is refused and the sender told to come again."""
    group_samples: int = 500_000
    """Samples of one transaction (one larger write is still one transaction)."""
    retry_after: Duration = Duration(2)
    """What a refused sender is told to wait."""
