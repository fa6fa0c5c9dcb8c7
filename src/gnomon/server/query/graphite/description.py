"""The declarations of all functions as `/functions` answers them and as the reference page."""

from __future__ import annotations

from typing import Any

from gnomon.server.query.graphite.aggregation import AGGREGATIONS, SYNONYMS
from gnomon.server.query.graphite.catalogue import FUNCTIONS
from gnomon.server.query.graphite.declare import Function, Group, Param, ParamType

MODULE = "graphite.render.functions"
"""What clients know upstream's functions by."""


def described(name: str) -> dict[str, Any]:
    """One function, under this name, as graphite-web's `/functions/<name>`; raises KeyError."""
    function = FUNCTIONS[name]
    return {
        "name": name,
        "function": function.signature(name),
        "description": function.description,
        "module": MODULE,
        "group": str(function.group),
        "params": [_parameter(param) for param in function.params],
    }


def all_described(*, group: str | None = None) -> dict[str, Any]:
    """All functions by name, or those of one family."""
    chosen = (name for name, declared in FUNCTIONS.items() if group in (None, str(declared.group)))
    return {name: described(name) for name in chosen}


def grouped(functions: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By family, then by name."""
    families: dict[str, dict[str, Any]] = {}
    for name, function in functions.items():
        families.setdefault(function["group"], {})[name] = function
    return families


def _parameter(param: Param) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": param.name, "type": str(param.type)}
    options = {*param.options, *_type_options(param.type)}
    if param.required:
        shown["required"] = True
    if param.default is not None:
        shown["default"] = param.default
    if param.multiple:
        shown["multiple"] = True
    if options:
        shown["options"] = sorted(options, key=str)
    if param.suggestions:
        shown["suggestions"] = list(param.suggestions)
    return shown


def _type_options(type_: ParamType) -> list[str]:
    aggregations = [*AGGREGATIONS, *SYNONYMS]
    if type_ is ParamType.AGGREGATION:
        return aggregations
    if type_ is ParamType.AGGREGATION_OR_FUNCTION:
        callbacks = [name for name, declared in FUNCTIONS.items() if declared.aggregates]
        return [*aggregations, *callbacks]
    return []


def reference_page() -> str:
    """`docs/reference/graphite.md`, all of it."""
    families = {group: _of(group) for group in Group}
    contents = "\n".join(
        f"- [{group}](#{str(group).lower().replace(' ', '-')}): "
        + ", ".join(f"`{declared.name}`" for declared in members)
        for group, members in families.items()
    )
    parts = [_HEAD.format(count=len(FUNCTIONS), contents=contents)]
    for group, members in families.items():
        parts += [f"## {group}\n", *(_section(declared) for declared in members)]
    return "\n".join(parts).rstrip() + "\n"


def _of(group: Group) -> list[Function]:
    distinct = {id(declared): declared for declared in FUNCTIONS.values()}.values()
    return sorted(
        (declared for declared in distinct if declared.group is group),
        key=lambda declared: declared.name.lower(),
    )


def _section(declared: Function) -> str:
    also = ", ".join(f"`{alias}`" for alias in declared.aliases)
    lines = [f"### {declared.name}\n", f"`{declared.signature(declared.name)}`\n"]
    if also:
        lines.append(f"Also called {also}.\n")
    lines.append(f"{declared.description}\n")
    if declared.params:
        lines += ["| parameter | type | |", "|---|---|---|"]
        lines += [_row(param) for param in declared.params]
        lines.append("")
    return "\n".join(lines)


def _row(param: Param) -> str:
    notes: list[str] = []
    if param.required:
        notes.append("required")
    if param.multiple:
        notes.append("any number")
    if param.default is not None:
        notes.append(f"default `{param.default}`")
    if param.options:
        notes.append("one of " + ", ".join(f"`{option}`" for option in param.options))
    return f"| `{param.name}` | {param.type} | {'; '.join(notes)} |"


_HEAD = """# Graphite

<!-- Made from the declarations by `make docs`; do not edit. -->

Gnomon answers Graphite's HTTP API on its one port: `/render`, `/metrics/find`, `/metrics/expand`,
`/metrics/index.json`, `/functions`, `/tags`, `/events` and `/version`. In Grafana, add a data source
of type Graphite with the server's URL and version 1.1.

## Names

A series that came without labels is its dotted path. One with labels is found by its tags,
`seriesByTag('name=system.cpu.user', 'host=web1')`, and in the tree as
`<host>.<metric>[.<other label values in label order>]`. Where a label value has a dot, a space, a
slash or another character that a path cannot hold, the tree has `_`: host `web1.example.com` is the
node `web1_example_com`, mount point `/var` is `_var`. A label called `name` is the tag
`exported_name`.

A series is answered at its own step, taken from its data; one that is known but has no points in the
window is answered without values.

## Targets

`function(metric.path, "text", 5, keyword=true)`, nested or in a row:
`servers.*.load | averageSeries() | alias("all")`. Paths take `*`, `?`, `[a-z]`, `{{a,b}}` and, for any
depth, `**`. `template(servers.$host.load, host="web1")` fills in `$host`; `&template[host]=web2` in
the request wins over it.

Times (`from`, `until`, `now`) are epoch seconds, `-1h`, `now-5min`, `midnight`, `noon yesterday`,
`04:00_20261120`, `20261120`, `11/20/26`, `monday`; `tz` names their time zone.

## Functions

{count} names.

{contents}
"""
