"""Bodies: what an agent posts, and what the server makes of it. Format: docs/specs/native-wire.md."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence

import msgspec

from gnomon.codecs.native import columns
from gnomon.codecs.native.columns import Columns
from gnomon.codecs.native.compression import compress, decompress
from gnomon.codecs.native.dictionary import Definitions, Dictionary, Table, pick
from gnomon.codecs.native.limits import DEFAULTS, Limits, integers, packed
from gnomon.core.errors import DecodeError
from gnomon.core.model import Entry, Mark, Metric

MAGIC = b"GNW\x01"
"""Begins each body; its last byte is the version."""
CONTENT_TYPE = "application/vnd.gnomon.batches"
"""Of a body in HTTP."""
MAX_SERIES = 100_000
"""An encoder begins a new session beyond so many series; half of what a decoder takes."""

_WORD = (1 << 64) - 1


class Marks(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The marks of the batches, in runs of consecutive sequences."""

    agents: msgspec.Raw
    """The text of the agent id of each run."""
    epochs: msgspec.Raw
    sequences: msgspec.Raw
    """First sequence of each run."""
    lengths: msgspec.Raw
    """Batches in each run."""


class Payload(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What is compressed in a body."""

    session: int
    """Drawn at random (63 bits) with each new dictionary."""
    definitions: Definitions
    marks: Marks
    columns: Columns


_encode = msgspec.msgpack.Encoder().encode
_payloads = msgspec.msgpack.Decoder(Payload)


def random_session() -> int:
    """63 bits that nobody guesses."""
    return secrets.randbits(63)


class Encoder:
    """The agent's side: one session after the other. Not to be shared between threads.

    A body counts as sent once it was made: if sending fails, send the *same bytes* again. If the
    other side answers that it does not know the dictionary, `reset` and encode anew.
    """

    def __init__(
        self, max_series: int = MAX_SERIES, new_session: Callable[[], int] = random_session
    ) -> None:
        """Begins a new session by itself when the dictionary exceeds `max_series`."""
        self._max_series = max_series
        self._new_session = new_session
        self.reset()

    def reset(self) -> None:
        """Begins a new session with an empty dictionary."""
        self.session = self._new_session()
        self._dictionary = Dictionary()

    def encode(self, entries: Sequence[Entry]) -> bytes:
        """One body."""
        if self._dictionary.exceeds(self._max_series):
            self.reset()
        marks = _pack_marks([entry.mark for entry in entries], self._dictionary)
        packed_columns = columns.pack([entry.batch for entry in entries], self._dictionary)
        payload = Payload(self.session, self._dictionary.take(), marks, packed_columns)
        return MAGIC + compress(_encode(payload))


class Decoder:
    """The server's side of one session. Not to be shared between threads while it defines."""

    def __init__(
        self, limits: Limits = DEFAULTS, shared: dict[Metric, Metric] | None = None
    ) -> None:
        """`shared` lets many sessions hold one object for the same metric."""
        self._limits = limits
        self._shared = shared
        self._session: int | None = None
        self._table = Table(limits, shared)

    def __len__(self) -> int:
        """How many series are known."""
        return len(self._table.series)

    def decode(self, body: bytes) -> list[Entry]:
        """All entries of a body; the same ones each time. Raises `DecodeError`."""
        payload = open_body(body, self._limits)
        self.define(payload)
        return self.entries(payload)

    def define(self, payload: Payload) -> None:
        """Takes in the definitions of a body.

        Another session than that of the body before begins with an empty dictionary. Raises
        `UnknownDictionary` if definitions before those of the body are missing.
        """
        if payload.session != self._session:
            self._table = Table(self._limits, self._shared)
            self._session = payload.session
        self._table.define(payload.definitions)

    def entries(self, payload: Payload) -> list[Entry]:
        """The entries of a body whose definitions were taken in."""
        batches = columns.unpack(payload.columns, self._table, self._limits)
        marks = _unpack_marks(payload.marks, len(batches), self._table, self._limits)
        return list(map(Entry, marks, batches))


def open_body(body: bytes, limits: Limits = DEFAULTS) -> Payload:
    """Checks the header, decompresses within the limit and splits into parts, reading none."""
    if body[: len(MAGIC)] != MAGIC:
        raise DecodeError("not a body of this wire, or of a version that is not known here")
    raw = decompress(memoryview(body)[len(MAGIC) :], limits.decompressed)
    try:
        return _payloads.decode(raw)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise DecodeError(f"a body of another structure: {error}") from None


def _pack_marks(marks: Iterable[Mark], dictionary: Dictionary) -> Marks:
    agents: list[int] = []
    epochs: list[int] = []
    sequences: list[int] = []
    lengths: list[int] = []
    expected = None
    for mark in marks:
        if mark != expected:
            agents.append(dictionary.text(mark.agent))
            epochs.append(mark.epoch)
            sequences.append(mark.sequence)
            lengths.append(0)
        lengths[-1] += 1
        expected = mark._replace(sequence=mark.sequence + 1)
    return Marks(packed(agents), packed(epochs), packed(sequences), packed(lengths))


def _unpack_marks(marks: Marks, count: int, table: Table, limits: Limits) -> list[Mark]:
    agents = integers(marks.agents, limits.samples, "marks")
    epochs = integers(marks.epochs, limits.samples, "marks")
    sequences = integers(marks.sequences, limits.samples, "marks")
    lengths = integers(marks.lengths, limits.samples, "marks")
    if (
        not len(agents) == len(epochs) == len(sequences) == len(lengths)
        or sum(lengths) != count
        or min(lengths, default=1) < 1
    ):
        raise DecodeError("the marks are not as many as the batches")
    unpacked: list[Mark] = []
    for agent, epoch, first, length in zip(agents, epochs, sequences, lengths, strict=True):
        if not 0 <= epoch <= _WORD >> 1 or not 0 < first <= (_WORD >> 1) - length:
            raise DecodeError(f"a mark with epoch {epoch} and sequence {first}")
        name = pick(table.texts, agent)
        unpacked += (Mark(name, epoch, sequence) for sequence in range(first, first + length))
    return unpacked
