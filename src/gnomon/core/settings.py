"""Settings: typed, immutable, declared beside the component they belong to.

A component declares a frozen `msgspec.Struct` (see `Settings`). A settings file is read elsewhere
into a `Located`: plain data plus the line of each key. `build` turns one into the other, or raises
`SettingsError` with a line for a person: `agent.yaml:12: sinks[0].urll: unknown key; did you mean
'url'?`. JSON Schema and the reference pages are made from the same Structs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, TypeVar, cast

import msgspec

from gnomon.core.errors import SettingsError, did_you_mean

Path = tuple[str | int, ...]
"""Where in a settings tree: `("sinks", 0, "url")`."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all settings; every field has a default or is required, and a docstring."""


class OpenSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that ignore keys they do not know: for files written for another system."""


class Duration(float):
    """Seconds. Written as a number of seconds or as `500ms`, `10s`, `5m`, `2h`, `7d`."""

    UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

    @classmethod
    def parse(cls, text: object) -> Duration:
        """From what stands in a settings file."""
        return cls(_quantity(text, cls.UNITS, "a duration such as 10s, 5m or 2h"))


class Size(int):
    """Bytes. Written as a number of bytes or as `512KB`, `50MB`, `2GB` (powers of 1024)."""

    UNITS = {
        suffix: 1024**power
        for power, suffixes in enumerate((("b",), ("kb", "k"), ("mb", "m"), ("gb", "g")))
        for suffix in suffixes
    }

    @classmethod
    def parse(cls, text: object) -> Size:
        """From what stands in a settings file."""
        return cls(_quantity(text, cls.UNITS, "a size such as 512KB, 50MB or 2GB"))


class Secret:
    """A value that never shows: not in `repr`, logs, errors nor `config show`.

    Written as text, or as `{file: PATH}`, `{env: NAME}` or `{command: "..."}`. A file or variable
    is read at once; a command is run by whoever reads the settings (see `build`).
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value; call it only where it is sent."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    @classmethod
    def parse(cls, value: object, run: Callable[[str], str] | None = None) -> Secret:
        """From what stands in a settings file."""
        if isinstance(value, (str, int)):
            return cls(str(value))
        if isinstance(value, Mapping):
            table = cast(Mapping[str, object], value)
            if len(table) == 1:
                (source, name) = next(iter(table.items()))
                return cls(_read_secret(source, str(name), run))
        raise ValueError("expected text, {file: PATH}, {env: NAME} or {command: ...}")


class Located(NamedTuple):
    """Plain data as read from a file, with the line of each key and item."""

    data: Any
    file: str = ""
    lines: Mapping[Path, int] = {}

    def at(self, *path: str | int) -> Located:
        """The part below `path`, with its lines."""
        data = self.data
        for step in path:
            data = data[step]
        size = len(path)
        below = {key[size:]: line for key, line in self.lines.items() if key[:size] == path}
        return Located(data, self.file, below)

    def where(self, path: Path = ()) -> str:
        """`file:line: key` of a path, as far as they are known."""
        line = None
        for size in range(len(path), -1, -1):
            line = self.lines.get(path[:size])
            if line is not None:
                break
        place = self.file + (f":{line}" if line is not None else "") if self.file else ""
        key = dotted(path)
        return ": ".join(part for part in (place, key) if part)

    def error(self, message: str, *path: str | int) -> SettingsError:
        """A `SettingsError` that points here."""
        where = self.where(path)
        return SettingsError(f"{where}: {message}" if where else message)


T = TypeVar("T")


def build(
    located: Located,
    into: type[T],
    run: Callable[[str], str] | None = None,
    also: Collection[str] = (),
) -> T:
    """Settings of type `into` from plain data.

    `run` executes the command of a secret and returns its output; `also` names keys that may stand
    here too, for the suggestion. Raises `SettingsError`.
    """

    def decode(target: type[Any], value: Any) -> Any:
        if target is Secret:
            return Secret.parse(value, run)
        if target in (Duration, Size):
            return target.parse(value)
        raise NotImplementedError(target)  # msgspec turns this into its own message

    data: Any = {} if located.data is None else located.data
    try:
        return msgspec.convert(data, into, dec_hook=decode)
    except msgspec.ValidationError as error:
        raise _explain(located, into, error, also) from None


def plain(settings: object) -> Any:
    """Settings as plain data for `config show`, secrets masked."""

    def encode(value: Any) -> Any:
        if isinstance(value, Secret):
            return "***"
        return int(value) if isinstance(value, Size) else float(value)

    return msgspec.to_builtins(settings, enc_hook=encode)


def dotted(path: Path) -> str:
    """`("sinks", 0, "url")` → `sinks[0].url`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def _quantity(value: object, units: Mapping[str, float], expected: str) -> float:
    if isinstance(value, bool):
        raise ValueError(f"expected {expected}")  # noqa: TRY004  # msgspec reports ValueErrors
    if isinstance(value, (int, float)):
        number, unit = float(value), 1.0
    else:
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", str(value))
        suffix = match.group(2).lower() if match else ""
        if match is None or (suffix and suffix not in units):
            raise ValueError(f"expected {expected}, got {value!r}")
        number, unit = float(match.group(1)), units.get(suffix, 1)
    if not 0 <= number < float("inf"):
        raise ValueError(f"expected {expected}, got {value!r}")
    return number * unit


def _read_secret(source: str, name: str, run: Callable[[str], str] | None) -> str:
    if source == "env":
        if name not in os.environ:
            raise ValueError(f"the environment variable {name} is not set")
        return os.environ[name]
    if source == "file":
        try:
            with open(name, encoding="utf-8") as file:  # noqa: PTH123  # core knows no paths
                return file.read().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"cannot read the secret from {name}: {error}") from None
    if source == "command" and run is not None:
        return run(name)
    raise ValueError(f"a secret comes from file, env or command, not from {source!r}")


_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


def _explain(
    located: Located, into: type[Any], error: msgspec.ValidationError, also: Collection[str]
) -> SettingsError:
    """The message of msgspec (`Expected `int`, got `str` - at `$.a[0].b``) in our form."""
    text, _, place = str(error).partition(" - at `")
    path: Path = tuple(
        int(index) if index.isdigit() else name or index
        for name, index in _STEP.findall(place.rstrip("`"))
    )
    path = _with_keys(located.data, path, text)
    unknown = re.search(r"unknown field `(.*)`", text)
    missing = re.search(r"missing required field `(.*)`", text)
    if unknown:
        key = unknown.group(1)
        known = sorted({*_fields_at(into, path), *(also if not path else ())})
        hint = did_you_mean(key, known) or f"; known keys: {', '.join(known)}"
        return located.error(f"unknown key{hint}", *path, key)
    if missing:
        return located.error(f"the key {missing.group(1)!r} is required here", *path)
    message = text.replace("`", "")
    return located.error(message[:1].lower() + message[1:], *path)


def _with_keys(data: Any, path: Path, text: str) -> Path:
    """The path with its `...` (any key of a mapping, says msgspec) made out, where possible."""
    if not path:
        return path
    step, rest = path[0], path[1:]
    if step == "..." and isinstance(data, Mapping):
        children = cast(Mapping[str, Any], data)
        found = next((key for key in children if _fits(children[key], rest, text)), None)
        if found is None:
            return ()
        step = found
    try:
        return (step, *_with_keys(data[step], rest, text))
    except (KeyError, IndexError, TypeError):
        return (step,)


def _fits(child: Any, rest: Path, text: str) -> bool:
    """Whether an error of this text can stand at `rest` below `child`."""
    for step in rest:
        try:
            child = child[step]
        except (KeyError, IndexError, TypeError):
            return step == "..."
    found = re.search(r"(unknown|required) field `(.*)`", text)
    if found is None:
        got = re.search(r"got `(\w+)`", text)
        return got is None or got.group(1) == _JSON_WORDS.get(type(cast(object, child)), "")
    return (found.group(2) in _keys(child)) is (found.group(1) == "unknown")


def _keys(value: object) -> Collection[str]:
    return cast(Mapping[str, Any], value) if isinstance(value, Mapping) else ()


_JSON_WORDS: dict[object, str] = {
    str: "str",
    int: "int",
    float: "float",
    bool: "bool",
    list: "array",
    dict: "object",
    type(None): "null",
}
"""What msgspec calls the types of plain data."""


def _fields_at(into: type[Any], path: Path) -> set[str]:
    """Field names of the Struct that `path` leads to."""
    info: Any = msgspec.inspect.type_info(into)
    for step in path:
        info = _structs(info, "fields" if isinstance(step, str) else "item_type")
        if isinstance(info, msgspec.inspect.StructType):
            fields = {field.encode_name: field.type for field in info.fields}
            info = fields.get(str(step))
        else:
            info = getattr(info, "item_type", None) or getattr(info, "value_type", None)
    info = _structs(info, "fields")
    return {field.encode_name for field in getattr(info, "fields", ())}


def _structs(info: Any, wanted: str) -> Any:
    """The member of a union that has `wanted`, or the type itself."""
    for member in getattr(info, "types", ()):
        if hasattr(member, wanted) or hasattr(member, "value_type"):
            return member
    return info
