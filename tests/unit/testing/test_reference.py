"""How settings look on a reference page."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from msgspec import inspect as mi

from gnomon.core.model import Metric
from gnomon.core.settings import Duration, Secret, Settings, Size
from gnomon.testing import reference


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (bool, "true or false"),
        (str | None, "text"),
        (int | str, "whole number or text"),
        (tuple[str, ...], "list of text"),
        (list[tuple[str, ...]], "list of list of text"),
        (dict[str, int], "mapping to whole number"),
        (tuple[float, float], "list of 2: number"),
        (Literal["a", "b"], "`a` or `b`"),
        (Duration, "duration"),
        (Size, "size"),
        (Secret, "secret"),
        (Settings, "settings"),
        (Any, "anything"),
    ],
)
def test_types_are_named_for_a_person(kind: Any, expected: str) -> None:
    assert reference.type_name(mi.type_info(kind)) == expected


class Inner(Settings, frozen=True, kw_only=True):
    """Inside."""

    depth: int = 3
    """How deep."""


class Sample(Settings, frozen=True, kw_only=True):
    """Of everything."""

    url: str
    """Where, `a|b`."""
    wait: Duration = Duration(1.5)
    """How
    long."""
    most: Size = Size(2 << 20)
    """How much."""
    odd: Size = Size(1000)
    """How much."""
    password: Secret = Secret("")
    """A secret."""
    names: tuple[str, ...] = ("a",)
    """Which."""
    inner: tuple[Inner, ...] = ()
    """More."""


def test_a_settings_class_becomes_tables() -> None:
    assert reference.settings_tables(Sample) == [
        "| key | type | default | what |",
        "| --- | --- | --- | --- |",
        r"| `url` | text | *required* | Where, `a\|b`. |",
        "| `wait` | duration | `1.5s` | How long. |",
        "| `most` | size | `2MB` | How much. |",
        "| `odd` | size | `1000` | How much. |",
        "| `password` | secret |  | A secret. |",
        '| `names` | list of text | `["a"]` | Which. |',
        "| `inner` | list of settings |  | More. |",
        "",
        "### `inner`",
        "",
        "| key | type | default | what |",
        "| --- | --- | --- | --- |",
        "| `depth` | whole number | `3` | How deep. |",
        "",
    ]


def test_when_a_check_runs() -> None:
    assert reference._when("systemd", _kind(DEFAULT=True, PLATFORMS=("linux",), INTERVAL=60.0)) == (
        "Runs by itself on Linux only, every 60 s unless told otherwise. "
        "Try it: `gnomon check systemd`."
    )
    assert reference._when("x", _kind()).startswith("Runs when configured on every system, at the")


def _kind(**attributes: Any) -> Any:
    return type("Kind", (), attributes)


def test_a_metric_is_a_row() -> None:
    assert reference._metric_row(Metric("a.b", unit="byte", help="What.")) == (
        ("`a.b`", "gauge", "byte", "What.")
    )
