"""The payload of Agent 5's collector and dogstatsd (`/intake`): one JSON object of many parts.

`metrics` are lists `[name, seconds, value, {tags, hostname, device_name, type}]`; system values stand
at the top under names of their own (`cpuUser`, `memPhysFree` in MB, `ioStats`) and get the names under
which Datadog shows them. Lists of processes, host tags and descriptions of the machine are no
samples: they are counted and left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from gnomon.codecs.datadog.events import put_event
from gnomon.codecs.datadog.payload import Facts, Payload, as_text, loads
from gnomon.core.errors import DecodeError
from gnomon.core.model import Kind, Metric, Series, labels_of

_KINDS = {"gauge": Kind.GAUGE, "rate": Kind.RATE, "count": Kind.COUNT, "counter": Kind.COUNT}

SYSTEM: Mapping[str, tuple[str, str]] = {
    "cpuUser": ("system.cpu.user", "percent"),
    "cpuSystem": ("system.cpu.system", "percent"),
    "cpuWait": ("system.cpu.iowait", "percent"),
    "cpuIdle": ("system.cpu.idle", "percent"),
    "cpuStolen": ("system.cpu.stolen", "percent"),
    "cpuGuest": ("system.cpu.guest", "percent"),
    "memPhysTotal": ("system.mem.total", "mebibyte"),
    "memPhysFree": ("system.mem.free", "mebibyte"),
    "memPhysUsed": ("system.mem.used", "mebibyte"),
    "memPhysUsable": ("system.mem.usable", "mebibyte"),
    "memPhysPctUsable": ("system.mem.pct_usable", "fraction"),
    "memCached": ("system.mem.cached", "mebibyte"),
    "memBuffers": ("system.mem.buffered", "mebibyte"),
    "memShared": ("system.mem.shared", "mebibyte"),
    "memSlab": ("system.mem.slab", "mebibyte"),
    "memPageTables": ("system.mem.page_tables", "mebibyte"),
    "memSwapTotal": ("system.swap.total", "mebibyte"),
    "memSwapFree": ("system.swap.free", "mebibyte"),
    "memSwapUsed": ("system.swap.used", "mebibyte"),
    "memSwapPctFree": ("system.swap.pct_free", "fraction"),
    "memSwapCached": ("system.swap.cached", "mebibyte"),
}
"""Key of the payload → name and unit of the metric: those the checks of this host have."""

_IO: Mapping[str, Metric] = {
    column: Metric(f"system.io.{name}", kind, unit)
    for column, name, kind, unit in (
        ("rrqm/s", "rrqm_s", Kind.RATE, "request/second"),
        ("wrqm/s", "wrqm_s", Kind.RATE, "request/second"),
        ("r/s", "r_s", Kind.RATE, "request/second"),
        ("w/s", "w_s", Kind.RATE, "request/second"),
        ("rkB/s", "rkb_s", Kind.RATE, "kibibyte/second"),
        ("wkB/s", "wkb_s", Kind.RATE, "kibibyte/second"),
        ("avgrq-sz", "avg_rq_sz", Kind.GAUGE, "sector"),
        ("avgqu-sz", "avg_q_sz", Kind.GAUGE, "request"),
        ("await", "await", Kind.GAUGE, "millisecond"),
        ("r_await", "r_await", Kind.GAUGE, "millisecond"),
        ("w_await", "w_await", Kind.GAUGE, "millisecond"),
        ("svctm", "svctm", Kind.GAUGE, "millisecond"),
        ("%util", "util", Kind.GAUGE, "percent"),
    )
}
_LEFT_OUT = (
    "processes",
    "resources",
    "systemStats",
    "meta",
    "tags",
    "host-tags",
    "external_host_tags",
    "agent_checks",
    "gohai",
)


def decode_intake(body: bytes, facts: Facts) -> Payload:
    """The body of `/intake`, `/intake/metrics` or `/intake/metadata`; raises `DecodeError`."""
    data = loads(body)
    if not isinstance(data, dict):
        raise DecodeError("expected a JSON object")
    said = cast(dict[str, Any], data)
    host = as_text(said.get("internalHostname")) or facts.host
    payload = Payload(facts._replace(host=host))
    _system(payload, said)
    for item in _list(said.get("metrics")):
        _metric(payload, item)
    for run in _list(said.get("service_checks")):
        _service_check(payload, run)
    for source, events in _mapping(said.get("events")).items():
        for event in _list(events):
            _event(payload, source, _mapping(event))
    for part in _LEFT_OUT:
        if said.get(part):
            payload.ignored[part] += 1
    return payload


def _system(payload: Payload, said: dict[str, Any]) -> None:
    """The system values at the top of the payload."""
    labels = labels_of(payload.labels(None, None))
    at = said.get("collection_timestamp")
    for key, value in said.items():
        name, unit = SYSTEM.get(key, (key, ""))
        if value is not None and (key in SYSTEM or key.startswith("system.")):
            payload.put(Series(Metric(name, Kind.GAUGE, unit), labels), at, value)
    for device, columns in _mapping(said.get("ioStats")).items():
        labels = labels_of(payload.labels(None, None, {"device": device}))
        for column, value in _mapping(columns).items():
            if column in _IO:
                payload.put(Series(_IO[column], labels), at, value)


def _metric(payload: Payload, item: object) -> None:
    """`[name, seconds, value]` or `[name, seconds, value, {attributes}]`."""
    parts: list[Any] = cast(list[Any], item) if isinstance(item, list) else []
    if len(parts) not in (3, 4) or not isinstance(parts[0], str) or not parts[0]:
        payload.reject(f"a metric is [name, time, value, attributes], not {str(parts)[:80]}")
        return
    about = _mapping(parts[3]) if len(parts) == 4 else {}
    device = as_text(about.get("device_name"))
    more = {"device": device} if device else None
    labels = payload.labels(about.get("tags"), about.get("hostname"), more)
    kind = _KINDS.get(as_text(about.get("type")), Kind.GAUGE)
    payload.put(Series(Metric(parts[0], kind), labels_of(labels)), parts[1], parts[2])


def _service_check(payload: Payload, item: object) -> None:
    said = _mapping(item)
    check, status = as_text(said.get("check")), said.get("status")
    labels = payload.labels(said.get("tags"), said.get("host_name"))
    try:
        payload.service_check(
            check,
            status if type(status) is int else -1,
            said.get("timestamp"),
            as_text(said.get("message")),
            labels,
        )
    except DecodeError as error:
        payload.reject(f"{check[:80]!r}: {error}")


def _event(payload: Payload, source: str, said: dict[str, Any]) -> None:
    """An event by the keys of the payload, which differ from those of the API."""
    title = said.get("msg_title") or said.get("event_type") or source
    about = {
        **said,
        "title": title,
        "text": said.get("msg_text"),
        "date_happened": said.get("timestamp"),
        "source_type_name": said.get("source_type_name") or said.get("event_type") or source,
    }
    try:
        put_event(payload, about)
    except DecodeError as error:
        payload.reject(f"event: {error}")


def _list(value: object) -> Iterator[Any]:
    yield from cast(list[Any], value) if isinstance(value, list) else ()


def _mapping(value: object) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}
