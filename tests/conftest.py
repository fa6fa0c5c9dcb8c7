"""Options and fixtures that every folder of tests may use."""

from __future__ import annotations

import os

import hypothesis
import pytest

# `make check` looks at fewer random examples than `make test`.
hypothesis.settings.register_profile("quick", max_examples=25)
if os.environ.get("GNOMON_QUICK"):
    hypothesis.settings.load_profile("quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the expected texts of golden cases anew instead of comparing with them",
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of real processes get a second chance: a busy machine is no fault of ours.

    A rerun is printed, so a test that needs it often shows itself.
    """
    for item in items:
        if item.get_closest_marker("slow") is not None:
            item.add_marker(pytest.mark.flaky(reruns=2))
