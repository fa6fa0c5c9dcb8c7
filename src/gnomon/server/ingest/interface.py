"""What an ingest route is: a thin translation from one protocol to the store's `Write`.

A route module lives in `ingest/routes/`, names its factory `component`, and is reached through the
registry. The factory takes the `Ingest` and returns Starlette routes::

    def component(ingest: Ingest) -> list[BaseRoute]:
        async def handle(request: Request) -> Response:
            async with ingest.bodies.read(request) as body:
                batch = await ingest.compute(codec.decode, body)
            ingest.admission.require(batch)
            await ingest.store("mine", [Write(batch)])
            return Response(status_code=204)

        return [ingest.route("mine", "/my/path", handle)]

A handler raises `GnomonError`s; they are counted, and answered as `ingest/answer.py` says unless
the handler answers in its protocol's own form. A 2xx means durable.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gnomon.core.clock import Clock
from gnomon.core.errors import DecodeError, Full, GnomonError
from gnomon.core.telemetry import Telemetry, counter, gauge
from gnomon.server.ingest.answer import QueueFull, error_answer
from gnomon.server.ingest.body import Bodies
from gnomon.server.ingest.limits import Admission, Limits
from gnomon.server.store.interface import Outcome, Write
from gnomon.server.store.writer import Writer

REQUESTS = counter("gnomon.ingest.requests", "Requests by ingest route and status code.")
BYTES = counter("gnomon.ingest.bytes", "Bytes of request bodies as they came.", "byte")
SAMPLES = counter("gnomon.ingest.samples", "Samples stored, by ingest route.", "sample")
DUPLICATES = counter("gnomon.ingest.duplicates", "Samples that were stored before.", "sample")
DROPPED = counter("gnomon.ingest.dropped", "Samples left out, by limit.", "sample")
HELD = gauge("gnomon.ingest.held", "Bytes of request bodies held now.", "byte")

INLINE = 16 << 10
"""Bodies up to this size are decoded on the spot: a worker thread would cost more than it saves."""

LONGEST_KEY = 256
"""Characters of an `Idempotency-Key`."""

Handler = Callable[[Request], Awaitable[Response]]
T = TypeVar("T")


class Ingest:
    """What a route is handed: bodies, limits, the store, counting."""

    def __init__(
        self,
        writer: Writer,
        clock: Clock,
        telemetry: Telemetry,
        log: logging.Logger,
        limits: Limits | None = None,
        workers: int = 4,
    ) -> None:
        """`workers`: threads that decode at once."""
        self.clock = clock
        self.telemetry = telemetry
        self.log = log
        self.limits = limits or Limits()
        self.admission = Admission(self.limits)
        self.bodies = Bodies(self.limits, self.compute)
        self._writer = writer
        self._examples: dict[str, str] = {}
        self._threads = ThreadPoolExecutor(workers, "ingest")
        telemetry.observe(HELD, lambda: self.bodies.held)
        telemetry.observe(BYTES, lambda: self.bodies.received)

    async def compute(self, function: Callable[..., T], data: bytes, *args: object) -> T:
        """`function(data, *args)`, in a worker thread unless `data` is small."""
        if len(data) <= INLINE:
            return function(data, *args)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, function, data, *args)

    async def store(self, route: str, writes: Sequence[Write]) -> list[Outcome]:
        """Returns when all writes are durable.

        Raises `QueueFull` (answer 429), `Full` (503) or `Permanent` (400). After an error any of
        the writes may have been stored; who sends them again must use the same marks or key.
        """
        futures: list[asyncio.Future[Outcome]] = []
        refused: Full | None = None
        for write in writes:
            try:
                futures.append(asyncio.wrap_future(self._writer.submit(write)))
            except Full as error:
                refused = QueueFull(str(error), retry_after=error.retry_after)
                break
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
        for write, outcome in zip(writes, outcomes, strict=False):
            if isinstance(outcome, BaseException):
                raise outcome
            kind = SAMPLES if outcome is Outcome.STORED else DUPLICATES
            self.telemetry.value(kind, route=route).add(len(write.batch))
        if refused is not None:
            raise refused
        return [outcome for outcome in outcomes if isinstance(outcome, Outcome)]

    @staticmethod
    def idempotency_key(route: str, request: Request) -> str:
        """The value of `Idempotency-Key`, apart for each route, or "" for none."""
        key = request.headers.get("idempotency-key", "")
        if len(key) > LONGEST_KEY:
            raise DecodeError(f"Idempotency-Key: longer than {LONGEST_KEY} characters")
        return f"{route}:{key}" if key else ""

    def count_dropped(self, route: str, dropped: Mapping[str, int], example: str) -> None:
        """Samples that a limit left out; the same example is not logged again and again."""
        for reason, samples in dropped.items():
            self.telemetry.value(DROPPED, route=route, reason=reason).add(samples)
        if self._examples.get(route) != example:
            self._examples[route] = example
            self.log.warning("%s: samples left out: %s", route, example)

    def close(self) -> None:
        """Ends the worker threads. May be called twice."""
        self._threads.shutdown()

    def route(
        self, name: str, path: str, handle: Handler, methods: Sequence[str] = ("POST",)
    ) -> Route:
        """A route whose requests are counted under `name` and whose errors are answered."""

        async def endpoint(request: Request) -> Response:
            try:
                answer = await handle(request)
            except ClientDisconnect:
                answer = Response(status_code=499)  # nobody is there to read it; it is counted
            except (GnomonError, HTTPException) as error:
                answer = error_answer(error)
                self.log.debug("%s: %d: %s", path, answer.status_code, error)
            code = str(answer.status_code)
            self.telemetry.value(REQUESTS, route=name, code=code).add()
            return answer

        return Route(path, endpoint, methods=list(methods), name=f"ingest-{name}")


class Routes(Protocol):
    """The factory of a route module."""

    def __call__(self, ingest: Ingest) -> Sequence[BaseRoute]:
        """Routes for the one HTTP port."""
        ...
