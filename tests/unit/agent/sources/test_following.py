from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.agent.sources.following import Follower


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def append(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)


def lines(follower: Follower) -> list[str]:
    return [line.decode() for line in follower.look().lines]


def test_what_was_there_before_counts_as_read(log: Path) -> None:
    append(log, "old\n")
    follower = Follower(log, 1000)
    assert lines(follower) == []
    append(log, "new\n")
    assert lines(follower) == ["new"]
    assert lines(follower) == []
    follower.close()


def test_from_start_reads_what_was_there(log: Path) -> None:
    append(log, "old\n")
    follower = Follower(log, 1000, from_start=True)
    assert lines(follower) == ["old"]
    follower.close()


def test_a_file_that_appears_later_is_read_from_its_start(log: Path) -> None:
    follower = Follower(log, 1000)
    assert lines(follower) == []
    append(log, "first\n")
    assert lines(follower) == ["first"]
    follower.close()


def test_a_line_is_handed_out_once_it_has_its_end(log: Path) -> None:
    log.touch()
    follower = Follower(log, 1000)
    assert lines(follower) == []
    append(log, "ha")
    assert lines(follower) == []
    append(log, "lf\n")
    assert lines(follower) == ["half"]
    follower.close()


def test_a_rotated_file_is_read_to_its_end_first(log: Path) -> None:
    log.touch()
    follower = Follower(log, 1000)
    assert lines(follower) == []
    append(log, "one\n")
    log.rename(log.with_suffix(".1"))
    append(log.with_suffix(".1"), "late\nwithout an end")
    append(log, "two\n")
    assert lines(follower) == ["one", "late", "without an end", "two"]
    follower.close()


def test_the_limit_also_holds_across_a_rotation(log: Path) -> None:
    log.touch()
    follower = Follower(log, 4)
    assert lines(follower) == []
    append(log, "aaa\nbbb\n")
    log.rename(log.with_suffix(".1"))
    append(log, "ccc\n")
    assert follower.look() == ([b"aaa"], 4)
    assert follower.look() == ([b"bbb"], 0)
    assert follower.look() == ([b"ccc"], 0)
    follower.close()


def test_a_file_that_was_emptied_is_read_from_its_start(log: Path) -> None:
    append(log, "a long old line\n")
    follower = Follower(log, 1000)
    assert lines(follower) == []
    log.write_text("new\n")
    assert lines(follower) == ["new"]
    follower.close()


def test_a_removed_file_is_read_to_its_end_and_then_waited_for(log: Path) -> None:
    log.touch()
    follower = Follower(log, 1000)
    assert lines(follower) == []
    append(log, "last words\n")
    log.unlink()
    assert lines(follower) == ["last words"]
    assert lines(follower) == []
    append(log, "again\n")
    assert lines(follower) == ["again"]
    follower.close()


def test_a_line_without_end_does_not_grow_for_ever(log: Path) -> None:
    log.touch()
    follower = Follower(log, 4 << 20)
    assert lines(follower) == []
    append(log, "x" * (3 << 20))
    assert [len(line) for line in follower.look().lines] == [3 << 20]
    follower.close()


def test_closing_may_come_twice_and_before_the_first_look(log: Path) -> None:
    follower = Follower(log, 10)
    follower.close()
    append(log, "x\n")
    follower.look()
    follower.close()
    follower.close()


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.one_of(st.integers(1, 6), st.sampled_from(["rotate", "look"])), max_size=40),
    limit=st.integers(1, 40),
)
def test_whatever_happens_every_line_comes_once_and_in_order(
    tmp_path_factory, steps: list[int | str], limit: int
) -> None:
    log = tmp_path_factory.mktemp("log") / "app.log"
    log.touch()
    follower = Follower(log, limit)
    follower.look()
    written: list[str] = []
    found: list[str] = []
    rotated = False
    for step in steps:
        if step == "look":
            found += lines(follower)
            rotated = rotated and follower._rotated()
        elif step == "rotate":
            if not rotated:  # two rotations between two looks do lose the file in between
                log.rename(log.with_suffix(".1"))
                log.touch()
                rotated = True
        else:
            for _ in range(int(step)):
                written.append(f"line {len(written)}")
                append(log, written[-1] + "\n")
    for _ in range(2000):
        found += lines(follower)
        if found == written:
            break
    assert found == written
    follower.close()
