"""Targets become trees, and errors say where."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.server.query.graphite.grammar import (
    Call,
    Literal,
    Path,
    SyntaxProblem,
    Template,
    parse,
    parse_prefix,
)


def test_nested_calls_with_all_kinds_of_literals():
    tree = parse("f(g(a.*.b, 1), -2.5, 1e3, 'x', \"y\", true, FALSE, None, inf, k=3)")
    assert isinstance(tree, Call)
    assert tree.name == "f"
    assert tree.arguments[0] == Call("g", (Path("a.*.b"), Literal(1)), {}, "g(a.*.b, 1)")
    assert tree.arguments[1:] == tuple(
        map(Literal, (-2.5, 1000.0, "x", "y", True, False, None, float("inf")))
    )
    assert tree.keywords == {"k": Literal(3)}


@pytest.mark.parametrize(
    "path",
    [
        "a",
        "a.b-c_d.e:f",
        "1min.load",
        "true.story",
        "none.of.it",
        "inf.x",
        "a.{b,c}.d",
        "a.{b.c,d{e,f}}",
        "servers.web[0-9].*.?",
        "disk.used;dc=eu;host=web1",
        "$host.load",
        "a=b",
        "größe.µ",
    ],
)
def test_paths(path):
    assert parse(path) == Path(path)


def test_escaped_characters_belong_to_a_path():
    assert parse(r"a\,b.c\(d\)") == Path("a,b.c(d)")


def test_strings_keep_their_backslashes():
    tree = parse(r"""aliasSub(a, "(\d+)\.", '\1"')""")
    assert tree.arguments[1:] == (Literal(r"(\d+)\."), Literal(r"\1" + '"'))


def test_a_number_is_one_only_when_nothing_follows_it():
    assert parse("f(5)").arguments == (Literal(5),)
    assert parse("f(5a.b)").arguments == (Path("5a.b"),)
    assert parse("f(5.load)").arguments == (Path("5.load"),)


def test_pipes_put_what_stands_before_them_first():
    piped, nested = parse("a.b | f(1) | g(x='y')"), parse("g(f(a.b,1),x='y')")
    assert piped.name == nested.name == "g"
    assert piped.arguments[0].arguments == nested.arguments[0].arguments
    assert piped.keywords == nested.keywords
    assert parse("f(a|g(2),3)").arguments[0].name == "g"


def test_templates():
    tree = parse("template(f(a.$x), 'one', 2, x='three')")
    assert isinstance(tree, Template)
    assert tree.values == {"1": "one", "2": 2, "x": "three"}


def test_white_space_is_allowed_between_words():
    assert parse(" f ( a , 1 ) ") == Call("f", (Path("a"), Literal(1)), {}, "f ( a , 1 )")


def test_the_raw_text_of_a_call_is_kept():
    assert parse("sum( seriesByTag('a=b') )").arguments[0].raw == "seriesByTag('a=b')"


def test_superfluous_brackets_at_the_end_are_let_pass():
    assert parse("f(a)))") == parse("f(a)")


@pytest.mark.parametrize(
    ("target", "position"),
    [
        ("", 1),
        ("f(", 3),
        ("f(a", 4),
        ("f(a,)", 5),
        ("f(a b)", 5),
        ("f(a) b", 6),
        ("f('a)", 3),
        ("a.{b", 5),
        ("a | b", 6),
        ("a | 5", 5),
        ("f(k=1, 2)", 9),
        ("template(a, b.c)", 13),
        (",", 1),
    ],
)
def test_errors_say_where(target, position):
    with pytest.raises(SyntaxProblem, match=f"at position {position} of"):
        parse(target)


def test_calls_inside_each_other_are_bounded():
    with pytest.raises(SyntaxProblem, match="more than 100 calls"):
        parse("f(" * 5000 + "a" + ")" * 5000)


def test_a_long_target_is_not_repeated_whole():
    with pytest.raises(SyntaxProblem) as caught:
        parse("f(" + "a," * 10_000)
    assert len(str(caught.value)) < 400


@settings(deadline=None)
@given(st.text(alphabet="fa.(){},'\"\\|= 15*-x", max_size=40))
def test_any_text_parses_or_is_refused(text):
    with suppress(SyntaxProblem):
        assert isinstance(parse(text), Path | Call | Template)


def test_a_prefix_is_enough_for_names():
    assert parse_prefix("a.b and more") == Path("a.b")
