"""Reads YAML into plain data that knows its lines, so that an error can point at the place."""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path as FilePath
from typing import Any, cast

import yaml

from gnomon.core.errors import SettingsError
from gnomon.core.settings import Located, Path

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: FilePath) -> Located:
    """The file's content; raises `SettingsError` when it cannot be read or parsed."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    return parse_yaml(text, str(path))


def parse_yaml(text: str, file: str = "") -> Located:
    """One YAML document. Duplicate keys are an error: the one that loses would be lost silently."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return Located(None, file, {})
        lines: dict[Path, int] = {}
        _walk(node, (), lines, file)
        return Located(loader.construct_document(node), file, lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{file}:{mark.line + 1}" if mark else file
        raise SettingsError(f"{place}: not valid YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        message = re.sub(r"\s+", " ", str(error)) or type(error).__name__
        raise SettingsError(f"{file}: not valid YAML: {message}") from None
    finally:
        loader.dispose()


def _walk(node: Any, path: Path, lines: dict[Path, int], file: str) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    if len(path) > 100:
        raise SettingsError(f"{file}:{node.start_mark.line + 1}: nested too deeply")
    if isinstance(node, yaml.MappingNode):
        seen: set[Hashable] = set()
        for key, value in cast(list[tuple[Any, Any]], node.value):
            name = cast(str, key.value) if isinstance(key, yaml.ScalarNode) else repr(key.value)
            line = key.start_mark.line + 1
            if name in seen and name != "<<":
                raise SettingsError(f"{file}:{line}: {name}: this key stands here twice")
            seen.add(name)
            lines[(*path, name)] = line
            _walk(value, (*path, name), lines, file)
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(cast(list[Any], node.value)):
            _walk(item, (*path, position), lines, file)
