"""The reference pages of checks, made from the code; `gnomon.testing.manual` writes them.

The page of a check has the text of its module, its settings, metrics and service checks, and an
example file; the pages of the command and of the settings files are in `manual`. Nothing on it is written by hand, so it cannot drift; a test compares what is stored with what
would be made.
"""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec import inspect as mi

from gnomon.core.model import Metric
from gnomon.core.registry import CHECKS
from gnomon.core.schema import field_docs
from gnomon.core.settings import Duration, Secret, Size, plain

MADE = "<!-- Made from the code by `make docs`; changes here are lost. -->"

PLAIN_EXAMPLE = """
init_config:

instances:
  - {}
"""

COMMON = """\
Every instance also takes `tags` (labels for its samples), `interval` (or `min_collection_interval`)
and `deadline` (how long a run may take)."""


def module_of(check: str) -> Any:
    """The module a check lives in, where METRICS and EXAMPLE stand."""
    kind = CHECKS.load(check)
    package = importlib.import_module(f"{CHECKS.package}.{check}")
    assert package.component is kind, f"{check}: component is not the registered class"
    return package


def example_of(check: str) -> str:
    """The text of an example `conf.d` file."""
    return str(getattr(module_of(check), "EXAMPLE", PLAIN_EXAMPLE)).strip() + "\n"


def pages() -> Iterator[tuple[str, str]]:
    """File name and text of every page."""
    names = CHECKS.names()
    yield "README.md", index(names)
    for name in names:
        yield f"{name}.md", page(name)


def index(names: Sequence[str]) -> str:
    """The list of all checks."""
    rows = [
        (
            f"[`{name}`]({name}.md)",
            "yes" if getattr(CHECKS.load(name), "DEFAULT", False) else "when configured",
            _first_sentence(inspect.getdoc(module_of(name)) or ""),
        )
        for name in names
    ]
    return "\n".join(
        [
            MADE,
            "# Checks",
            "",
            "What the agent can measure. Those marked *yes* run on every host without settings;",
            "`conf.d/<name>.yaml` changes how, and `checks: {<name>: false}` in `agent.yaml` switches",
            "one off.",
            "",
            *_table(("check", "runs by itself", "what"), rows),
            "",
        ]
    )


def page(check: str) -> str:
    """The page of one check."""
    module, kind = module_of(check), CHECKS.load(check)
    parts = [
        MADE,
        f"# {check}",
        "",
        inspect.getdoc(module) or "",
        "",
        _when(check, kind),
        "",
        "## Settings",
        "",
        f"File `conf.d/{check}.yaml`. {COMMON}",
        "",
        *settings_tables(kind.Settings),
        "## Metrics",
        "",
        *_table(
            ("metric", "kind", "unit", "what"),
            [_metric_row(metric) for metric in sorted(module.METRICS, key=_by_name)],
        ),
        "",
        *_service_checks(getattr(module, "SERVICE_CHECKS", {})),
        "## Example",
        "",
        "```yaml",
        example_of(check).rstrip(),
        "```",
        "",
    ]
    return "\n".join(parts)


def _when(check: str, kind: Any) -> str:
    """When and where it runs."""
    platforms = {"linux": "Linux", "darwin": "macOS", "win32": "Windows"}
    where = [platforms[name] for name in getattr(kind, "PLATFORMS", ())]
    interval = getattr(kind, "INTERVAL", None)
    return " ".join(
        [
            "Runs by itself" if getattr(kind, "DEFAULT", False) else "Runs when configured",
            f"on {' and '.join(where)} only," if where else "on every system,",
            f"every {interval:g} s" if interval else "at the agent's interval",
            f"unless told otherwise. Try it: `gnomon check {check}`.",
        ]
    )


def settings_tables(of: type[Any], title: str = "") -> list[str]:
    """Tables of a settings class, and of those its fields hold."""
    info = cast(mi.StructType, mi.type_info(of))
    docs = field_docs(of)
    if not info.fields:
        return ["It has no settings of its own.", ""]
    rows = [
        (
            f"`{field.encode_name}`",
            type_name(field.type),
            "*required*" if field.required else _default(field),
            " ".join(docs[field.name].split()),
        )
        for field in info.fields
    ]
    lines = [f"### {title}", ""] if title else []
    lines += [*_table(("key", "type", "default", "what"), rows), ""]
    for field in info.fields:
        for inner in _structs(field.type):
            lines += settings_tables(inner.cls, f"`{field.encode_name}`")
    return lines


def _structs(info: mi.Type) -> Iterator[mi.StructType]:
    if isinstance(info, mi.StructType):
        yield info
    for inner in _inner(info):
        yield from _structs(inner)


def _inner(info: mi.Type) -> Iterable[mi.Type]:
    if isinstance(info, mi.UnionType):
        return info.types
    if isinstance(info, mi.TupleType):
        return info.item_types
    if isinstance(info, mi.DictType):
        return (info.value_type,)
    item: mi.Type | None = getattr(info, "item_type", None)
    return (item,) if item is not None else ()


_NAMES: dict[type[mi.Type], str] = {
    mi.BoolType: "true or false",
    mi.IntType: "whole number",
    mi.FloatType: "number",
    mi.StrType: "text",
    mi.NoneType: "null",
    mi.AnyType: "anything",
}
_OWN = {Duration: "duration", Size: "size", Secret: "secret"}


def type_name(info: mi.Type) -> str:
    """What a person calls it: `list of text`."""
    if isinstance(info, mi.UnionType):
        return " or ".join(type_name(part) for part in info.types if type(part) is not mi.NoneType)
    if isinstance(info, (mi.LiteralType, mi.EnumType)):
        return " or ".join(f"`{value}`" for value in _choices(info))
    if isinstance(info, mi.CustomType):
        return _OWN.get(info.cls, info.cls.__name__.lower())
    inner = [type_name(part) for part in _inner(info)]
    if isinstance(info, mi.TupleType):
        return f"list of {len(inner)}: {inner[0]}"
    if inner:
        return f"{'mapping to' if isinstance(info, mi.DictType) else 'list of'} {inner[0]}"
    return "settings" if isinstance(info, mi.StructType) else _NAMES.get(type(info), "anything")


def _choices(info: mi.LiteralType | mi.EnumType) -> Iterable[Any]:
    return info.values if isinstance(info, mi.LiteralType) else [m.value for m in info.cls]


def _default(field: mi.Field) -> str:
    value: Any = field.default
    if value is msgspec.NODEFAULT:
        value = field.default_factory()
    if value is None or value in ("", (), [], {}, Secret("")):
        return ""
    if isinstance(value, Duration):
        return f"`{value:g}s`"
    if isinstance(value, Size):
        return f"`{value >> 20}MB`" if value and value % (1 << 20) == 0 else f"`{value}`"
    return f"`{json.dumps(plain(value), ensure_ascii=False)}`"


def _metric_row(metric: Metric) -> tuple[str, str, str, str]:
    return f"`{metric.name}`", str(metric.kind), metric.unit, metric.help


def _by_name(metric: Metric) -> str:
    return metric.name


def _service_checks(declared: Mapping[str, str]) -> list[str]:
    if not declared:
        return []
    rows = [(f"`{name}`", what) for name, what in sorted(declared.items())]
    return ["## Service checks", "", *_table(("check", "what"), rows), ""]


def _first_sentence(text: str) -> str:
    return " ".join(text.split("\n\n", maxsplit=1)[0].split())


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"

    return [line(head), line(["---"] * len(head)), *(line(row) for row in rows)]


def write(folder: Path) -> list[Path]:
    """Writes the pages of checks below `folder`/checks and removes those of checks that are gone."""
    checks = folder / "checks"
    checks.mkdir(parents=True, exist_ok=True)
    texts = {checks / name: text for name, text in pages()}
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    for file in checks.glob("*.md"):
        if file not in texts:
            file.unlink()
    return list(texts)
