"""The command: exit codes, help that explains itself, results on stdout and the rest on stderr."""

import json
import subprocess
import sys

import pytest

from gnomon.cli import main as command
from gnomon.cli._query import sparkline
from gnomon.cli.main import VERBS, main
from gnomon.cli.terminal import human_bytes, human_seconds, table


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_the_overview_names_every_verb(capsys, words):
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert all(verb in shown for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_explains_itself_with_three_examples(capsys, verb):
    assert main([verb, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.count(f"\n  gnomon {verb}") + shown.count("\n  gnomon --") >= 3
    assert "--json" in shown


def test_an_unknown_verb_gets_a_suggestion(capsys):
    assert main(["chekc"]) == 2
    assert "did you mean 'check'" in capsys.readouterr().err


def test_wrong_usage_is_exit_code_2(capsys):
    assert main(["version", "--bogus"]) == 2
    assert "usage:" in capsys.readouterr().err


def test_an_unreachable_server_is_exit_code_3(capsys):
    assert main(["query", "promql", "up", "--server", "http://127.0.0.1:9"]) == 3
    assert "127.0.0.1:9" in capsys.readouterr().err


def test_version_as_json(capsys):
    assert main(["version", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"version", "python", "platform"}


def test_an_interrupt_is_exit_code_130(monkeypatch):
    def interrupted(words):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_dispatch", interrupted)
    assert main(["version"]) == 130


def test_a_check_prints_json_lines_and_its_outcome_apart(capsys):
    assert main(["check", "load", "--json"]) == 0
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    assert {"metric", "labels", "kind", "value", "unit", "timestamp"} == set(lines[0])
    assert json.loads(err)["status"] == "ok"


def test_an_unknown_setting_of_a_check_is_exit_code_2(capsys):
    assert main(["check", "load", "--instance", "bogus=1"]) == 2
    assert "bogus: unknown key" in capsys.readouterr().err


def test_help_needs_none_of_the_heavy_libraries():
    """What makes help fast: measured in benchmarks, kept by this."""
    code = (
        "import sys; from gnomon.cli.main import main\n"
        f"for verb in {list(VERBS)!r}: main([verb, '--help'])\n"
        "heavy = {'duckdb', 'numpy', 'starlette', 'uvicorn', 'yaml', 'urllib3', 'psutil', 'msgspec'}\n"
        "sys.stderr.write(' '.join(sorted(heavy & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_sparklines():
    assert sparkline([1, 2, 3, 4], 4) == "▁▃▆█"
    assert sparkline([5, 5], 4) == "▁▁"
    assert sparkline([1, float("nan"), 2], 4) == "▁ █"
    assert sparkline([], 4) == ""


def test_units_for_people():
    assert human_bytes(1536) == "1.5 KiB"
    assert [human_seconds(s) for s in (0.02, 5, 93, 7260, 200_000)] == [
        "20ms",
        "5s",
        "1m33s",
        "2h01m",
        "2d7h",
    ]


def test_tables_align(capsys):
    assert table(("a", "bb"), [("xxx", "y")]) == "a    bb\nxxx  y\n"
