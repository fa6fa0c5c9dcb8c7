"""The declarations, and the page that is made from them."""

from pathlib import Path

import pytest

from gnomon.server.query.graphite.catalogue import FUNCTIONS
from gnomon.server.query.graphite.declare import SERIES, Group, Param, ParamType, function
from gnomon.server.query.graphite.description import described, reference_page

PAGE = Path(__file__).parents[5] / "docs/reference/graphite.md"


def test_the_reference_page_is_that_of_the_code():
    assert PAGE.read_text() == reference_page(), "run `make docs`"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_says_what_it_does(name):
    assert len(described(name)["description"]) > 10
    declared = FUNCTIONS[name]
    assert all(not param.multiple for param in declared.params[:-1])


def test_a_declaration_must_fit_its_function():
    with pytest.raises(ValueError, match="zip"):

        @function("wrong", Group.SPECIAL, SERIES, Param("n", ParamType.INTEGER))
        def wrong(series_list):
            """Lacks a parameter."""
