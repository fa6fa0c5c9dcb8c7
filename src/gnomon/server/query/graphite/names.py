"""How a stored series is called in Graphite: a path in the tree, and a path with tags.

A series that came without labels is its dotted path, and nothing else. One with labels is in the
tree as `<host>.<metric>[.<other label values in label order>]` (without `<host>.` when it has no
such label), and by its tags as `<metric>;<label>=<value>...` with the label `name` standing for
the metric. In the tree every character of a label value that a path could not hold (a dot, a space,
a slash, a bracket ...) is `_`: host `web1.example.com` is the node `web1_example_com`, mount point
`/var/lib` is `_var_lib`. A label called `name` goes by `exported_name`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gnomon.core.model import NAME_LABEL, Labels, Series

HOST = "host"
NAME_TAG = "name"
_EXPORTED = "exported_name"
_UNSAFE_IN_NODE = re.compile(r"[^\w:+%#@~$&!<>=^-]")
_UNSAFE_IN_PATH = re.compile(r"""[\s(){}\[\],'"\\|*?;]""")


def tree_path(series: Series) -> str:
    """The dotted path of a series."""
    name = _UNSAFE_IN_PATH.sub("_", series.name)
    if not series.labels:
        return _joined(name)
    host = series.label(HOST)
    values = [value for label, value in series.labels if label != HOST]
    return _joined(*map(node, (host,) if host else ()), name, *map(node, values))


def _joined(*parts: str) -> str:
    """Parts as one path without empty nodes."""
    path = ".".join(parts)
    if ".." in path or path[:1] == "." or path[-1:] == ".":
        path = ".".join(part for part in path.split(".") if part)
    return path


def node(value: str) -> str:
    """A label value as one node of a path."""
    return _UNSAFE_IN_NODE.sub("_", value)


def tags_of(series: Series) -> Mapping[str, str]:
    """A series' tags: its labels and `name`."""
    tags = {tag_of(label): value for label, value in series.labels}
    tags[NAME_TAG] = series.name
    return tags


def tag_of(label: str) -> str:
    """The tag a label goes by."""
    return {NAME_LABEL: NAME_TAG, NAME_TAG: _EXPORTED}.get(label, label)


def label_of(tag: str) -> str:
    """The label a tag stands for."""
    return {NAME_TAG: NAME_LABEL, _EXPORTED: NAME_TAG}.get(tag, tag)


def tagged_path(series: Series) -> str:
    """`name;tag=value;tag=value`, tags in order; without labels, the name."""
    if not series.labels:
        return series.name
    pairs = sorted((tag_of(label), value) for label, value in series.labels)
    return series.name + "".join(f";{tag}={value.replace(';', '_')}" for tag, value in pairs)


def parse_tagged(path: str) -> tuple[str, Labels]:
    """Name and labels of a path with tags."""
    name, *pairs = path.split(";")
    found = [pair.partition("=") for pair in pairs]
    return name, tuple(sorted((label_of(tag), value) for tag, _, value in found if value))
