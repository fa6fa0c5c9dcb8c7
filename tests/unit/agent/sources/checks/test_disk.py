from __future__ import annotations

import threading

import pytest

from gnomon.agent.sources.checks.disk.asking import Asker, Usage
from gnomon.core.errors import SettingsError

FULL = Usage(total=1000, free=0, available=0)


class Server:
    """File systems of which some do not answer until told."""

    def __init__(self, *lost: str) -> None:
        self.lost = {path: threading.Event() for path in lost}
        self.asked: list[str] = []

    def ask(self, path: str) -> Usage:
        self.asked.append(path)
        if path in self.lost:
            self.lost[path].wait(30)
        return FULL

    def back(self) -> None:
        for event in self.lost.values():
            event.set()


@pytest.fixture
def server():
    made = Server("/lost", "/lost2")
    yield made
    made.back()


def threads() -> int:
    return sum(thread.name == "disk" for thread in threading.enumerate())


def test_one_that_hangs_does_not_hold_up_the_others(server: Server) -> None:
    asker = Asker(server.ask)
    found = asker.round(["/", "/lost", "/home", "/lost2", "/srv"], 0.2)
    assert set(found.answered) == {"/", "/home", "/srv"}
    assert found.hanging == ["/lost", "/lost2"]


def test_one_that_hangs_is_left_alone_until_it_answers(server: Server) -> None:
    before = threads()
    asker = Asker(server.ask)
    asker.round(["/lost", "/"], 0.1)
    for _ in range(5):
        assert asker.round(["/lost", "/"], 0.1).hanging == ["/lost"]
    assert server.asked.count("/lost") == 1
    assert threads() - before <= 1
    server.back()
    for thread in [t for t in threading.enumerate() if t.name == "disk"]:
        thread.join(10)
    assert asker.round(["/lost", "/"], 5).hanging == []


def test_many_that_hang_cost_twice_the_timeout_at_most() -> None:
    paths = [f"/lost{number}" for number in range(20)] + ["/"]
    server = Server(*paths[:-1])
    asker = Asker(server.ask)
    found = asker.round(paths, 1 / 16)
    assert found.hanging == paths[:5], "one at the full patience, four at a quarter of it"
    assert not found.answered
    for _ in range(3):
        found = asker.round(paths, 1 / 16)
    assert set(found.hanging) >= set(paths[:-1])
    assert set(asker.round(paths, 5).answered) == {"/"}
    server.back()


def test_an_error_is_an_answer() -> None:
    def ask(path: str) -> Usage:
        raise OSError(5, "Input/output error")

    answer = Asker(ask).round(["/"], 1).answered["/"]
    assert isinstance(answer, OSError)


def test_a_real_file_system_answers(build, context) -> None:
    check = build("disk")
    usage = check.statvfs("/")
    assert 0 < usage.free <= usage.total
    assert usage.available <= usage.free


def test_hanging_mounts_are_reported_and_the_others_measured(build, run, context, server) -> None:
    context.proc().mkdir()
    context.proc("mounts").write_text("/dev/sda / ext4 rw 0 0\nnas:/x /lost nfs rw 0 0\n")
    check = build("disk", timeout=0.1)
    check._asker = Asker(server.ask)
    out = run(check)
    assert [(s.label("mount"), status.name, message) for s, status, message in out.statuses] == [
        ("/", "OK", ""),
        ("/lost", "CRITICAL", "no answer within 0.1 s"),
    ]
    assert out.value("system.disk.in_use", device="/dev/sda") == 1


@pytest.mark.parametrize("key", ["excluded_disk_re", "excluded_mountpoint_re"])
def test_a_wrong_expression_is_named(build, key: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{key}: '\(' is not a regular expression"):
        build("disk", **{key: "("})


def test_a_wrong_expression_of_a_tag_is_named(build) -> None:
    with pytest.raises(SettingsError, match=r"^device_tag_re: '\*' is not a regular expression"):
        build("disk", device_tag_re={"*": "a:b"})
