"""All functions by name, collected from the modules of `functions/`: none is listed anywhere."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

from gnomon.server.query.graphite import functions
from gnomon.server.query.graphite.declare import DECLARATION, Function
from gnomon.server.query.graphite.grammar import TargetError


def _collect() -> Mapping[str, Function]:
    found: dict[str, Function] = {}
    for info in pkgutil.iter_modules(functions.__path__):
        module = importlib.import_module(f"{functions.__name__}.{info.name}")
        for value in vars(module).values():
            declared = getattr(value, DECLARATION, None)
            if isinstance(declared, Function):
                for name in (declared.name, *declared.aliases):
                    if found.setdefault(name, declared) is not declared:
                        raise TypeError(f"two functions are called {name!r}")
    return MappingProxyType(dict(sorted(found.items())))


FUNCTIONS: Mapping[str, Function] = _collect()
"""Aliases included, sorted by name."""


def lookup(name: str) -> Function:
    """The function of this name; raises `TargetError` with what may have been meant."""
    found = FUNCTIONS.get(name)
    if found is None:
        close = get_close_matches(name, list(FUNCTIONS), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise TargetError(f"unknown function {name!r}{hint}")
    return found
