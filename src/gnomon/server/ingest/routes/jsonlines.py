"""`POST /api/v1/import`: JSON lines as VictoriaMetrics has them; see `codecs/json_lines.py`.

The whole body is stored or nothing of it, and a 2xx means that it is durable. A body sent again
with the same `Idempotency-Key` is answered alike and stored once.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from gnomon.codecs import json_lines
from gnomon.core.model import Batch
from gnomon.server.ingest.answer import as_json
from gnomon.server.ingest.interface import Ingest
from gnomon.server.store.interface import Write


def component(ingest: Ingest) -> Sequence[BaseRoute]:
    """The import route."""

    async def handle(request: Request) -> Response:
        key = ingest.idempotency_key("import", request)
        async with ingest.bodies.read(request) as body:
            batch = await ingest.compute(read, body)
        (outcome,) = await ingest.store("import", [Write(batch, key=key)])
        counts = {"series": len(batch.series), "samples": len(batch), "outcome": outcome.value}
        return as_json(counts)

    def read(body: bytes) -> Batch:
        batch = json_lines.decode(body)
        ingest.admission.require(batch)
        return batch

    return [ingest.route("import", "/api/v1/import", handle)]
