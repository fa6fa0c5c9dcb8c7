"""The server's health, its own metrics, and its status in one object.

`/-/healthy`, `/-/ready`, `/metrics`, `/api/v1/status` (ours, see `docs/reference/http-api.md`) and
`/api/v1/status/{buildinfo,runtimeinfo,flags,tsdb}` as Prometheus' clients ask for them.
"""

from __future__ import annotations

import os
import platform
import threading
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from gnomon import __version__
from gnomon.codecs import prometheus_text
from gnomon.core.settings import dotted
from gnomon.server.ingest.answer import as_json, failure, success
from gnomon.server.web.context import Server

PROMETHEUS_API = "2.53.0"
"""The Prometheus whose HTTP API is answered here. Clients such as Grafana choose by it what they
may ask for, so it is not our own version."""

_QUEUE = "gnomon.store.queue."
_LOSSES = (".dropped", ".refused", ".denied")


def routes(server: Server) -> list[BaseRoute]:
    """All of the above."""

    async def healthy(request: Request) -> Response:
        del request
        return PlainTextResponse("ok\n")

    async def ready(request: Request) -> Response:
        del request
        await run_in_threadpool(server.store.stats)
        return PlainTextResponse("ready\n")

    async def metrics(request: Request) -> Response:
        del request
        samples = server.telemetry.samples(server.clock.now())
        body = prometheus_text.encode(samples)
        return Response(body, media_type=prometheus_text.CONTENT_TYPE)

    async def status(request: Request) -> Response:
        del request
        return as_json(await run_in_threadpool(document, server))

    async def part(request: Request) -> Response:
        make = _PARTS.get(request.path_params["part"])
        if make is None:
            return failure(404, "not_found", f"one of {', '.join(_PARTS)}")
        return success(await run_in_threadpool(make, server))

    return [
        Route("/-/healthy", healthy, name="healthy"),
        Route("/-/ready", ready, name="ready"),
        Route("/metrics", metrics, name="metrics"),
        Route("/api/v1/status", status, name="status"),
        Route("/api/v1/status/{part}", part, name="status-part"),
    ]


def document(server: Server) -> dict[str, Any]:
    """The status object."""
    now = server.clock.now()
    samples = server.telemetry.samples(now)
    metrics = {_label(one.series.name, one.series.labels): one.value for one in samples}
    return {
        "version": __version__,
        "hostname": platform.node(),
        "pid": os.getpid(),
        "started": server.started,
        "now": now,
        "listen": server.settings.get("listen", ""),
        "store": msgspec.to_builtins(server.store.stats()),
        "limits": server.settings.get("limits", {}),
        "agents": [
            {"agent": agent.agent, "host": agent.host, "received": agent.received}
            for agent in server.inventory.agents()
        ],
        "queue": {
            name.removeprefix(_QUEUE): value
            for name, value in metrics.items()
            if name.startswith(_QUEUE)
        },
        "drops": {
            name: value
            for name, value in metrics.items()
            if value and name.partition("{")[0].endswith(_LOSSES)
        },
        "metrics": metrics,
    }


def _label(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    inner = ",".join(f"{key}={value}" for key, value in labels)
    return f"{name}{{{inner}}}" if inner else name


def _buildinfo(server: Server) -> dict[str, Any]:
    del server
    return {
        "version": PROMETHEUS_API,
        "revision": f"gnomon-{__version__}",
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    }


def _runtimeinfo(server: Server) -> dict[str, Any]:
    started = datetime.fromtimestamp(server.started / 1000, UTC).isoformat()
    return {
        "startTime": started,
        "CWD": os.getcwd(),  # noqa: PTH109  # as Prometheus answers it: a text
        "reloadConfigSuccess": True,
        "lastConfigTime": started,
        "corruptionCount": 0,
        "goroutineCount": threading.active_count(),
        "GOMAXPROCS": os.cpu_count() or 1,
        "storageRetention": f"{server.settings.get('store', {}).get('retention', '')}",
    }


def _flags(server: Server) -> dict[str, str]:
    flat: dict[str, str] = {}
    _flatten(dict(server.settings), (), flat)
    return flat


def _flatten(tree: dict[str, Any], path: tuple[str, ...], flat: dict[str, str]) -> None:
    for name, value in tree.items():
        if isinstance(value, dict):
            _flatten(cast(dict[str, Any], value), (*path, name), flat)
        else:
            flat[dotted((*path, name))] = str(value)


def _tsdb(server: Server) -> dict[str, Any]:
    stats = server.store.stats()
    return {
        "headStats": {
            "numSeries": stats.series,
            "chunkCount": stats.samples,
            "minTime": stats.oldest or 0,
            "maxTime": stats.newest or 0,
        },
        "seriesCountByMetricName": [],
        "labelValueCountByLabelName": [],
        "memoryInBytesByLabelName": [],
        "seriesCountByLabelValuePair": [],
    }


_PARTS = {
    "buildinfo": _buildinfo,
    "runtimeinfo": _runtimeinfo,
    "flags": _flags,
    "tsdb": _tsdb,
}
