"""Files of lines: opening and closing wait for nobody, lines stay whole, what is lost is counted."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fastgw.filters import log_file
from fastgw.filters.log_file import LogFiles, Loss


@pytest.fixture
def files() -> Iterator[LogFiles]:
    files = LogFiles()
    yield files
    files.finish()
    assert not files.closing and not files._open
    assert not [thread for thread in threading.enumerate() if thread.name == "access-log"]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "log")


@pytest.fixture
def fifo(path: str) -> str:
    os.mkfifo(path)
    return path


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.005)


def read_some(fd: int) -> bytes:
    assert select.select([fd], [], [], 20)[0]
    return os.read(fd, 1 << 20)


def test_lines_arrive_in_order_and_the_last_user_closes(files: LogFiles, path: str) -> None:
    one, two = files.acquire(path), files.acquire(path)
    assert one is two
    one.write(b"a\n")
    files.release(one)
    two.write(b"b\n")
    files.release(two)
    files.finish()  # what is appended to a file that is closing has a thread of its own, in no order with that one
    files.append(path, b"c\n")
    files.finish()
    assert Path(path).read_bytes() == b"a\nb\nc\n"
    assert os.stat(path).st_mode & 0o777 == 0o640 & ~_umask()


def test_reopened_file_is_the_one_that_has_the_path_now(files: LogFiles, path: str) -> None:
    file = files.acquire(path)
    file.write(b"before\n")
    until(lambda: not file.pending)
    os.rename(path, path + ".1")
    assert files.reopen() == {}
    file.write(b"after\n")
    files.release(file)
    files.finish()
    assert (Path(path + ".1").read_bytes(), Path(path).read_bytes()) == (b"before\n", b"after\n")


def test_file_that_cannot_be_reopened_stays_in_use(files: LogFiles, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    good, bad = files.acquire(str(tmp_path / "good")), files.acquire(str(folder / "bad"))
    folder.rename(tmp_path / "moved")
    failed = files.reopen()
    assert list(failed) == [str(folder / "bad")]
    assert str(failed[str(folder / "bad")]) == f"{folder}/bad cannot be opened for appending: No such file or directory"
    with pytest.raises(OSError, match="No such file"):
        files.acquire(str(folder / "bad"))
    bad.write(b"still here\n")
    files.release(good)
    files.release(bad)
    files.finish()
    assert (tmp_path / "moved" / "bad").read_bytes() == b"still here\n"


def test_pipe_without_a_reader_is_an_error_at_once(files: LogFiles, fifo: str) -> None:
    with pytest.raises(OSError, match=r"log cannot be opened for appending: it is a pipe or device that nobody reads$"):
        files.acquire(fifo)
    assert not files._open


def test_pipe_whose_reader_sleeps_loses_lines_beyond_the_bound_and_closing_does_not_wait(
    files: LogFiles, fifo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "CLOSE_SECONDS", 0.0)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    file = files.acquire(fifo)
    batch = b"x" * 1023 + b"\n"
    while not file.is_full:
        file.write(batch * 1024)
    file.lose(1, len(batch))
    assert files.losses.take() == {fifo: Loss(1, 1024, "it takes lines more slowly than they come")}
    held = file.pending
    files.release(file)  # returns at once, the thread is given up on later
    files.finish(20)
    (loss,) = files.losses.take().values()
    assert loss.cause == "it took nothing for too long"
    received = read_some(reader)
    assert set(received.split(b"\n")[:-1]) == {b"x" * 1023}  # whole lines only
    assert loss.lines == held // 1024 - received.count(b"\n")
    os.close(reader)


def test_pipe_that_is_read_slowly_gets_everything(files: LogFiles, fifo: str) -> None:
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    file = files.acquire(fifo)
    lines = b"".join(b"%07d\n" % number for number in range(50_000))
    file.write(lines)
    received = b""
    while len(received) < len(lines):
        received += read_some(reader)
    assert received == lines and not files.losses.take()
    files.release(file)
    files.finish()
    os.close(reader)


def test_reader_that_goes_and_comes_back_loses_only_what_came_between(files: LogFiles, fifo: str) -> None:
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    file = files.acquire(fifo)
    os.close(reader)
    file.write(b"lost\nlost too\n")
    until(lambda: not file.pending)
    assert files.losses.take() == {fifo: Loss(2, 14, "Broken pipe")}
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    file.write(b"found\n")
    assert read_some(reader) == b"found\n"
    until(lambda: not file.pending)
    assert files.losses.take() == {fifo: Loss(0, 0, "", is_over=True)}
    assert files.losses.take() == {}
    files.release(file)
    files.finish()
    os.close(reader)


def test_writers_of_one_pipe_do_not_get_into_each_others_lines(files: LogFiles, fifo: str) -> None:
    """Two workers: two files of one path.  Everything is more than a pipe holds, so that writes have to wait."""
    others = LogFiles()
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    pairs = [(one, one.acquire(fifo)) for one in (files, others)]
    for number, (_, file) in enumerate(pairs):
        file.write((b"%d" % number * 299 + b"\n") * 1000)
    received = b""
    while len(received) < 600_000:
        received += read_some(reader)
    assert set(received.splitlines()) == {b"0" * 299, b"1" * 299}
    for one, file in pairs:
        one.release(file)
        one.finish()
    os.close(reader)


@pytest.mark.parametrize(
    ("data", "end"), [(b"a\nb\n", 4), (b"a" * 5000 + b"\nb\n", 5001), (b"a" * 5000, 5000), (b"a\n" + b"b" * 5000, 2)]
)
def test_what_goes_to_a_pipe_at_once_is_whole_lines(data: bytes, end: int) -> None:
    assert log_file.whole_lines(data, 0, log_file.PIPE_BUF) == end


def test_full_disk_loses_lines_and_the_next_one_is_whole(
    files: LogFiles, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, room = os.write, [4, 0]

    def full(fd: int, data: memoryview) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        return write(fd, data[: room.pop(0)])

    file = files.acquire(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        file.write(b"a\nbbbb\nc\n")
        until(lambda: not file.pending)
    assert files.losses.take() == {path: Loss(2, 5, "No space left on device")}
    file.write(b"d\n")
    files.release(file)
    files.finish()
    assert Path(path).read_bytes() == b"a\nbb\nd\n"  # what was torn is a line of its own
    assert files.losses.take() == {path: Loss(0, 0, "", is_over=True)}


def test_lines_behind_a_torn_one_are_counted_once(files: LogFiles, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write, room = os.write, [2, 0, 0]

    def full(fd: int, data: memoryview) -> int:
        if not room[0]:
            room.pop(0)
            raise OSError(28, "No space left on device")
        return write(fd, data[: room.pop(0)])

    file = files.acquire(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        for lines in (b"aaa\n", b"b\nc\n"):
            file.write(lines)
            until(lambda: not file.pending)
    assert files.losses.take() == {path: Loss(3, 6, "No space left on device")}
    files.release(file)


def test_what_goes_into_a_deleted_file_is_lost_until_it_is_opened_again(files: LogFiles, path: str) -> None:
    file = files.acquire(path)
    os.unlink(path)
    file.write(b"a\nb\n")
    until(lambda: not file.pending)
    assert files.losses.take() == {path: Loss(2, 4, "the file was deleted; SIGUSR1 makes another")}
    assert files.reopen() == {}
    file.write(b"c\n")
    files.release(file)
    files.finish()
    assert files.losses.take() == {path: Loss(0, 0, "", is_over=True)}
    assert Path(path).read_bytes() == b"c\n"


def test_short_write_goes_on(files: LogFiles, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:3]))
    file = files.acquire(path)
    file.write(b"a long line\n")
    files.release(file)
    files.finish()
    assert Path(path).read_bytes() == b"a long line\n" and not files.losses.take()


def test_thread_that_does_not_end_is_left_behind(files: LogFiles, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead disk must not hold up a shutdown; the descriptor stays the thread's, and what waits behind it is lost."""
    gate, entered = threading.Event(), threading.Event()
    write = os.write

    def dead(fd: int, data: memoryview) -> int:
        entered.set()
        gate.wait(20)
        return write(fd, data)

    monkeypatch.setattr(os, "write", dead)
    file = files.acquire(path)
    file.write(b"stuck\n")
    assert entered.wait(20)
    file.write(b"behind\nit\n")
    files.release(file)
    files.finish(0.0)
    assert files.losses.take() == {path: Loss(2, 10, "it took nothing until the end")}
    assert files.closing
    gate.set()
    until(lambda: not files.closing)
    assert Path(path).read_bytes() == b"stuck\n"
    until(lambda: not file._thread.is_alive())


def test_losses_add_up_until_they_are_taken(files: LogFiles) -> None:
    for number in range(3):
        files.losses.add("a", 1, 10, f"cause {number}")
    files.losses.end("b")
    assert files.losses.take() == {"a": Loss(3, 30, "cause 2"), "b": Loss(0, 0, "", is_over=True)}
    files.losses.add("a", 1, 1, "x")
    files.losses.end("a")
    assert files.losses.take() == {"a": Loss(1, 1, "x", is_over=True)}


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
