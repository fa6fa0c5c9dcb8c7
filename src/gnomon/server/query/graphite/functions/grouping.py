"""Functions that put series in groups and make one of each."""

from __future__ import annotations

from gnomon.server.query.graphite.combining import combined
from gnomon.server.query.graphite.context import Context
from gnomon.server.query.graphite.declare import SERIES, Group, Param, ParamType, function
from gnomon.server.query.graphite.grammar import TargetError
from gnomon.server.query.graphite.naming import Node, grouped
from gnomon.server.query.graphite.timeseries import SeriesList, TimeSeries

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


@function(
    "mapSeries",
    Group.COMBINE,
    SERIES,
    Param("mapNodes", ParamType.NODE_OR_TAG, required=True, multiple=True),
    aliases=("map",),
)
def map_series(series_list: SeriesList, *nodes: Node) -> list[SeriesList]:
    """Series in groups that share these nodes, for `reduceSeries`."""
    return list(grouped(series_list, nodes).values())


@function(
    "reduceSeries",
    Group.COMBINE,
    Param("seriesLists", ParamType.SERIES_LISTS, required=True),
    Param("reduceFunction", ParamType.STRING, required=True),
    Param("reduceNode", ParamType.NODE, required=True),
    Param("reduceMatchers", ParamType.STRING, required=True, multiple=True),
    aliases=("reduce",),
)
def reduce_series(
    context: Context, series_lists: list[SeriesList], callback: str, node: int, *matchers: str
) -> SeriesList:
    """Calls a function with the series of each group whose node is one of these, in this order.

    `reduceSeries(mapSeries(servers.*.disk.*, 1), "asPercent", 3, "used", "total")`
    """
    groups: dict[str, dict[str, TimeSeries]] = {}
    for series in (series for part in series_lists for series in part):
        nodes = series.name.split(".")
        if -len(nodes) <= node < len(nodes) and nodes[node] in matchers:
            key = f"{'.'.join(nodes[:node])}.reduce.{callback}"
            groups.setdefault(key, {})[nodes[node]] = series
    return [
        series.but(name=key)
        for key, found in groups.items()
        if len(found) == len(set(matchers))
        for series in context.call(context, callback, *([found[name]] for name in matchers))[:1]
    ]


@function(
    "applyByNode",
    Group.COMBINE,
    SERIES,
    Param("nodeNum", ParamType.NODE, required=True),
    Param("templateFunction", ParamType.STRING, required=True),
    Param("newName", ParamType.STRING),
)
def apply_by_node(
    context: Context, series_list: SeriesList, node: int, template: str, name: str | None = None
) -> SeriesList:
    """Evaluates a target for each path up to a node, `%` standing for it.

    `applyByNode(servers.*.disk.used, 1, "divideSeries(%.disk.used, sumSeries(%.disk.*))", "%.share")`
    """
    prefixes = {".".join(series.name.split(".")[: node + 1]) for series in series_list}
    results: SeriesList = []
    for prefix in sorted(prefixes):
        for series in context.evaluate(context, template.replace("%", prefix)):
            called = name.replace("%", prefix) if name else series.name
            results.append(
                series.but(
                    name=called,
                    path_expression=prefix,
                    start=series_list[-1].start,
                    end=series_list[-1].end,
                )
            )
    return results
