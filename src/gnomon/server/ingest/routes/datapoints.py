"""`POST /openapi/v2/datapoints`: data points from shell scripts; see `codecs/datapoints.py`.

Good items are stored, bad ones named by their index; a 2xx means durable.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from gnomon.codecs import datapoints
from gnomon.codecs.datapoints import Decoded
from gnomon.core.errors import LimitExceeded
from gnomon.core.model import Batch, Sample
from gnomon.server.ingest.answer import as_json
from gnomon.server.ingest.interface import Ingest
from gnomon.server.store.interface import Write

NAME = "datapoints"
MOST_NAMED = 1000
"""Items named in an answer; all are counted."""


def component(ingest: Ingest) -> Sequence[BaseRoute]:
    """The route, also with a slash at its end."""

    async def handle(request: Request) -> Response:
        async with ingest.bodies.read(request) as body:
            if len(body) > datapoints.LARGEST:
                raise LimitExceeded(f"the body is larger than {datapoints.LARGEST} bytes")
            decoded = await ingest.compute(read, body)
        rejected = decoded.rejected
        if rejected:
            example = "item {}: {}".format(*rejected[0])
            ingest.count_dropped(NAME, {"malformed": len(rejected)}, example)
        if decoded.samples:
            await ingest.store(NAME, [Write(Batch.of(sample for _, sample in decoded.samples))])
        return _answer(decoded)

    def read(body: bytes) -> Decoded:
        return _within_limits(ingest, datapoints.decode(body, ingest.clock.now()))

    path = "/openapi/v2/datapoints"
    return [ingest.route(NAME, spelled, handle) for spelled in (path, f"{path}/")]


def _within_limits(ingest: Ingest, decoded: Decoded) -> Decoded:
    """What is over a limit is rejected like any other bad item."""
    admit = ingest.admission.admit
    if not admit(Batch.of(sample for _, sample in decoded.samples)).dropped:
        return decoded
    kept: list[tuple[int, Sample]] = []
    rejected = [*decoded.rejected]
    for index, sample in decoded.samples:
        _, dropped, reason = admit(Batch.of([sample]))
        if dropped:
            rejected.append((index, reason))
        else:
            kept.append((index, sample))
    return Decoded(kept, sorted(rejected))


def _answer(decoded: Decoded) -> Response:
    """202 when anything was stored, else 400: a script that only looks at the status must see it."""
    named = decoded.rejected[:MOST_NAMED]
    said = {
        "status": "ok" if decoded.samples else "error",
        "accepted": len(decoded.samples),
        "rejected": [{"index": index, "reason": reason} for index, reason in named],
    }
    return as_json(said, 202 if decoded.samples else 400)
