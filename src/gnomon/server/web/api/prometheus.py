"""Prometheus' HTTP API for reading: what Grafana, promtool and scripts ask.

Differences from Prometheus: a query window can be aligned (`points`, `align`, `tz`; see
`docs/reference/promql.md`), and a metric is found by the name it was stored under as well as by its
classic form. Queries run on threads of their own; one that takes too long, or whose asker has gone,
is stopped.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gnomon.core.clock import Clock
from gnomon.core.errors import GnomonError
from gnomon.core.model import NAME_LABEL, Kind, Metric
from gnomon.core.telemetry import counter
from gnomon.server.ingest.answer import failure
from gnomon.server.query.promql.encoding import encode_metric, encode_result
from gnomon.server.query.promql.engine import Answer, Engine
from gnomon.server.query.promql.errors import Canceled, ParseError, QueryError, TimedOut
from gnomon.server.query.promql.outline import outline
from gnomon.server.query.promql.parser import parse, parse_selector
from gnomon.server.query.promql.printer import pretty
from gnomon.server.query.promql.value import Samples, Vector
from gnomon.server.query.select import Resolved, Selector, classic
from gnomon.server.store.interface import Matcher
from gnomon.server.web.api.parameters import BadParameter, Parameters, read_parameters
from gnomon.server.web.context import Server

QUERIES = counter("gnomon.query.queries", "PromQL queries, by outcome.")
SECONDS = counter("gnomon.query.time", "Time spent on PromQL queries.", "second")
SAMPLES = counter("gnomon.query.samples", "Samples read by PromQL queries.")

TIMEOUT = 120.0
"""Seconds a query may take, and the most a `timeout` parameter can ask for."""
_THREADS = min(8, (os.cpu_count() or 1) + 2)
_CODES = {"bad_data": 400, "execution": 422, "timeout": 503, "canceled": 499}
_COMPRESS_FROM = 2048
_TRUNCATED = "results truncated due to limit"
_TYPES = {Kind.RATE: Kind.GAUGE, Kind.COUNT: Kind.GAUGE}
"""What our kinds are called in a vocabulary that has no word for them."""

T = TypeVar("T")
Handler = Callable[["Api", Parameters, "Stop"], bytes]


class Stop:
    """Ends a query when its time is up or nobody waits any more."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._deadline = clock.monotonic() + seconds
        self._seconds = seconds
        self.gone = threading.Event()

    def __call__(self) -> None:
        """Raises `Canceled` or `TimedOut`."""
        if self.gone.is_set():
            raise Canceled("query was canceled: the client has gone")
        if self._clock.monotonic() >= self._deadline:
            raise TimedOut(f"query timed out after {self._seconds:g} s")


class Api(NamedTuple):
    """What the handlers share."""

    server: Server
    selector: Selector
    engine: Engine
    threads: ThreadPoolExecutor


def routes(server: Server) -> list[BaseRoute]:
    """All paths under `/api/v1` that read."""
    selector = Selector(server.store)
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="promql")
    api = Api(server, selector, Engine(selector), threads)
    both, get = ["GET", "POST"], ["GET"]
    table: tuple[tuple[str, Handler, list[str]], ...] = (
        ("query", query, both),
        ("query_range", query_range, both),
        ("query_exemplars", query_exemplars, both),
        ("format_query", format_query, both),
        ("parse_query", parse_query, both),
        ("series", series, both),
        ("labels", labels, both),
        ("label/{name}/values", label_values, get),
        ("metadata", metadata, get),
        ("rules", rules, get),
        ("alerts", alerts, get),
        ("targets", targets, get),
        ("alertmanagers", alertmanagers, get),
    )
    return [
        Route(f"/api/v1/{path}", _endpoint(api, handler), methods=methods, name=handler.__name__)
        for path, handler, methods in table
    ]


# --- handlers: parameters to the JSON of the answer, on a worker thread


def query(api: Api, given: Parameters, stop: Stop) -> bytes:
    """`query`, `time`: the value at one time."""
    time = given.time("time", api.server.clock.now())
    engine = _engine(api, given)
    return _answered(api, given, lambda text: engine.instant(text, time, stop))


def query_range(api: Api, given: Parameters, stop: Stop) -> bytes:
    """`query`, `start`, `end`, `step`: the value at many times."""
    start, end, step = given.window()
    engine = _engine(api, given)
    return _answered(api, given, lambda text: engine.range(text, start, end, step, stop))


def query_exemplars(api: Api, given: Parameters, stop: Stop) -> bytes:
    """None are kept."""
    del api, stop
    parse(given.text("query"))
    return _success(b"[]")


def format_query(api: Api, given: Parameters, stop: Stop) -> bytes:
    """`query`: laid out for reading."""
    del api, stop
    return _success(msgspec.json.encode(pretty(parse(given.text("query")))))


def parse_query(api: Api, given: Parameters, stop: Stop) -> bytes:
    """`query`: its tree."""
    del api, stop
    return _success(msgspec.json.encode(outline(parse(given.text("query")))))


def series(api: Api, given: Parameters, stop: Stop) -> bytes:
    """`match[]`, `start`, `end`, `limit`: label sets."""
    del stop
    selectors = _selectors(given)
    if not selectors:
        raise BadParameter("no match[] parameter provided")
    start, end = given.bounds()
    found: dict[tuple[str, object], str] = {}
    for matchers in selectors:
        for name, pairs in api.selector.series(matchers, start, end):
            found[name, pairs] = encode_metric(name, pairs)
    texts, warnings = _limited([found[key] for key in sorted(found, key=str)], given)
    return _success(f"[{','.join(texts)}]".encode(), warnings)


def labels(api: Api, given: Parameters, stop: Stop) -> bytes:
    """`match[]`, `start`, `end`, `limit`: names of labels."""
    del stop
    start, end = given.bounds()
    found: set[str] = set()
    for resolved in _resolved(api, given):
        found.update(api.server.store.label_names(resolved.matchers, start, end))
    names, warnings = _limited(sorted(found), given)
    return _success(msgspec.json.encode(names), warnings)


def label_values(api: Api, given: Parameters, stop: Stop) -> bytes:
    """`match[]`, `start`, `end`, `limit`: values of one label."""
    del stop
    name = _unescaped(given.path["name"])
    start, end = given.bounds()
    found: set[str] = set()
    for resolved in _resolved(api, given):
        values = api.server.store.label_values(name, resolved.matchers, start, end)
        found.update(
            resolved.renamed.get(value, value) for value in values
        ) if name == NAME_LABEL else found.update(values)
    values, warnings = _limited(sorted(found), given)
    return _success(msgspec.json.encode(values), warnings)


def metadata(api: Api, given: Parameters, stop: Stop) -> bytes:
    """`metric`, `limit`: type, unit and help of metrics."""
    del stop
    wanted = given.get("metric")
    limit = given.limit()
    about: dict[str, list[dict[str, str]]] = {}
    for metric in api.server.store.metrics():
        if wanted and wanted not in (metric.name, classic(metric.name)):
            continue
        if limit and len(about) >= limit:
            break
        about[metric.name] = [_about(metric)]
    return _success(msgspec.json.encode(about))


def rules(api: Api, given: Parameters, stop: Stop) -> bytes:
    """No rule is evaluated here."""
    del api, given, stop
    return _success(b'{"groups":[]}')


def alerts(api: Api, given: Parameters, stop: Stop) -> bytes:
    """No rule is evaluated here."""
    del api, given, stop
    return _success(b'{"alerts":[]}')


def targets(api: Api, given: Parameters, stop: Stop) -> bytes:
    """Nothing is scraped: agents send."""
    del api, given, stop
    return _success(b'{"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":{}}')


def alertmanagers(api: Api, given: Parameters, stop: Stop) -> bytes:
    """Alerts are not sent on to others."""
    del api, given, stop
    return _success(b'{"activeAlertmanagers":[],"droppedAlertmanagers":[]}')


# --- what they have in common


def _engine(api: Api, given: Parameters) -> Engine:
    """The engine, with another look-back if one is asked for."""
    if not given.get("lookback_delta"):
        return api.engine
    lookback = round(given.seconds("lookback_delta", 0.0) * 1000)
    if lookback <= 0:
        raise BadParameter('invalid parameter "lookback_delta": expected more than 0')
    return Engine(api.selector, api.engine.limits, lookback=lookback)


def _answered(api: Api, given: Parameters, ask: Callable[[str], Answer]) -> bytes:
    clock, telemetry = api.server.clock, api.server.telemetry
    begun = clock.monotonic()
    outcome = "failed"
    try:
        answer = ask(given.text("query"))
        outcome = "answered"
    except QueryError as error:
        outcome = error.error_type
        raise
    finally:
        spent = clock.monotonic() - begun
        telemetry.value(QUERIES, outcome=outcome).add()
        telemetry.value(SECONDS).add(spent)
    telemetry.value(SAMPLES).add(answer.statistics.samples)
    answer, cut = _cut(answer, given.limit())
    body = b'{"resultType":"%s","result":%s' % (answer.kind.encode(), encode_result(answer))
    if given.get("stats"):
        body += b',"stats":' + msgspec.json.encode(_statistics(answer, spent))
    return _success(body + b"}", [*answer.warnings, *cut], answer.infos)


def _cut(answer: Answer, limit: int) -> tuple[Answer, list[str]]:
    """At most so many series, and what to say about the rest."""
    value = answer.value
    if not limit or not isinstance(value, Vector | Samples) or len(value.names) <= limit:
        return answer, []
    if isinstance(value, Vector):
        return answer._replace(value=value.take(range(limit))), [_TRUNCATED]
    kept = value._replace(
        names=value.names[:limit], labels=value.labels[:limit], offsets=value.offsets[: limit + 1]
    )
    return answer._replace(value=kept), [_TRUNCATED]


def _statistics(answer: Answer, seconds: float) -> dict[str, dict[str, float]]:
    touched = answer.statistics
    return {
        "timings": {
            "evalTotalTime": seconds,
            "resultSortTime": 0,
            "queryPreparationTime": 0,
            "innerEvalTime": seconds,
            "execQueueTime": 0,
            "execTotalTime": seconds,
        },
        "samples": {
            "totalQueryableSamples": touched.samples,
            "samplesRead": touched.samples,
            "peakSamples": touched.peak_cells,
            "series": touched.series,
        },
    }


def _resolved(api: Api, given: Parameters) -> Iterable[Resolved]:
    """What to ask the store for each `match[]`; everything when there is none."""
    selectors = _selectors(given)
    if not selectors:
        return [Resolved((), {})]
    resolved = [api.selector.resolve(matchers) for matchers in selectors]
    return [one for one in resolved if one is not None]


def _selectors(given: Parameters) -> list[Sequence[Matcher]]:
    """All `match[]`."""
    try:
        return [parse_selector(text) for text in given.every("match[]")]
    except ParseError as error:
        raise BadParameter(f'invalid parameter "match[]": {error}') from None


def _limited(items: list[T], given: Parameters) -> tuple[list[T], list[str]]:
    limit = given.limit()
    return (items[:limit], [_TRUNCATED]) if limit and len(items) > limit else (items, [])


def _about(metric: Metric) -> dict[str, str]:
    kind = _TYPES.get(metric.kind, metric.kind)
    return {"type": str(kind), "help": metric.help, "unit": metric.unit}


def _unescaped(name: str) -> str:
    """A label name as a path may carry it: `U__foo_2e_bar` is `foo.bar`."""
    if not name.startswith("U__"):
        return name
    parts = name[3:].replace("__", "\0").split("_")
    try:
        decoded = [chr(int(part, 16)) if at % 2 else part for at, part in enumerate(parts)]
    except (ValueError, OverflowError):
        return name
    return "".join(decoded).replace("\0", "_")


def _success(data: bytes, warnings: Sequence[str] = (), infos: Sequence[str] = ()) -> bytes:
    body = b'{"status":"success","data":' + data
    for word, remarks in ((b"warnings", warnings), (b"infos", infos)):
        if remarks:
            body += b',"' + word + b'":' + msgspec.json.encode(list(remarks))
    return body + b"}"


def _endpoint(api: Api, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            given = await read_parameters(request)
            body = await _run(api, handler, given, request)
        except BadParameter as error:
            return failure(400, "bad_data", str(error))
        except ParseError as error:
            return failure(400, "bad_data", f'invalid parameter "query": {error}')
        except QueryError as error:
            return failure(_CODES[error.error_type], error.error_type, str(error))
        except GnomonError as error:
            return failure(500, "internal", str(error))
        return _compressed(request, body)

    return endpoint


async def _run(api: Api, handler: Handler, given: Parameters, request: Request) -> bytes:
    stop = Stop(api.server.clock, min(TIMEOUT, given.seconds("timeout", TIMEOUT)))
    watching = asyncio.create_task(_watch(request, stop))
    try:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(api.threads, handler, api, given, stop)
    finally:
        watching.cancel()


async def _watch(request: Request, stop: Stop) -> None:
    """Waits for the client to go, which is all that may still come from it."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    stop.gone.set()


def _compressed(request: Request, body: bytes) -> Response:
    headers = {"Vary": "Accept-Encoding"}
    if len(body) >= _COMPRESS_FROM and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, compresslevel=1)
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type="application/json", headers=headers)
