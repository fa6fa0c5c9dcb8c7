"""`GET /api/v1/export`: raw samples as JSON lines, in the form that `/api/v1/import` takes.

The answer is a stream in bounded memory: metric after metric, and of each a stretch of time after
the other, shorter where there is much. So a series comes in several lines, in the order of time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from gnomon.codecs import json_lines
from gnomon.core.model import NAME_LABEL, Series
from gnomon.server.ingest.limits import LATEST
from gnomon.server.store.interface import Frame, Matcher, MatchOp, Store
from gnomon.server.web.context import Server
from gnomon.server.web.selecting import read_selectors
from gnomon.server.web.times import milliseconds

Selector = Sequence[Matcher]

EXAMPLE = '{__name__!=""} for all series'
WANTED = 200_000
"""Samples of a stretch, as far as they can be foreseen."""
AT_MOST = 2_000_000
"""Samples of a stretch, foreseen or not, of series with a sample every `USUAL` milliseconds."""
USUAL = 10_000
SHORTEST, LONGEST = 1000, 30 * 86_400_000
"""Milliseconds of a stretch."""
PIECE = 64 << 10
"""Bytes gathered before they are sent."""


def routes(server: Server) -> list[BaseRoute]:
    """The export route."""

    async def export(request: Request) -> Response:
        params = request.query_params
        texts = [*params.getlist("match[]"), *params.getlist("match")]
        selectors = await run_in_threadpool(read_selectors, texts, server.store, EXAMPLE)
        start, end = await run_in_threadpool(_range, request, server)
        about = params.get("metadata") in ("1", "true")
        lines = export_lines(server.store, selectors, start, end, about=about)
        return StreamingResponse(
            lines,
            media_type="application/stream+json",
            headers={"Cache-Control": "no-store"},
        )

    return [Route("/api/v1/export", export, methods=["GET"], name="export")]


def export_lines(
    store: Store, selectors: Sequence[Selector], start: int, end: int, *, about: bool
) -> Iterator[bytes]:
    """Pieces of the answer. A series that several selectors select comes once."""
    for position, selector in enumerate(selectors):
        before = selectors[:position]
        for name in store.label_values(NAME_LABEL, selector, start, end):
            own = [*selector, Matcher(NAME_LABEL, MatchOp.EQUAL, name)]
            for frame in _stretches(store, own, start, end):
                yield from _pieces(frame, before, about=about)


def _stretches(store: Store, selector: Selector, start: int, end: int) -> Iterator[Frame]:
    """Frames of about the same size that follow each other in time."""
    series = max(1, len(store.series(selector, start, end)))
    longest = min(max(AT_MOST * USUAL // series, SHORTEST), LONGEST)
    length = min(max(_foreseen(store, series), SHORTEST), longest)
    while start <= end:
        frame = store.raw(selector, start, min(end, start + length - 1))
        if len(frame.values):
            yield frame
        start += length
        if len(frame.values) > 2 * WANTED:
            length = max(length // 2, SHORTEST)
        elif len(frame.values) < WANTED // 4:
            length = min(length * 2, longest)


def _foreseen(store: Store, series: int) -> int:
    """How long so many series take for `WANTED` samples, if they are like the average one."""
    stats = store.stats()
    span = (stats.newest or 0) - (stats.oldest or 0)
    return WANTED * span * stats.series // max(1, stats.samples * series)


def _pieces(frame: Frame, before: Sequence[Selector], *, about: bool) -> Iterator[bytes]:
    gathered: list[bytes] = []
    size = 0
    for position, series in enumerate(frame.series):
        if any(_selects(selector, series) for selector in before):
            continue
        rows = slice(int(frame.offsets[position]), int(frame.offsets[position + 1]))
        line = json_lines.encode(
            series, frame.timestamps[rows].tolist(), frame.values[rows].tolist(), about=about
        )
        gathered.append(line)
        size += len(line)
        if size >= PIECE:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)


def _selects(selector: Selector, series: Series) -> bool:
    return all(matcher.matches(series.label(matcher.label)) for matcher in selector)


def _range(request: Request, server: Server) -> tuple[int, int]:
    """From `start` and `end`; without them, everything there is."""
    now, params = server.clock.now(), request.query_params
    stats = server.store.stats()
    start = stats.oldest or 0
    end = LATEST if stats.newest is None else stats.newest
    if params.get("start"):
        start = max(start, milliseconds(params["start"], now, "start"))
    if params.get("end"):
        end = min(end, milliseconds(params["end"], now, "end"))
    return start, end
