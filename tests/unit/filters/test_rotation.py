"""Files that are rotated when they have grown: by one of those who write, and no line is lost, torn or written twice."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastgw.filters import log_file
from fastgw.filters.log_file import LogFile, LogFiles
from fastgw.filters.rotation import Rotation

LINE = b"x" * 99 + b"\n"


@pytest.fixture
def files() -> Iterator[LogFiles]:
    files = LogFiles()
    yield files
    files.finish()
    assert not files.closing and not files._open


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log"


def sizes(path: Path) -> dict[str, int]:
    """Of the file, and of those beside it by their numbers."""
    return {one.name.partition("log")[2]: one.stat().st_size for one in path.parent.iterdir()}


def write(file: LogFile, data: bytes) -> None:
    """Have it written."""
    file.write(data)
    end = time.monotonic() + 20
    while file.pending:
        assert time.monotonic() < end
        threading.Event().wait(0.002)


def test_another_file_takes_its_place_before_it_grows_beyond_its_size(files: LogFiles, path: Path) -> None:
    file = files.acquire(str(path), Rotation(250, 2))
    for number in range(7):
        write(file, b"%d" % number + LINE[1:])
    files.release(file)
    files.finish()
    assert sizes(path) == {"": 100, ".1": 200, ".2": 200}  # the first two lines are no more
    assert [one[:1] for one in path.with_name("log.2").read_bytes().splitlines()] == [b"2", b"3"]
    assert path.read_bytes()[:1] == b"6"
    assert not files.losses.take() and not files.losses.take_stuck()


def test_a_batch_that_is_larger_is_spread_over_files_by_whole_lines(files: LogFiles, path: Path) -> None:
    file = files.acquire(str(path), Rotation(250, 9))
    write(file, LINE * 7)
    files.release(file)
    files.finish()
    assert sizes(path) == {"": 100, ".1": 200, ".2": 200, ".3": 200}


def test_a_line_that_is_longer_has_a_file_of_its_own(files: LogFiles, path: Path) -> None:
    file = files.acquire(str(path), Rotation(50, 9))
    write(file, b"a\n" + LINE + b"b\n")
    files.release(file)
    files.finish()
    assert sizes(path) == {"": 2, ".1": 100, ".2": 2}


def test_without_it_a_file_grows(files: LogFiles, path: Path) -> None:
    file = files.acquire(str(path))
    write(file, LINE * 7)
    again = files.acquire(str(path), Rotation(250, 1))  # a reload that wants it
    write(file, LINE)
    assert sizes(path) == {"": 100, ".1": 700}
    files.release(again)
    files.release(file)


def test_who_comes_too_late_takes_the_file_that_another_made(files: LogFiles, path: Path) -> None:
    others = LogFiles()
    mine, theirs = files.acquire(str(path), Rotation(250, 5)), others.acquire(str(path), Rotation(250, 5))
    write(mine, LINE * 3)
    write(theirs, LINE)  # who has the old one open finds it full, and its name another's
    assert sizes(path) == {"": 200, ".1": 200}
    others.release(theirs)
    files.release(mine)
    others.finish()


def test_while_another_worker_is_at_it_the_full_file_is_written_to(files: LogFiles, path: Path) -> None:
    file = files.acquire(str(path), Rotation(250, 5))
    write(file, LINE * 2)
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        write(file, LINE)
        assert sizes(path) == {"": 300}
    write(file, LINE)
    assert sizes(path) == {"": 100, ".1": 300}
    files.release(file)


def test_what_cannot_be_rotated_grows_and_that_is_told_once(
    files: LogFiles, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = files.acquire(str(path), Rotation(250, 1))
    asked = []

    def refuse(old: str, new: str) -> None:
        asked.append(new)
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        for _ in range(5):
            write(file, LINE)
        assert files.losses.take_stuck() == {str(path): "Read-only file system"}
        assert asked == [f"{path}.1"]  # the next try comes later
        patch.setattr(log_file, "TURN_SECONDS", 0.0)
        file._next_turn = 0.0
        write(file, LINE)
        write(file, LINE)
        assert len(asked) == 3 and files.losses.take_stuck() == {}
    write(file, LINE)
    assert files.losses.take_stuck() == {str(path): ""} and not files.losses.take()
    assert sizes(path) == {"": 100, ".1": 700}
    files.release(file)


def test_a_file_that_was_moved_and_could_not_be_made_again_is_made_later(
    files: LogFiles, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without moving those beside it once more."""
    file = files.acquire(str(path), Rotation(250, 5))
    write(file, LINE * 2)
    monkeypatch.setattr(log_file, "TURN_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(
            log_file, "_open", lambda path, mode: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left"))
        )
        write(file, LINE)
        write(file, LINE)
    assert sizes(path) == {".1": 400}
    write(file, LINE)
    assert sizes(path) == {"": 100, ".1": 400}
    assert files.losses.take_stuck() == {str(path): ""} and not files.losses.take()
    files.release(file)


def test_a_file_that_was_deleted_is_made_again(files: LogFiles, path: Path) -> None:
    file = files.acquire(str(path), Rotation(250, 5))
    write(file, LINE)
    path.unlink()
    write(file, LINE)
    assert sizes(path) == {"": 100} and not files.losses.take()
    files.release(file)


def test_a_line_is_not_torn_by_it(files: LogFiles, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_some = os.write
    file = files.acquire(str(path), Rotation(250, 5))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: write_some(fd, data[:70]))
        write(file, LINE * 5)
    files.release(file)
    files.finish()
    assert all(size % 100 == 0 for size in sizes(path).values()) and sum(sizes(path).values()) == 500


def test_a_device_is_none_of_it(files: LogFiles) -> None:
    file = files.acquire("/dev/null", Rotation(10, 1))
    write(file, LINE * 5)
    assert not files.losses.take() and not files.losses.take_stuck()
    files.release(file)


WRITER = """
import sys, time
from fastgw.filters.log_file import LogFiles
from fastgw.filters.rotation import Rotation
path, name = sys.argv[1:]
files = LogFiles()
file = files.acquire(path, Rotation(4000, 1000))
sys.stdin.read(1)
for number in range(1000):
    file.write(b"%s %d %s\\n" % (name.encode(), number, b"x" * (number % 50)))
    if number % 10 == 0:
        while file.pending:
            time.sleep(0)
files.release(file)
files.finish()
assert not files.losses.take() and not files.losses.take_stuck()
"""


def test_processes_that_write_to_one_file_lose_and_mix_nothing(path: Path) -> None:
    """Every line is in one of the files, whole, once, and those of one process are in order."""
    names = ["a", "b", "c"]
    running = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], stdin=subprocess.PIPE, text=True)
        for name in names
    ]
    for one in running:
        assert one.stdin is not None
        one.stdin.write("g")
        one.stdin.close()
    assert [one.wait(50) for one in running] == [0, 0, 0]
    found = sorted(path.parent.iterdir(), key=lambda one: -int(one.suffix[1:] or 0))
    lines = [line for one in found for line in one.read_bytes().splitlines()]
    assert len(found) > 3
    for name in names:
        own = [line for line in lines if line.startswith(name.encode())]
        assert sorted(own) == sorted(b"%s %d %s" % (name.encode(), n, b"x" * (n % 50)) for n in range(1000))
    assert len(lines) == 3000
