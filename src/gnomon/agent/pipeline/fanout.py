"""Copies each batch into the buffer of every sink; no sink can hold up another.

A buffer that refuses (disk full) costs only its own sink: the refusal is counted and shown. A
listener that must not lose what it acknowledges learns of it by `Full`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from gnomon.buffer.interface import Buffer
from gnomon.core.component import Processor
from gnomon.core.errors import Full
from gnomon.core.model import Batch
from gnomon.core.telemetry import Telemetry, counter

REFUSED = counter(
    "gnomon.buffer.refused", "Samples a buffer could not take (disk full).", unit="sample"
)


class Fanout:
    """Processors, then buffers. The set may be changed while batches pass."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._lock = threading.Lock()
        self._processors: Sequence[Processor] = ()
        self._buffers: Mapping[str, Buffer] = {}

    def set_processors(self, processors: Sequence[Processor]) -> None:
        """Replaces the processors; they apply in order."""
        self._processors = tuple(processors)

    def attach(self, name: str, buffer: Buffer) -> None:
        """Adds or replaces the buffer of a sink."""
        with self._lock:
            self._buffers = {**self._buffers, name: buffer}

    def detach(self, name: str) -> None:
        """Removes the buffer of a sink."""
        with self._lock:
            self._buffers = {key: held for key, held in self._buffers.items() if key != name}

    def put(self, batch: Batch) -> None:
        """Into every buffer; raises `Full` when one refused, after the others were served."""
        for processor in self._processors:
            batch = processor.process(batch)
        if not batch:
            return
        refused: Full | None = None
        for name, buffer in self._buffers.items():
            try:
                buffer.put(batch)
            except Full as error:
                refused = error
                self._telemetry.value(REFUSED, sink=name).add(len(batch))
        if refused is not None:
            raise refused
