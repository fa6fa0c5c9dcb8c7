"""StatsD and DogStatsD datagrams: lines into metrics, events and service checks.

Source: Datadog's protocol description versions 1.0 to 1.6 and Etsy's StatsD. One line::

    name:value[:value...]|type[|@rate][|#tag,tag][|c:container][|e:external][|card:..][|T<unix>]
    name:value|type|meta:value|type|meta             (Agent 5's older form of several values)
    _e{title length,text length}:title|text[|d:..][|h:..][|k:..][|p:..][|s:..][|t:..][|#tags]
    _sc|name|status[|d:..][|h:..][|#tags][|m:message]

Types: `c` count, `g` gauge (`+5`, `-5` are relative where `signed_gauges` is set, as in StatsD), `ms`
timer, `h` histogram, `d` distribution, `s` set. A bad line is a `DecodeError` of its own and never
touches its neighbours. What differs from Agent 5 on purpose: the rest of a datagram survives a bad
line; a sample rate of 0 is an error and not a division; values packed as in version 1.1 are
accepted beside the older form.
"""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

from gnomon.core.errors import DecodeError
from gnomon.core.model import Status

TYPES = {
    "c": "count",
    "g": "gauge",
    "ms": "timer",
    "h": "histogram",
    "d": "distribution",
    "s": "set",
}
LONGEST_LINE = 8192
"""Bytes; what a client may send in one datagram (Datadog's own limit)."""


class Context(NamedTuple):
    """Everything of a metric but its values: what the aggregation is keyed by."""

    name: str
    type: str
    """One of the values of `TYPES`."""
    tags: tuple[str, ...]
    """Sorted, each once; `host:` and `device:` are taken out."""
    host: str | None
    """None: not said, so the listener's own; "": said to be none."""
    device: str
    rate: float
    """Sample rate, over 0 and up to 1."""
    timestamp: int | None
    """Unix seconds of a value that is not to be aggregated."""
    origin: str = ""
    """Container and external fields as they came."""


class Metric(NamedTuple):
    """The values of one context in one line."""

    context: Context
    values: tuple[str, ...]
    """As text: numbers (with their sign), or the members of a set."""


class EventLine(NamedTuple):
    """`_e{...}`."""

    title: str
    text: str
    timestamp: int | None
    kind: str
    priority: str
    source: str
    aggregation_key: str
    host: str | None
    tags: tuple[str, ...]


class ServiceCheckLine(NamedTuple):
    """`_sc|...`."""

    name: str
    status: Status
    timestamp: int | None
    message: str
    host: str | None
    tags: tuple[str, ...]


Line: TypeAlias = Metric | EventLine | ServiceCheckLine


def decode_line(line: bytes) -> list[Line]:
    """What one line says: several metrics only in the older form. Raises `DecodeError`."""
    if len(line) > LONGEST_LINE:
        raise DecodeError(f"a line of {len(line)} bytes, over {LONGEST_LINE}")
    if line.startswith(b"_e{"):
        return [_event(line)]
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise DecodeError(f"not UTF-8: {_shown(line)}") from None
    if text.startswith("_sc|"):
        return [_service_check(text)]
    name, colon, rest = text.partition(":")
    if not colon or not name or not rest:
        raise DecodeError(f"expected name:value|type: {_shown(line)}")
    return list(_metrics(name, rest, line))


def decode_context(name: str, meta: str) -> Context:
    """The context of `name:...|meta`; raises `DecodeError`."""
    fields = meta.split("|")
    kind = TYPES.get(fields[0])
    if kind is None:
        raise DecodeError(f"unknown type {fields[0]!r} of {name}")
    rate, timestamp, tags, origin = 1.0, None, "", ""
    for field in fields[1:]:
        head = field[:1]
        if head == "@":
            rate = _rate(field[1:], name)
        elif head == "#":
            tags = field[1:]
        elif head == "T":
            timestamp = _timestamp(field[1:], kind, name)
        elif field.startswith(("c:", "e:")):
            origin = f"{origin}|{field}" if origin else field
    host, device, kept = split_tags(tags)
    return Context(name, kind, kept, host, device, rate, timestamp, origin)


def split_tags(text: str) -> tuple[str | None, str, tuple[str, ...]]:
    """Host, device and the other tags, sorted, each once."""
    host: str | None = None
    device = ""
    kept: set[str] = set()
    for tag in text.split(","):
        if tag.startswith("host:"):
            host = tag[5:]
        elif tag.startswith("device:"):
            device = tag[7:]
        elif tag:
            kept.add(tag)
    return host, device, tuple(sorted(kept))


def _metrics(name: str, rest: str, line: bytes) -> list[Metric]:
    values, bar, meta = rest.partition("|")
    if not bar:
        raise DecodeError(f"expected name:value|type: {_shown(line)}")
    groups = _groups(rest) if _is_older_form(meta) else [(values, meta)]
    return [_metric(name, values, meta) for values, meta in groups]


_NUMBER = r"[+-]?[\d.][\d.eE+-]*"
_TYPE = rf"(?:ms|[cghds])(?=\||$|:{_NUMBER}\|)"
_OLDER_FORM = re.compile(rf":{_NUMBER}\|{_TYPE}")
_STARTS_WITH_TYPE = re.compile(_TYPE)


def _is_older_form(meta: str) -> bool:
    """Whether another `number|type` follows, which a tag and a container field are not."""
    return _OLDER_FORM.search(meta) is not None


def _groups(rest: str) -> list[tuple[str, str]]:
    """`v|t|m:v|t|m` cut at the colons behind which a value with a type of its own begins."""
    groups: list[list[str]] = []
    for token in rest.split(":"):
        if "|" in token or not groups:
            value, _, meta = token.partition("|")
            groups.append([value, meta])
        else:
            groups[-1][1] += ":" + token
    merged: list[tuple[str, str]] = []
    for value, meta in groups:
        if merged and not _STARTS_WITH_TYPE.match(meta):
            before = merged.pop()
            merged.append((before[0], f"{before[1]}:{value}|{meta}"))
        else:
            merged.append((value, meta))
    return merged


def _metric(name: str, values: str, meta: str) -> Metric:
    context = decode_context(name, meta)
    if context.type == "set":
        return Metric(context, (values,))
    parts = tuple(values.split(":"))
    for value in parts:
        number(value, name)
    return Metric(context, parts)


def number(text: str, name: str) -> float:
    """A value; raises `DecodeError` when it is none, or is not finite."""
    try:
        value = float(text)
    except ValueError:
        raise DecodeError(f"the value {text[:40]!r} of {name} is not a number") from None
    if value - value != 0 or "_" in text:
        raise DecodeError(f"the value {text[:40]!r} of {name} is not a number")
    return value


def _rate(text: str, name: str) -> float:
    value = number(text, f"the sample rate of {name}")
    if value == 0:
        raise DecodeError(f"the sample rate of {name} is 0")
    return value if 0 < value <= 1 else 1.0


def _timestamp(text: str, kind: str, name: str) -> int:
    if kind not in ("count", "gauge"):
        raise DecodeError(f"{name}: only counts and gauges carry their own time")
    return _seconds(text, name)


def _seconds(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 1 << 40:
        raise DecodeError(f"{name}: {text[:40]!r} is not a time in Unix seconds")
    return int(text)


_EVENT = re.compile(rb"_e\{(\d{1,5}),(\d{1,5})\}:")


def _event(line: bytes) -> EventLine:
    header = _EVENT.match(line)
    if header is None:
        raise DecodeError(f"expected _e{{title length,text length}}: {_shown(line)}")
    title_length, text_length = int(header.group(1)), int(header.group(2))
    body = line[header.end() :]
    try:
        title, text, meta = _cut_event(body, title_length, text_length)
    except UnicodeDecodeError:
        raise DecodeError(f"not UTF-8: {_shown(line)}") from None
    fields = {"d": "", "h": None, "k": "", "p": "normal", "s": "", "t": "info"}
    tags = ""
    for field in meta.split("|") if meta else []:
        if field.startswith("#"):
            tags = field[1:]
        elif field[1:2] == ":" and field[0] in fields:
            fields[field[0]] = field[2:]
    _, _, kept = split_tags(tags)
    when = fields["d"]
    return EventLine(
        title,
        text.replace("\\n", "\n"),
        _seconds(when, "event") if when else None,
        fields["t"] or "info",
        fields["p"] or "normal",
        fields["s"] or "",
        fields["k"] or "",
        fields["h"],
        kept,
    )


def _cut_event(body: bytes, title_length: int, text_length: int) -> tuple[str, str, str]:
    """Lengths count bytes, as clients send them; else characters, as Agent 5 read them."""
    for data in (body, body.decode("utf-8")):
        bar = b"|" if isinstance(data, bytes) else "|"
        end = title_length + 1 + text_length
        if data[title_length : title_length + 1] == bar and (
            len(data) == end or data[end : end + 1] == bar
        ):
            parts = (data[:title_length], data[title_length + 1 : end], data[end + 1 :])
            title, text, meta = (p.decode("utf-8") if isinstance(p, bytes) else p for p in parts)
            if title:
                return title, text, meta
    raise DecodeError(f"the lengths of the event do not fit: {_shown(body)}")


def _service_check(text: str) -> ServiceCheckLine:
    parts = text.split("|", 3)
    if len(parts) < 3 or not parts[1] or parts[2] not in ("0", "1", "2", "3"):
        raise DecodeError(f"expected _sc|name|status 0-3: {text[:80]!r}")
    meta = "|" + parts[3] if len(parts) > 3 else ""
    meta = re.sub(r"\|(?:c|card|e):[^|]*$", "", meta)  # clients append these behind the message
    before, mark, message = meta.rpartition("|m:")
    meta = before if mark else meta
    host: str | None = None
    when, tags = "", ""
    for field in meta.split("|"):
        if field.startswith("#"):
            tags = field[1:]
        elif field.startswith("h:"):
            host = field[2:]
        elif field.startswith("d:"):
            when = field[2:]
    _, _, kept = split_tags(tags)
    return ServiceCheckLine(
        parts[1],
        Status(int(parts[2])),
        _seconds(when, "service check") if when else None,
        message.replace("\\n", "\n").replace("m\\:", "m:") if mark else "",
        host,
        kept,
    )


def _shown(line: bytes) -> str:
    return repr(line[:80].decode("utf-8", "replace"))
