"""Functions that put series in groups and make one of each."""

from __future__ import annotations

from gnomon.server.query.graphite.combining import combined
from gnomon.server.query.graphite.context import Context
from gnomon.server.query.graphite.declare import SERIES, Group, Param, ParamType, function
from gnomon.server.query.graphite.grammar import TargetError
from gnomon.server.query.graphite.naming import Node, grouped
from gnomon.server.query.graphite.timeseries import SeriesList

_CALLBACK = Param("callback", ParamType.AGGREGATION_OR_FUNCTION, required=True)


def _folded(context: Context, members: SeriesList, callback: str) -> SeriesList:
    """The one series a callback makes of a group: a function by name, else an aggregation."""
    if callback in context.functions:
        return context.call(context, callback, members)[:1]
    return [combined(context, members, callback)]


@function(
    "groupByNode",
    Group.COMBINE,
    SERIES,
    Param("nodeNum", ParamType.NODE_OR_TAG, required=True),
    Param("callback", ParamType.AGGREGATION_OR_FUNCTION, default="average"),
)
def group_by_node(
    context: Context, series_list: SeriesList, node: Node, callback: str = "average"
) -> SeriesList:
    """Combines series with the same node or tag: `groupByNode(servers.*.cpu.*, 1, "sum")`."""
    return group_by_nodes(context, series_list, callback, node)


@function(
    "groupByNodes",
    Group.COMBINE,
    SERIES,
    _CALLBACK,
    Param("nodes", ParamType.NODE_OR_TAG, multiple=True),
)
def group_by_nodes(
    context: Context, series_list: SeriesList, callback: str, *nodes: Node
) -> SeriesList:
    """Combines series in which all these nodes or tags are the same, and names them so.

    `groupByNodes(servers.*.disk.*.used, "sum", 1, 4)`
    """
    return [
        series.but(name=key)
        for key, members in grouped(series_list, nodes).items()
        for series in _folded(context, members, callback)
    ]


@function(
    "groupByTags",
    Group.COMBINE,
    SERIES,
    _CALLBACK,
    Param("tags", ParamType.TAG, required=True, multiple=True),
)
def group_by_tags(
    context: Context, series_list: SeriesList, callback: str, *tags: str
) -> SeriesList:
    """Combines series in which all these tags are the same.

    `groupByTags(seriesByTag("name=cpu"), "average", "dc", "os")` gives `cpu;dc=...;os=...`.
    """
    if not tags:
        raise TargetError("groupByTags() needs at least one tag")
    names = {series.tags.get("name", "") for series in series_list}
    common = names.pop() if len(names) == 1 else callback
    others = [tag for tag in tags if tag != "name"]
    groups: dict[str, SeriesList] = {}
    for series in series_list:
        name = series.tags.get("name", "") if "name" in tags else common
        pairs = sorted(f"{tag}={series.tags.get(tag, '')}" for tag in others)
        groups.setdefault(";".join([name, *pairs]), []).append(series)
    return [
        series.named(key).but(tags=_tags(key))
        for key, members in groups.items()
        for series in _folded(context, members, callback)
    ]


def _tags(path: str) -> dict[str, str]:
    name, *pairs = path.split(";")
    return {**dict(pair.split("=", 1) for pair in pairs), "name": name}
