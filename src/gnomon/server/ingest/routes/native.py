"""`POST /api/v1/batches`: what agents send; see `docs/specs/native-wire.md`.

Each batch of a body is stored with its mark in one transaction, so a body may come again, whole or
split otherwise, and nothing is stored twice. Answers: 204 durable · 400 malformed · 409 begin a new
dictionary and send again · 413 over a limit, send fewer batches at once · 429 or 503 come again
after `Retry-After`.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from gnomon.codecs import native
from gnomon.core.component import Entry
from gnomon.core.errors import DecodeError
from gnomon.core.model import Batch, Series
from gnomon.core.telemetry import gauge
from gnomon.server.ingest.answer import Answer
from gnomon.server.ingest.interface import Ingest
from gnomon.server.ingest.limits import Limits
from gnomon.server.ingest.sessions import Sessions
from gnomon.server.store.interface import Write

SESSIONS = gauge("gnomon.ingest.sessions", "Dictionaries of agents that are remembered.")
SERIES = gauge("gnomon.ingest.session_series", "Series in the dictionaries of agents.")


def component(ingest: Ingest) -> Sequence[BaseRoute]:
    """The route of the native wire."""
    sessions = Sessions(wire_limits(ingest.limits), ingest.limits.session_series)
    ingest.telemetry.observe(SESSIONS, lambda: len(sessions))
    ingest.telemetry.observe(SERIES, lambda: sessions.series)

    async def handle(request: Request) -> Response:
        if request.headers.get("content-type") != native.CONTENT_TYPE:
            raise DecodeError(f"expected Content-Type: {native.CONTENT_TYPE}")
        async with ingest.bodies.read(request) as body:
            writes = await ingest.compute(read, body)
        await ingest.store("batches", writes)
        return Response(status_code=204)

    def read(body: bytes) -> list[Write]:
        try:
            entries = sessions.decode(body)
        except native.UnknownDictionary:
            raise Answer(409, "unknown_dictionary", "unknown_dictionary") from None
        return joined([admitted(ingest, entry) for entry in entries])

    return [ingest.route("batches", "/api/v1/batches", handle)]


def admitted(ingest: Ingest, entry: Entry) -> Entry:
    """The batch without the series beyond the limits: one offender does not cost the others."""
    batch, dropped, example = ingest.admission.admit(entry.batch)
    if dropped:
        ingest.count_dropped("batches", dropped, f"agent {entry.mark.agent}: {example}")
    return Entry(entry.mark, batch)


def joined(entries: Sequence[Entry]) -> list[Write]:
    """All samples as one write with many marks: what a write costs the store is paid once.

    Batches with events stay by themselves. Samples that come again change nothing, but events do,
    so the store must know for each of these batches whether it was there before.
    """
    writes = [Write(entry.batch, (entry.mark,)) for entry in entries if entry.batch.events]
    plain = [entry for entry in entries if not entry.batch.events]
    if plain:
        batch = plain[0].batch if len(plain) == 1 else _concatenated([e.batch for e in plain])
        writes.append(Write(batch, [entry.mark for entry in plain]))
    return writes


def _concatenated(batches: Sequence[Batch]) -> Batch:
    table: dict[Series, int] = {}
    rows_of: dict[int, list[int]] = {}  # by identity: batches of one shape share their series
    index, timestamps, values = array("I"), array("q"), array("d")
    for batch in batches:
        rows = rows_of.get(id(batch.series))
        if rows is None:
            rows = [table.setdefault(series, len(table)) for series in batch.series]
            rows_of[id(batch.series)] = rows
        index.extend(map(rows.__getitem__, batch.index))
        timestamps.extend(batch.timestamps)
        values.extend(batch.values)
    return Batch(list(table), index, timestamps, values)


def wire_limits(limits: Limits) -> native.Limits:
    """Bounds of the decoder: wider than those of a series, which are held in `admitted`."""
    return native.Limits(
        decompressed=limits.decompressed,
        series=limits.series_per_request,
        label_length=16 * limits.label_length,
        labels_per_series=4 * limits.labels_per_series,
    )
