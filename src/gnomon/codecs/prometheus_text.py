"""Samples in the Prometheus text format 0.0.4, as scrapers read it from `/metrics`.

https://prometheus.io/docs/instrumenting/exposition_formats/ . The format knows ASCII names only:
every other character becomes `_`, so `gnomon.ingest.samples` is `gnomon_ingest_samples`, the same
name PromQL accepts for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from gnomon.core.model import Kind, Labels, Metric, Sample

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_TYPES = {
    Kind.GAUGE: "gauge",
    Kind.RATE: "gauge",
    Kind.COUNT: "gauge",
    Kind.COUNTER: "counter",
}
"""The others need several series each, which single samples are not: `untyped`."""


def encode(samples: Iterable[Sample]) -> bytes:
    """The newest state of each series, without timestamps: the scraper's time counts.

    Series whose names become the same are told apart no more; the first one is kept.
    """
    families: dict[str, tuple[Metric, dict[str, float]]] = {}
    for series, _, value in samples:
        name = metric_name(series.name)
        _, values = families.setdefault(name, (series.metric, {}))
        values.setdefault(_labels(series.labels), value)
    lines: list[str] = []
    for name, (metric, values) in families.items():
        if metric.help:
            lines.append(f"# HELP {name} {_escape(metric.help)}\n")
        lines.append(f"# TYPE {name} {_TYPES.get(metric.kind, 'untyped')}\n")
        lines += [f"{name}{labels} {number(value)}\n" for labels, value in values.items()]
    return "".join(lines).encode("utf-8", "replace")


def metric_name(name: str) -> str:
    """The name with every character that the format does not know made `_`."""
    return _leading(re.sub(r"[^a-zA-Z0-9_:]", "_", name))


def label_name(name: str) -> str:
    """As `metric_name`; a label has no colon."""
    return _leading(re.sub(r"[^a-zA-Z0-9_]", "_", name))


def number(value: float) -> str:
    """Shortest text that reads back as the same double."""
    if value != value:  # noqa: PLR0124  # NaN
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value).removesuffix(".0")


def _labels(labels: Labels) -> str:
    named: dict[str, str] = {}
    for name, value in labels:
        named.setdefault(label_name(name), value)
    inner = ",".join(f'{name}="{_escape(value, quote=True)}"' for name, value in named.items())
    return f"{{{inner}}}" if inner else ""


def _escape(text: str, *, quote: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quote else text


def _leading(name: str) -> str:
    return f"_{name}" if not name or name[0].isdigit() else name
