"""JSON Schema of settings, with the text under each field: for editors and reference pages.

Draft 2020-12. Made here and not by msgspec, because it carries each field's own text and default,
and knows durations, sizes and secrets.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from typing import Any

import msgspec
from msgspec import inspect as mi

from gnomon.core.settings import Duration, Secret, Size, plain

_OWN: dict[type[Any], dict[str, Any]] = {
    Duration: {"type": ["number", "string"], "pattern": r"^\d+(\.\d+)?(ms|s|m|h|d|w)?$"},
    Size: {"type": ["integer", "string"], "pattern": r"^\d+(\.\d+)?\s*([kKmMgG]?[bB]?)$"},
    Secret: {
        "oneOf": [
            {"type": "string"},
            *(
                {
                    "type": "object",
                    "properties": {source: {"type": "string"}},
                    "required": [source],
                    "additionalProperties": False,
                }
                for source in ("file", "env", "command")
            ),
        ]
    },
}
_PLAIN: dict[type[mi.Type], str] = {
    mi.BoolType: "boolean",
    mi.IntType: "integer",
    mi.FloatType: "number",
    mi.StrType: "string",
    mi.NoneType: "null",
}


def schema(of: type[Any]) -> dict[str, Any]:
    """The schema of a settings type."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_describe(mi.type_info(of)),
    }


def field_docs(of: type[Any]) -> dict[str, str]:
    """The text under each field of a Settings class, by field name; "" where there is none."""
    docs: dict[str, str] = {}
    for cls in reversed(of.__mro__[:-1]):
        if not cls.__module__.startswith("msgspec"):
            docs |= _texts(cls)
    return {name: docs.get(name, "") for name in of.__struct_fields__}


def _texts(cls: type[Any]) -> dict[str, str]:
    """A string that stands right under a field describes it (PEP 257, attribute docstrings)."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(tree, ast.ClassDef)
    texts: dict[str, str] = {}
    for node, after in itertools.pairwise(tree.body):
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            texts[node.target.id] = inspect.cleandoc(str(after.value.value))
    return texts


def _describe(info: mi.Type) -> dict[str, Any]:
    if isinstance(info, mi.StructType):
        return _struct(info)
    if isinstance(info, mi.CustomType):
        return _OWN.get(info.cls, {})
    if isinstance(info, (mi.LiteralType, mi.EnumType)):
        return _choice(info)
    plain_type = _PLAIN.get(type(info))
    return {"type": plain_type} if plain_type else _container(info)


def _choice(info: mi.LiteralType | mi.EnumType) -> dict[str, Any]:
    if isinstance(info, mi.LiteralType):
        return {"enum": list(info.values)}
    return {"enum": [member.value for member in info.cls]}


def _container(info: mi.Type) -> dict[str, Any]:
    if isinstance(info, (mi.ListType, mi.SetType, mi.VarTupleType)):
        return {"type": "array", "items": _describe(info.item_type)}
    if isinstance(info, mi.DictType):
        return {"type": "object", "additionalProperties": _describe(info.value_type)}
    if isinstance(info, mi.UnionType):
        return {"anyOf": [_describe(member) for member in info.types]}
    return {}


def _struct(info: mi.StructType) -> dict[str, Any]:
    docs = field_docs(info.cls)
    properties: dict[str, Any] = {}
    for field in info.fields:
        entry = _describe(field.type)
        text = docs.get(field.name)
        if text:
            entry["description"] = text
        default = field.default
        if default is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        if default is not msgspec.NODEFAULT:
            entry["default"] = plain(default)
        properties[field.encode_name] = entry
    return {
        "type": "object",
        "description": inspect.getdoc(info.cls) or "",
        "properties": properties,
        "required": [field.encode_name for field in info.fields if field.required],
        "additionalProperties": not info.forbid_unknown_fields,
    }
