"""The agent's settings files: what they become, and what a person reads when they are wrong."""

from pathlib import Path

import pytest

from gnomon.agent.config import load, tags_to_labels
from gnomon.core.errors import SettingsError

BAD = sorted((Path(__file__).parents[2] / "config" / "bad").iterdir())


@pytest.fixture
def write(tmp_path):
    def write(text: str = "", **files: str) -> Path:
        for name, content in files.items():
            file = tmp_path / "conf.d" / (name.replace("__", ".") + ".yaml")
            file.parent.mkdir(exist_ok=True)
            file.write_text(content)
        path = tmp_path / "agent.yaml"
        path.write_text(text)
        return path

    return write


def named(loaded, name):
    return [spec for spec in loaded.plan.checks if spec.check == name]


def test_without_a_file_the_host_checks_run_and_report_to_this_host():
    loaded = load(None)
    assert {"cpu", "load", "memory"} <= {spec.check for spec in loaded.plan.checks}
    assert [(sink.name, sink.settings.data["url"]) for sink in loaded.plan.sinks] == [
        ("server", "http://127.0.0.1:8420")
    ]
    assert loaded.plan.broken == []


def test_the_command_line_wins_over_the_file(write):
    loaded = load(write("server: {url: 'http://a:1'}"), server="http://b:2")
    assert loaded.plan.sinks[0].settings.data["url"] == "http://b:2"


def test_a_check_can_be_switched_off_and_changed(write):
    loaded = load(write("checks: {cpu: false, load: {interval: 5s, tags: [a:b]}}"))
    assert named(loaded, "cpu") == []
    (spec,) = named(loaded, "load")
    assert (spec.interval, spec.labels, spec.origin) == (5.0, {"a": "b"}, "settings")


def test_a_check_file_of_the_datadog_agent_drops_in(write):
    loaded = load(
        write(
            load="init_config:\n  min_collection_interval: 30\n"
            "instances:\n  - tags: ['role:db', 'spare']\n  - min_collection_interval: 60\n"
        )
    )
    first, second = named(loaded, "load")
    assert (first.interval, first.labels) == (30.0, {"role": "db", "spare": "true"})
    assert second.interval == 60.0
    assert first.key != second.key


def test_a_default_file_counts_only_without_one_of_its_own(write, tmp_path):
    path = write("")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "load.yaml.default").write_text(
        "init_config:\ninstances: [{interval: 7}]"
    )
    assert named(load(path), "load")[0].interval == 7.0
    (tmp_path / "conf.d" / "load.yaml").write_text("init_config:\ninstances: [{interval: 9}]")
    assert [spec.interval for spec in named(load(path), "load")] == [9.0]


def test_a_broken_section_does_not_touch_the_others(write):
    loaded = load(
        write("checks: {cpu: {bogus: 1}}\nsinks: [{type: nowhere}]", nosuch="instances: [{}]")
    )
    assert {(part.kind, part.name) for part in loaded.plan.broken} == {
        ("check", "cpu"),
        ("check", "nosuch"),
        ("sink", "nowhere"),
    }
    assert named(loaded, "cpu") == []
    assert named(loaded, "load")


def test_a_specs_equality_ignores_where_it_stands(write):
    one = named(load(write("checks: {load: {interval: 5}}")), "load")[0]
    two = named(load(write("\n\nchecks:\n  load: {interval: 5}")), "load")[0]
    assert one.same_as(two)
    assert not one.same_as(two._replace(interval=6.0))


@pytest.mark.parametrize(
    ("tags", "labels"),
    [
        (None, {}),
        (["a:b", "c"], {"a": "b", "c": "true"}),
        (["a:1", "a:2"], {"a": "1,2"}),
        (["url:http://x:1"], {"url": "http://x:1"}),
        ({"a": 1}, {"a": "1"}),
    ],
)
def test_tags_become_labels(tags, labels):
    assert tags_to_labels(tags) == labels


@pytest.mark.parametrize("case", BAD, ids=lambda path: path.name)
def test_the_museum_of_bad_settings(case):
    """Each folder: agent.yaml (and conf.d), and the exact lines a person is shown."""
    expected = (case / "expected.txt").read_text().splitlines()
    try:
        loaded = load(case / "agent.yaml")
    except SettingsError as error:
        shown = str(error).splitlines()
    else:
        shown = [part.message for part in loaded.plan.broken]
    assert [line.replace(str(case) + "/", "") for line in shown] == expected
