"""Temperatures of processors, boards and disks, as their sensors tell the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gnomon.agent.sources import procfs
from gnomon.core import settings
from gnomon.core.component import Context, Output
from gnomon.core.errors import NoData
from gnomon.core.model import Metric

TEMPERATURE = Metric("system.temperature", unit="celsius", help="Label `sensor`.")
CRITICAL = Metric(
    "system.temperature.critical", unit="celsius", help="Above this it breaks. Label `sensor`."
)
METRICS = (TEMPERATURE, CRITICAL)


class Settings(settings.Settings, frozen=True, kw_only=True):
    """There is nothing to set."""


class Temperature:
    """Reads `/sys/class/hwmon`, or `/sys/class/thermal` where there is none; psutil elsewhere."""

    Settings = Settings
    DEFAULT = True
    INTERVAL = 60.0

    def __init__(self, settings_: Settings, context: Context) -> None:
        del settings_
        self._hwmon = context.sys("class", "hwmon")
        self._thermal = context.sys("class", "thermal")

    def collect(self, out: Output) -> None:
        """Puts each sensor; two of one name are told apart by a number."""
        sensors = self._read() if procfs.LINUX else read_psutil()
        names: dict[str, int] = {}
        for name, now, critical in sensors:
            names[name] = names.get(name, 0) + 1
            label = name if names[name] == 1 else f"{name} {names[name]}"
            out.put(TEMPERATURE, now, sensor=label)
            if critical is not None:
                out.put(CRITICAL, critical, sensor=label)
        if not names:
            raise NoData("this host has no temperature sensor the kernel knows")

    def _read(self) -> Iterator[tuple[str, float, float | None]]:
        found = False
        for file in sorted(self._hwmon.glob("hwmon*/temp*_input")):
            celsius = milli(file)
            if celsius is not None:
                found = True
                stem = file.name.removesuffix("_input")
                yield sensor_name(file.parent, stem), celsius, milli(file.with_name(f"{stem}_crit"))
        if not found:
            for zone in sorted(self._thermal.glob("thermal_zone*")):
                celsius = milli(zone / "temp")
                if celsius is not None:
                    name = procfs.text(procfs.read_if_there(zone / "type").strip())
                    yield name or zone.name, celsius, None

    def close(self) -> None:
        """Holds nothing open."""


component = Temperature


def milli(file: Path) -> float | None:
    """Degrees from a file in thousandths of a degree; None if it holds no number."""
    value = procfs.number(procfs.read_if_there(file))
    return None if value is None else value / 1000


def sensor_name(chip: Path, stem: str) -> str:
    """`coretemp Package id 0`, or `nvme temp1` where the sensor has no label."""
    driver = procfs.text(procfs.read_if_there(chip / "name").strip()) or chip.name
    label = procfs.text(procfs.read_if_there(chip / f"{stem}_label").strip())
    return f"{driver} {label or stem}"


def read_psutil() -> Iterator[tuple[str, float, float | None]]:
    """The same from psutil, which knows some on FreeBSD only."""
    import psutil  # noqa: PLC0415  # only where there is no /sys

    sensors: dict[str, Any] = getattr(psutil, "sensors_temperatures", dict)()
    for chip, entries in sensors.items():
        for entry in entries:
            yield f"{chip} {entry.label}".strip(), entry.current, entry.critical
