"""The harness of golden cases itself: a wrong check must not slip through it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gnomon.core.component import Context
from gnomon.core.errors import SettingsError
from gnomon.core.model import Event, Kind, Metric, Series, Status
from gnomon.core.registry import Registry
from gnomon.testing import golden
from gnomon.testing.output import RecordingOutput, written


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A case of the check `load`, with one run."""
    folder = tmp_path / "load" / "some-case"
    (folder / "1" / "proc").mkdir(parents=True)
    (folder / "1" / "proc" / "loadavg").write_text("1.5 1.0 0.5 1/80 1\n")
    return folder


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def test_says_what_each_run_put(case: Path, scratch: Path) -> None:
    (case / "2").mkdir()
    assert golden.run(case, scratch) == (
        "# run 1\n"
        'system.load.15{host="test"} 0.5 - gauge\n'
        'system.load.1{host="test"} 1.5 - gauge\n'
        'system.load.5{host="test"} 1 - gauge\n'
        "# run 2\n"
        "NoData: /proc/loadavg does not exist here\n"
    )


def test_a_difference_fails_and_says_where(tmp_path: Path) -> None:
    file = tmp_path / "expected.txt"
    golden.compare(file, "a 1\n", update=True)
    golden.compare(file, "a 1\n", update=False)
    with pytest.raises(AssertionError, match=r"expected\.txt differs"):
        golden.compare(file, "a 2\n", update=False)
    with pytest.raises(AssertionError):
        golden.compare(tmp_path / "none.txt", "a 1\n", update=False)


def test_a_case_without_a_run_is_a_mistake(case: Path, scratch: Path) -> None:
    (case / "1").rename(case / "first")
    with pytest.raises(AssertionError, match="has no folder 1/"):
        golden.run(case, scratch)


def test_wrong_settings_of_a_case_are_told(case: Path, scratch: Path) -> None:
    (case / "settings.yaml").write_text("colour: red\n")
    with pytest.raises(SettingsError, match="colour: unknown key"):
        golden.run(case, scratch)
    (case / "settings.yaml").unlink()
    (case / "1.yaml").write_text("calls: {}\nagess: {}\n")
    with pytest.raises(SettingsError, match="did you mean 'ages'"):
        golden.run(case, scratch)


def test_a_file_that_grew_is_appended_to_and_any_other_is_a_new_one(tmp_path: Path) -> None:
    root = tmp_path / "root"
    trees = [tmp_path / name for name in "123"]
    for folder in (root, *trees):
        folder.mkdir()
    for tree, text in zip(trees, ("one\n", "one\ntwo\n", "new\n"), strict=True):
        (tree / "log").write_text(text)
    (trees[0] / "folder").mkdir()
    (trees[0] / "folder" / "gone").touch()
    (trees[1] / "link").symlink_to("log")
    golden.lay(trees[0], root)
    first = (root / "log").stat().st_ino
    golden.lay(trees[1], root)
    assert (root / "log").stat().st_ino == first
    assert (root / "link").read_text() == "one\ntwo\n"
    assert not (root / "folder").exists()
    held = (root / "log").open()
    golden.lay(trees[2], root)
    assert (root / "log").read_text() == "new\n"
    assert held.read() == "one\ntwo\n", "whoever holds the old file still sees it"
    held.close()
    assert not (root / "link").exists()


class Asking:
    """A check that asks the kernel by calls."""

    def __init__(self, settings: object, context: Context) -> None:
        self.clock = context.clock
        self.root = context.root

    def size(self, name: str) -> int:
        raise AssertionError("the real kernel is asked")

    def pair(self) -> tuple[int, str]:
        return 7, "real"

    def collect(self, out: RecordingOutput) -> None:
        out.put(Metric("a.size"), self.size("x"))
        out.put(Metric("a.pair", unit=self.pair()[1]), self.pair()[0])
        age = self.clock.now() / 1000 - (self.root / "file").stat().st_mtime
        out.put(Metric("a.age", unit="second"), age)

    def close(self) -> None:
        pass


@pytest.fixture
def asking(tmp_path: Path, monkeypatch) -> Path:
    from gnomon.core.settings import Settings

    Asking.Settings = Settings
    monkeypatch.setattr(Registry, "load", lambda self, name: Asking)
    folder = tmp_path / "asking" / "case"
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "file").touch()
    return folder


def test_calls_are_answered_by_the_case(asking: Path, scratch: Path) -> None:
    (asking / "1.yaml").write_text("calls:\n  size: {x: 12}\n  pair: [3, apples]\nages: {file: 90}")
    assert golden.run(asking, scratch).splitlines()[1:] == [
        'a.age{host="test"} 90 second gauge',
        'a.pair{host="test"} 3 apples gauge',
        'a.size{host="test"} 12 - gauge',
    ]


def test_a_call_may_fail_and_one_not_named_is_real(asking: Path, scratch: Path) -> None:
    (asking / "1.yaml").write_text("calls:\n  size: {x: {raises: ESTALE}}\n")
    with pytest.raises(OSError, match=os.strerror(116)):
        golden.run(asking, scratch)
    (asking / "1.yaml").write_text("calls:\n  size: {x: 1}\n")
    assert 'a.pair{host="test"} 7 real gauge' in golden.run(asking, scratch)


def test_cases_are_found_by_check_and_name(tmp_path: Path) -> None:
    for name in ("b/two", "a/one", "_parts/x", "a/.hidden"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "README").touch()
    assert golden.cases(tmp_path) == [
        tmp_path / "a/.hidden",
        tmp_path / "a/one",
        tmp_path / "b/two",
    ]


def test_output_gives_rates_between_runs() -> None:
    out = RecordingOutput()
    total = Metric("bytes", Kind.RATE, "byte/second")
    out.begin(0, 100.0)
    out.rate(total, 1000, device="a")
    assert out.lines() == []
    out.begin(10_000, 110.0)
    out.rate(total, 1500, device="a")
    assert out.lines() == ['bytes{device="a",host="test"} 50 byte/second rate']
    assert out.value("bytes", device="a") == 50
    assert out.value("bytes", device="b") is None


def test_output_writes_service_checks_and_events() -> None:
    out = RecordingOutput()
    out.begin(0, 0.0)
    out.status("x.up", Status.CRITICAL, 'says "no"', {"port": "1"})
    out.event(Event(0, "deployed"))
    assert out.lines() == [
        'event info "deployed"',
        'event service_check "x.up is critical"',
        'service_check{check="x.up",host="test",port="1"} CRITICAL "says \\"no\\""',
    ]


def test_output_does_not_choose_between_several_series() -> None:
    out = RecordingOutput()
    out.begin(0, 0.0)
    for device in "ab":
        out.put(Metric("x"), 1, device=device)
    with pytest.raises(LookupError, match="2 series match"):
        out.value("x")


def test_labels_are_written_so_that_they_can_be_read_back() -> None:
    series = Series.of("x", device='a"b\\c\n', name="é")
    assert written(series) == 'x{device="a\\"b\\\\c\\n",name="é"}'
