import errno
import os
import random
import subprocess
import sys

import pytest

from gnomon.buffer.files import OsFile, OsFiles
from gnomon.core.errors import Permanent
from gnomon.testing.faults import FaultyFiles


def test_short_writes_are_gone_on_with(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:3]))
    file = OsFiles().create(tmp_path / "x")
    file.write(0, b"0123456789")
    file.write(4, b"ABCDEFG")
    file.close()
    assert (tmp_path / "x").read_bytes() == b"0123ABCDEFG"


def test_a_disk_that_fills_up_in_the_middle(tmp_path, monkeypatch):
    write, room = os.write, [4]

    def limited(fd, data):
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(fd, bytes(data)[: room[0]])
        room[0] -= written
        return written

    monkeypatch.setattr(os, "write", limited)
    file = OsFiles().create(tmp_path / "x")
    with pytest.raises(OSError, match="No space"):
        file.write(0, b"0123456789")
    file.truncate(0)
    file.close()
    assert (tmp_path / "x").read_bytes() == b""


def test_a_new_file_must_be_new(tmp_path):
    OsFiles().create(tmp_path / "x").close()
    with pytest.raises(FileExistsError):
        OsFiles().create(tmp_path / "x")
    with pytest.raises(FileNotFoundError):
        OsFiles().open(tmp_path / "y")


def test_closing_twice_and_syncing_the_closed(tmp_path):
    file = OsFile(tmp_path / "x", os.O_RDWR | os.O_CREAT)
    file.close()
    file.close()
    file.sync()


def test_a_folder_is_held_against_another_process(tmp_path):
    code = (
        "import sys; from pathlib import Path; from gnomon.buffer.files import OsFiles\n"
        "lock = OsFiles().lock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    path = tmp_path / "folder" / "lock"
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(Permanent, match=f"folder is in use by process {other.pid};"):
            OsFiles().lock(path)
    finally:
        other.kill()
        other.communicate()
    lock = OsFiles().lock(path)  # a killed process holds nothing
    assert path.read_text() == f"{os.getpid()}\n"
    lock.release()
    lock.release()


def attempt(method, *args):
    try:
        return method(*args)
    except OSError as error:
        return type(error)


class Both:
    """The real files and the simulated ones; each call goes to both."""

    def __init__(self, *pair):
        self.pair = pair

    def __getattr__(self, name):
        def call(*args):
            results = [attempt(getattr(one, name), *args) for one in self.pair]
            if hasattr(results[0], "truncate"):
                return Both(*results)
            assert results[0] == results[1], name
            return results[0]

        return call


@pytest.mark.parametrize("seed", range(5))
def test_the_simulated_files_do_what_the_real_ones_do(tmp_path, seed):
    rng = random.Random(seed)
    files = Both(OsFiles(), FaultyFiles())
    handles = {}
    for _ in range(200):
        path, other = (tmp_path / rng.choice("abc") for _ in range(2))
        match rng.choice(["create", "write", "truncate", "replace", "remove", "read", "sync"]):
            case "create":
                file = files.create(path)
                if isinstance(file, Both):
                    handles[path] = file
            case "write" if path in handles:
                handles[path].write(rng.randrange(30), rng.randbytes(rng.randrange(20)))
            case "truncate" if path in handles:
                handles[path].truncate(rng.randrange(files.size(path) + 1))
            case "replace" if path in handles and path != other:
                files.replace(path, other)
                handles[other] = handles.pop(path)
            case "remove":
                files.remove(path)
                handles.pop(path, None)
            case "read":
                files.read(path, rng.randrange(30), rng.choice([-1, 7]))
            case "sync":
                files.sync_folder(tmp_path)
                if path in handles:
                    handles[path].sync()
        for path in (tmp_path / name for name in "abc"):
            files.read(path)
            files.size(path)
    assert {path.name for path in handles} == {path.name for path in tmp_path.iterdir()}
    for file in handles.values():
        file.close()
