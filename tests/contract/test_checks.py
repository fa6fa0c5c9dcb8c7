"""What every check promises, whoever wrote it: run over all that are registered."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gnomon.agent.config import instance_spec
from gnomon.core.component import Context
from gnomon.core.errors import GnomonError, SettingsError
from gnomon.core.model import Kind, Metric
from gnomon.core.registry import CHECKS
from gnomon.core.schema import field_docs
from gnomon.core.settings import Located, OpenSettings, Settings, build
from gnomon.core.telemetry import Telemetry
from gnomon.runtime.yaml_file import parse_yaml
from gnomon.testing import golden, reference
from gnomon.testing.clock import FakeClock
from gnomon.testing.output import RecordingOutput

TESTS = Path(__file__).parents[1]
CASES = golden.cases(TESTS / "golden" / "checks")
NAMES = CHECKS.names()
NAME = re.compile(r"[a-z][a-z0-9_]*(\.[A-Za-z0-9_<>]+)+")


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def kind(name: str) -> Any:
    return CHECKS.load(name)


@pytest.fixture
def declared(name: str) -> dict[str, Metric]:
    return {metric.name: metric for metric in reference.module_of(name).METRICS}


def context(root: Path) -> Context:
    return Context("test", FakeClock(), Telemetry(), logging.getLogger("gnomon.test"), root)


def example_instances(name: str) -> list[Located]:
    """The instances of the example on the reference page."""
    located = parse_yaml(reference.example_of(name), f"{name}.yaml")
    assert set(located.data) == {"init_config", "instances"}
    return [located.at("instances", i) for i in range(len(located.data["instances"]))]


def plain_settings(name: str) -> Any:
    """The defaults; for a check that needs something, the first instance of its example."""
    kind = CHECKS.load(name)
    if not any(field.required for field in msgspec.structs.fields(kind.Settings)):
        return kind.Settings()
    spec = instance_spec(name, example_instances(name)[0], "example", 10.0)
    return build(spec.settings, kind.Settings)


def test_settings_are_immutable_and_every_field_is_explained(kind: Any) -> None:
    assert issubclass(kind.Settings, (Settings, OpenSettings))
    assert kind.Settings.__struct_config__.frozen
    assert kind.Settings.__doc__
    for of in (kind.Settings, *structs_in(kind.Settings)):
        for field, text in field_docs(of).items():
            assert text.endswith((".", "...", "”")), f"{of.__qualname__}.{field}: {text!r}"


def structs_in(of: type[Any]) -> list[type[Any]]:
    info = msgspec.inspect.type_info(of)
    return [
        inner.cls for field in info.fields for inner in reference._structs(field.type)
    ]  # fmt: skip


def test_metrics_are_declared_once_with_kind_unit_and_help(declared: dict[str, Metric], name: str):
    metrics = reference.module_of(name).METRICS
    assert isinstance(metrics, tuple)
    assert len(declared) == len(metrics), "a name is declared twice"
    for metric in metrics:
        assert NAME.fullmatch(metric.name), metric.name
        assert metric.kind in (Kind.GAUGE, Kind.COUNTER, Kind.RATE, Kind.COUNT)
        assert metric.help.endswith("."), f"{metric.name}: {metric.help!r}"
        assert (metric.kind is Kind.RATE) == metric.unit.endswith("/second") or not metric.unit


def test_no_metric_is_declared_by_two_checks(name: str, declared: dict[str, Metric]) -> None:
    for other in NAMES:
        if other != name:
            both = declared.keys() & {m.name for m in reference.module_of(other).METRICS}
            assert not both, f"{name} and {other}: {both}"


def test_class_attributes_are_of_the_kind_the_agent_expects(kind: Any) -> None:
    assert kind.__doc__
    assert getattr(kind, "DEFAULT", False) in (True, False)
    assert set(getattr(kind, "PLATFORMS", ())) <= {"linux", "darwin", "win32"}
    assert getattr(kind, "INTERVAL", 1) > 0
    if getattr(kind, "DEFAULT", False):
        assert kind.Settings() == kind.Settings(), "runs by itself, so needs no settings"


def test_example_is_valid(name: str) -> None:
    for located in example_instances(name):
        instance_spec(name, located, "example", 10.0)


def test_unknown_key_is_refused_with_its_line(name: str, kind: Any) -> None:
    if issubclass(kind.Settings, OpenSettings):
        pytest.skip("takes files written for another system, whatever they hold")
    located = parse_yaml("\nno_such_key_at_all: 1\n", "x.yaml")
    with pytest.raises(SettingsError, match=r"^x\.yaml:2: no_such_key_at_all: unknown key"):
        build(located, kind.Settings)


def test_building_opens_nothing_and_close_may_come_twice_and_first(
    name: str, kind: Any, tmp_path: Path
) -> None:
    before = open_files()
    check = kind(plain_settings(name), context(tmp_path))
    assert open_files() == before
    check.close()
    check.close()


def open_files() -> set[str]:
    folder = Path("/proc/self/fd")
    return {entry.name for entry in folder.iterdir()} if folder.exists() else set()


def test_a_host_without_anything_is_no_bug(name: str, kind: Any, tmp_path: Path) -> None:
    check = kind(plain_settings(name), context(tmp_path))
    out = RecordingOutput()
    for _ in range(2):
        out.begin(0, 0.0)
        message = collect(check, out)
        assert message != "", "an error says what is wrong"
        assert "\n" not in (message or ""), "in one line for a person"
    check.close()
    check.close()


def collect(check: Any, out: RecordingOutput) -> str | None:
    """The text of the error it ended in, if any; whatever else it raises is a bug."""
    try:
        check.collect(out)
    except GnomonError as error:
        return str(error)
    return None


def test_there_is_a_golden_case_or_a_real_server(name: str) -> None:
    golden_cases = [case for case in CASES if case.parent.name == name]
    assert golden_cases or (TESTS / "app" / f"test_{name}.py").exists()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_puts_nothing_that_is_not_declared(case: Path, tmp_path: Path, monkeypatch) -> None:
    module = reference.module_of(case.parent.name)
    patterns = [pattern_of(metric) for metric in module.METRICS]
    statuses = set(getattr(module, "SERVICE_CHECKS", {}))
    seen: list[RecordingOutput] = []
    lines = RecordingOutput.lines

    def look(self: RecordingOutput) -> list[str]:
        seen.append(self)
        for sample in self.batch:
            metric = sample.series.metric
            if metric.name == "service_check":
                assert sample.series.label("check") in statuses
            else:
                assert any(pattern.fullmatch(identity(metric)) for pattern in patterns), metric
        return lines(self)

    monkeypatch.setattr(RecordingOutput, "lines", look)
    golden.run(case, tmp_path)
    assert seen


def identity(metric: Metric) -> str:
    return f"{metric.name} {metric.kind} {metric.unit}"


def pattern_of(metric: Metric) -> re.Pattern[str]:
    """A part in angle brackets stands for any text."""
    return re.compile(re.sub(r"<\w+>", ".+", re.escape(identity(metric)).replace(r"\-", "-")))
