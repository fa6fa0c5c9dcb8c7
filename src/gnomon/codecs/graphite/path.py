"""Graphite's metric paths, with tags or without: `servers.web1.load` or `load;host=web1`."""

from __future__ import annotations

from gnomon.core.errors import DecodeError
from gnomon.core.model import Kind, Metric, Series, labels_of

LONGEST_PATH = 4096
"""Bytes of a path with its tags."""
LATEST = 1000 << 40
"""Milliseconds; no sample is that far ahead."""


def parse_path(path: bytes) -> Series:
    """`name;key=value;...` as a series; raises `DecodeError`."""
    if len(path) > LONGEST_PATH:
        raise DecodeError(f"a path of {len(path)} bytes, over {LONGEST_PATH}")
    try:
        text = path.decode("utf-8")
    except UnicodeDecodeError:
        raise DecodeError(f"a path that is not UTF-8: {path[:80]!r}") from None
    name, *tags = text.split(";")
    pairs: dict[str, str] = {}
    for tag in tags:
        key, equals, value = tag.partition("=")
        if not key or not equals or not value:
            raise DecodeError(f"a tag that is not key=value in {text[:80]!r}")
        pairs[key] = value
    name = name.strip(".")
    if not name:
        raise DecodeError(f"a path without a name: {text[:80]!r}")
    while ".." in name:
        name = name.replace("..", ".")
    return Series(Metric(name, Kind.UNKNOWN), labels_of(pairs))


def encode_path(series: Series) -> str:
    """The path of a series, labels as tags."""
    return series.name + "".join(f";{name}={value}" for name, value in series.labels)
