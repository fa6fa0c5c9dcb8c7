"""Names in the tree, and patterns over them."""

import pytest

from gnomon.core.model import Metric, Series, labels_of
from gnomon.server.query.graphite.glob import expand_braces, split_nodes
from gnomon.server.query.graphite.grammar import TargetError
from gnomon.server.query.graphite.names import (
    parse_tagged,
    tagged_path,
    tags_of,
    tree_path,
)
from gnomon.server.query.graphite.tree import Tree


def labelled(metric, /, **labels):
    return Series(Metric(metric), labels_of(labels))


@pytest.mark.parametrize(
    ("series", "path"),
    [
        (labelled("servers.web1.load"), "servers.web1.load"),
        (labelled("system.load.1", host="web1"), "web1.system.load.1"),
        (labelled("system.cpu.user", host="a", cpu="3", mode="x"), "a.system.cpu.user.3.x"),
        (labelled("up", job="node", instance="db:9100"), "up.db:9100.node"),
        (labelled("disk", host="web1.example.com"), "web1_example_com.disk"),
        (labelled("disk", host="a", device="/var/lib"), "a.disk._var_lib"),
        (labelled("x", host="a b{c},(d)*?[e]|\"'\\"), "a_b_c___d___" + "_e_" + "_____"[:4] + ".x"),
        (labelled("with space(1)"), "with_space_1_"),
        (labelled("a..b."), "a.b"),
    ],
)
def test_paths(series, path):
    assert tree_path(series) == path


def test_tags():
    series = labelled("disk.used", host="web1", name="root", dc="eu")
    assert tagged_path(series) == "disk.used;dc=eu;exported_name=root;host=web1"
    assert tags_of(series) == {
        "name": "disk.used",
        "host": "web1",
        "dc": "eu",
        "exported_name": "root",
    }
    assert parse_tagged(tagged_path(series)) == (series.name, series.labels)


@pytest.fixture
def tree():
    names = ("a.b.c", "a.b.d", "a.x.c", "a.b", "z", "web1.load", "web10.load", "web2.load")
    return Tree(Series.of(name) for name in names)


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("*", ["a", "web1", "web10", "web2", "z"]),
        ("a.*", ["a.b", "a.x"]),
        ("a.*.c", ["a.b.c", "a.x.c"]),
        ("a.{b,x}.c", ["a.b.c", "a.x.c"]),
        ("{a.b,web1}.{c,load}", ["a.b.c", "web1.load"]),
        ("web?.load", ["web1.load", "web2.load"]),
        ("web[0-1]*.load", ["web1.load", "web10.load"]),
        ("web[!2].load", ["web1.load"]),
        ("**.c", ["a.b.c", "a.x.c"]),
        ("a.**", ["a.b", "a.b.c", "a.b.d", "a.x", "a.x.c"]),
        ("A.*", []),
        ("a.b.c.d", []),
        ("a{,b}.b", ["a.b"]),
    ],
)
def test_find(tree, pattern, paths):
    assert [found.path for found in tree.find(pattern)] == paths


def test_a_node_may_be_branch_and_leaf(tree):
    (found,) = tree.find("a.b")
    assert found.node.children
    assert found.node.series
    assert [leaf.path for leaf in tree.leaves("a.*")] == ["a.b"]


def test_refresh_adds_what_is_new_and_drops_what_is_gone(tree):
    series = [Series.of("a.b.c"), Series.of("new.one")]
    tree.refresh([*(Series.of(path) for path in tree.paths()), Series.of("new.one")])
    assert [found.path for found in tree.find("new.*")] == ["new.one"]
    tree.refresh(series)
    assert tree.paths() == ["a.b.c", "new.one"]
    assert len(tree) == 2


def test_series_that_share_a_path_share_a_leaf():
    tree = Tree([labelled("x", host="a/b"), labelled("x", host="a.b")])
    (found,) = tree.find("a_b.x")
    assert len(found.node.series) == 2


def test_braces():
    assert expand_braces("a{b,c{d,e}}f") == ["abf", "acdf", "acef"]
    assert expand_braces("{a}") == ["a"]
    assert expand_braces("a{b") == ["a{b"]
    with pytest.raises(TargetError, match="variants"):
        expand_braces("{a,b,c,d,e,f,g,h,i,j}" * 6)
    assert split_nodes("a.{b.c,d}.e") == ["a", "{b.c,d}", "e"]
