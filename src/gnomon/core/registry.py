"""Finds components by name without importing them all.

A kind of component (checks, sinks, ...) is a package of ours plus an entry point group for third
parties. Names are module names, so listing costs no import; a component is imported when it is
asked for, and so a missing optional dependency hurts only the component that needs it. Ours win
over third parties of the same name: a name in a settings file never changes its meaning by an
installed package.
"""

from __future__ import annotations

import importlib
import pkgutil
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from gnomon.core.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class Registry:
    """The components of one kind."""

    def __init__(self, kind: str, package: str, group: str) -> None:
        """`kind` is the word for people (`check`), `package` ours, `group` the entry points'."""
        self.kind = kind
        self.package = package
        self.group = group

    def names(self) -> list[str]:
        """All names, sorted; imports none of them."""
        return sorted({*self._ours(), *self._theirs()})

    def load(self, name: str) -> Any:
        """The component's class.

        Raises `SettingsError` for an unknown name ("did you mean") or a missing dependency (names
        the package to install).
        """
        if name in self._ours():
            module_name = f"{self.package}.{name}"
            try:
                return importlib.import_module(module_name).component
            except ModuleNotFoundError as error:
                raise self._missing(name, error) from error
        theirs = self._theirs()
        if name in theirs:
            try:
                return theirs[name].load()
            except ModuleNotFoundError as error:
                raise self._missing(name, error) from error
        raise SettingsError(f"{self.kind} {name!r} is not known{did_you_mean(name, self.names())}")

    def _ours(self) -> set[str]:
        spec = find_spec(self.package)
        locations = spec.submodule_search_locations if spec else None
        return {
            info.name
            for info in pkgutil.iter_modules(locations or ())
            if not info.name.startswith("_")
        }

    def _theirs(self) -> dict[str, EntryPoint]:
        from importlib.metadata import entry_points  # noqa: PLC0415  # 80 ms that help need not pay

        return {point.name: point for point in entry_points(group=self.group)}

    def _missing(self, name: str, error: ModuleNotFoundError) -> SettingsError:
        return SettingsError(
            f"{self.kind} {name!r} needs the Python module {error.name!r}, which is not installed; "
            f"install it with: pip install 'gnomon[all]'"
        )


CHECKS = Registry("check", "gnomon.agent.sources.checks", "gnomon.checks")
LISTENERS = Registry("listener", "gnomon.agent.sources.listeners", "gnomon.listeners")
PROCESSORS = Registry("processor", "gnomon.agent.processors", "gnomon.processors")
SINKS = Registry("sink", "gnomon.agent.sinks", "gnomon.sinks")
INGEST_ROUTES = Registry("ingest route", "gnomon.server.ingest.routes", "gnomon.ingest_routes")
