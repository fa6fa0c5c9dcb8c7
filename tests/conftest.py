"""Options and fixtures that every folder of tests may use."""

from __future__ import annotations

import os

import hypothesis
import pytest

# No test asserts a time, so neither does Hypothesis; `make check` looks at fewer random examples.
PATIENT = hypothesis.settings(
    deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile("patient", PATIENT)
hypothesis.settings.register_profile("quick", PATIENT, max_examples=25)
hypothesis.settings.load_profile("quick" if os.environ.get("GNOMON_QUICK") else "patient")


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
