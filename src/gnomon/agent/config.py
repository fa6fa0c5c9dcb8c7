"""The agent's settings files: `agent.yaml` and `conf.d/*.yaml`, turned into a `Plan`.

`agent.yaml` composes; what a check or a sink can be told is declared beside it. A file in `conf.d`
has the form of Datadog's Agent (`init_config`, `instances`), so that old files drop in. A section
that cannot be used is `Broken`: shown red with the reason, while everything else runs. Only an
`agent.yaml` that cannot be read as a whole stops the start.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from gnomon.agent.pipeline.plan import (
    Broken,
    CheckSpec,
    ListenerSpec,
    Plan,
    SinkSpec,
    SourceLimits,
)
from gnomon.buffer.settings import BufferSettings
from gnomon.core.errors import SettingsError
from gnomon.core.registry import CHECKS, LISTENERS, SINKS, Registry
from gnomon.core.settings import Duration, Located, Settings, build
from gnomon.core.tags import tags_to_labels as from_tags
from gnomon.runtime.secrets import run_command
from gnomon.runtime.yaml_file import read_yaml

INSTANCE_KEYS = ("interval", "min_collection_interval", "deadline", "tags")
"""Keys that every check instance may have beside the check's own."""
DEFAULT_SERVER = "http://127.0.0.1:8420"


class AgentSettings(Settings, frozen=True, kw_only=True):
    """`agent.yaml`."""

    hostname: str = ""
    """Label `host` of all samples; "" takes the machine's name."""
    tags: list[str] | dict[str, str] = []
    """Labels added to all samples: `[env:prod]` or `{env: prod}`."""
    interval: Duration = Duration(10)
    """How often checks run that say nothing else."""
    burst: Duration = Duration(120)
    """For so long after the start host checks run every second; 0 to leave that out."""
    server: dict[str, Any] | None = {}
    """The server to report to (settings of the sink `gnomon`); `null` for none."""
    sinks: list[dict[str, Any]] = []
    """Further receivers: `{type: graphite, name: old, ...}`."""
    checks: dict[str, bool | dict[str, Any]] = {}
    """Host checks by name: `{cpu: {interval: 5s}, entropy: false}`."""
    listeners: dict[str, bool | dict[str, Any]] = {}
    """Listeners by name: `{statsd: {address: "0.0.0.0:8125"}, graphite: false}`."""
    conf_d: str = ""
    """Folder of check files; "" is `conf.d` beside this file."""
    discovery: bool = True
    """Whether services found on this host are monitored without being configured."""
    buffer: BufferSettings = BufferSettings()
    """Bounds of the queue in front of each sink."""
    limits: SourceLimits = SourceLimits()
    """Bounds for each source."""
    status: str = "127.0.0.1:5040"
    """Address of the agent's own status page and metrics; "" for none."""
    log_level: str = "info"
    """`debug`, `info`, `warning` or `error`."""


class Loaded(NamedTuple):
    """What the files say."""

    settings: AgentSettings
    plan: Plan
    hostname: str
    files: tuple[Path, ...]
    """Files and folders to watch for changes."""


def default_file() -> Path | None:
    """The settings file used when none is named: the first that exists, else none is needed."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    for path in (Path("/etc/gnomon/agent.yaml"), home / "gnomon" / "agent.yaml"):
        if path.exists():
            return path
    return None


def load(path: Path | None, server: str | None = None) -> Loaded:
    """Reads the settings; `server` overrides the URL. Raises `SettingsError` for `agent.yaml`."""
    located = read_yaml(path) if path else Located({}, "")
    settings = build(located, AgentSettings, run_command)
    labels = tags_to_labels(settings.tags, located, "tags")
    folder = Path(settings.conf_d) if settings.conf_d else path.parent / "conf.d" if path else None
    if folder is not None and path is not None and not folder.is_absolute():
        folder = path.parent / folder
    checks, broken = _checks(settings, located, folder)
    sinks, broken_sinks = _sinks(settings, located, server)
    listeners, broken_listeners = _listeners(settings, located)
    wrong = [*broken, *broken_sinks, *broken_listeners]
    plan = Plan(checks, sinks, listeners, wrong, labels, settings.limits)
    watched = tuple(item for item in (path, folder) if item is not None)
    return Loaded(settings, plan, settings.hostname or socket.gethostname(), watched)


def tags_to_labels(tags: object, located: Located = Located(None), key: str = "") -> dict[str, str]:  # noqa: B008
    """Labels from what stands under `tags`: a mapping, or a list of `key:value`."""
    if tags is None:
        return {}
    if isinstance(tags, Mapping):
        return {str(name): str(value) for name, value in cast(Mapping[Any, Any], tags).items()}
    if isinstance(tags, str) or not isinstance(tags, Iterable):
        raise located.error("expected a list such as [env:prod] or a mapping", key)
    return from_tags(str(tag) for tag in cast(Iterable[Any], tags))


def instance_spec(
    check: str, located: Located, origin: str, default_interval: float, name: str = ""
) -> CheckSpec:
    """A spec from the keys of one instance, and proof that the check accepts the rest of them."""
    data = located.data
    if data is None:
        data = {}
    if not isinstance(data, Mapping):
        raise located.error("expected a mapping of settings")
    rest = dict(cast(Mapping[str, Any], data))
    interval = _duration(located, rest, ("interval", "min_collection_interval"))
    deadline = _duration(located, rest, ("deadline",))
    labels = tags_to_labels(rest.pop("tags", None), located, "tags")
    own = Located(rest, located.file, located.lines)
    kind = CHECKS.load(check)
    build(own, kind.Settings, run_command, INSTANCE_KEYS)
    return CheckSpec(
        check,
        name,
        own,
        interval or float(getattr(kind, "INTERVAL", 0)) or float(default_interval),
        labels,
        origin,
        deadline or 0.0,
    )


def defaults(registry: Registry) -> list[str]:
    """Components that run without being configured (`DEFAULT = True` on their class)."""
    names: list[str] = []
    for name in registry.names():
        try:
            kind = registry.load(name)
        except SettingsError:
            continue  # a missing optional dependency: not one of the defaults
        if getattr(kind, "DEFAULT", False):
            names.append(name)
    return names


def _duration(located: Located, data: dict[str, Any], keys: tuple[str, ...]) -> float | None:
    for key in keys:
        value = data.pop(key, None)
        if value is None:
            continue
        try:
            seconds = Duration.parse(value)
        except ValueError as error:
            raise located.error(str(error), key) from None
        if seconds > 0:
            return float(seconds)
    return None


def _checks(
    settings: AgentSettings, located: Located, folder: Path | None
) -> tuple[list[CheckSpec], list[Broken]]:
    specs: list[CheckSpec] = []
    broken: list[Broken] = []
    configured: set[str] = set()
    for file in _check_files(folder):
        name = file.name.split(".")[0]
        configured.add(name)
        try:
            specs += _file_specs(name, read_yaml(file), settings.interval)
        except SettingsError as error:
            broken.append(Broken("check", name, str(error)))
    for name, value in settings.checks.items():
        configured.add(name)
        if value is False:
            continue
        section = located.at("checks", name)
        section = section._replace(data={}) if value is True else section
        try:
            specs.append(instance_spec(name, section, "settings", settings.interval))
        except SettingsError as error:
            broken.append(Broken("check", name, str(error)))
    for name in defaults(CHECKS):
        if name not in configured:
            specs.append(instance_spec(name, Located({}), "default", settings.interval))
    return specs, broken


def _listeners(
    settings: AgentSettings, located: Located
) -> tuple[list[ListenerSpec], list[Broken]]:
    specs: list[ListenerSpec] = []
    broken: list[Broken] = []
    for name in sorted({*defaults(LISTENERS), *settings.listeners}):
        value = settings.listeners.get(name, True)
        if value is False:
            continue
        section = Located({}) if value is True else located.at("listeners", name)
        try:
            build(section, LISTENERS.load(name).Settings, run_command)
            specs.append(ListenerSpec(name, section))
        except SettingsError as error:
            broken.append(Broken("listener", name, str(error)))
    return specs, broken


def _check_files(folder: Path | None) -> list[Path]:
    """`*.yaml`, and `*.yaml.default` whose check has no `.yaml` (as Agent 5 does)."""
    if folder is None or not folder.is_dir():
        return []
    own = {file.name.split(".")[0]: file for file in sorted(folder.glob("*.yaml.default"))}
    own |= {file.name.split(".")[0]: file for file in sorted(folder.glob("*.y*ml"))}
    return [own[name] for name in sorted(own)]


def _file_specs(check: str, located: Located, default_interval: float) -> list[CheckSpec]:
    """The instances of one `conf.d` file."""
    data = located.data
    if not isinstance(data, Mapping) or "instances" not in data:
        raise located.error("expected the keys init_config and instances")
    table = cast(Mapping[str, Any], data)
    instances = table["instances"]
    if not isinstance(instances, list) or not instances:
        raise located.error("expected a list with at least one instance", "instances")
    shared: object = table.get("init_config") or {}
    if not isinstance(shared, Mapping):
        raise located.error("expected a mapping", "init_config")
    items = cast(list[Any], instances)
    names = _instance_names(items)
    specs: list[CheckSpec] = []
    for position, item in enumerate(items):
        part = located.at("instances", position)
        if isinstance(item, Mapping):
            part = part._replace(
                data={
                    **_defaults(check, cast(Mapping[str, Any], shared)),
                    **cast(Mapping[str, Any], item),
                }
            )
        specs.append(instance_spec(check, part, "settings", default_interval, names[position]))
    return specs


def _defaults(check: str, shared: Mapping[str, Any]) -> dict[str, Any]:
    """What of `init_config` the instances may inherit: the keys they have themselves."""
    fields = {*CHECKS.load(check).Settings.__struct_fields__, "min_collection_interval", "interval"}
    return {key: value for key, value in shared.items() if key in fields}


def _instance_names(items: list[Any]) -> list[str]:
    """A short name for each: "" for a single one, else what tells them apart."""
    if len(items) == 1:
        return [""]
    names: list[str] = []
    for position, item in enumerate(items):
        data = cast(Mapping[str, Any], item if isinstance(item, dict) else {})
        parts = [
            str(data[key]) for key in ("name", "url", "host", "server", "port") if data.get(key)
        ]
        name = ":".join(parts[:2]) or str(position)
        names.append(name if name not in names else f"{name}:{position}")
    return names


def _sinks(
    settings: AgentSettings, located: Located, server: str | None
) -> tuple[list[SinkSpec], list[Broken]]:
    specs: list[SinkSpec] = []
    broken: list[Broken] = []
    if settings.server is not None:
        part = located.at("server") if settings.server else Located({})
        link = {"url": DEFAULT_SERVER, **settings.server, **({"url": server} if server else {})}
        try:
            build(part._replace(data=link), SINKS.load("gnomon").Settings, run_command)
            specs.append(SinkSpec("gnomon", "server", Located(link), settings.buffer))
        except SettingsError as error:
            broken.append(Broken("sink", "server", str(error)))
    for position, item in enumerate(settings.sinks):
        part = located.at("sinks", position)
        rest = dict(item)
        sink = str(rest.pop("type", ""))
        name = str(rest.pop("name", sink))
        try:
            if not sink:
                raise part.error("the key 'type' is required here")
            if any(spec.name == name for spec in specs):
                raise part.error(f"two sinks are called {name!r}; give one another name", "name")
            queue = build(Located(rest.pop("buffer", {}), part.file), BufferSettings)
            own = Located(rest, part.file, part.lines)
            build(own, SINKS.load(sink).Settings, run_command)
            specs.append(SinkSpec(sink, name, own, queue))
        except SettingsError as error:
            broken.append(Broken("sink", name or f"sinks[{position}]", str(error)))
    return specs, broken
