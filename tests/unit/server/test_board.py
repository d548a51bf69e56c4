"""The memory of the board: made, found at a predecessor, or not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastgw.core.live.board import NAMED, Board
from fastgw.core.live.holds import settle, sit_down
from fastgw.core.live.words import REFUSED
from fastgw.server.board import SharedBoard, find_memory, make_memory

ROOT = Path(__file__).resolve().parents[3]
OTHER = """
import sys
from fastgw.core.live.board import NAMED, Board
from fastgw.core.live.holds import sit_down
from fastgw.server.board import SharedBoard
board = SharedBoard()
seat = sit_down(Board(board.fd))
cell = seat.take(NAMED, seat.key_of(b"x"), 1)
print(cell, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def predecessor() -> Iterator[subprocess.Popen[str]]:
    """Another process with a board, on which it holds one place of the key ``x``."""
    command = [sys.executable, "-c", OTHER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        yield process
        process.kill()


def test_every_new_board_has_its_own_secret() -> None:
    one, other = SharedBoard(), SharedBoard()
    assert one.view.seed != other.view.seed and any(one.view.seed)
    assert (one.problem, one.inherited_from) == ("", 0)
    one.close()
    other.close()


def test_it_cannot_shrink_under_its_users() -> None:
    fd = make_memory()
    with pytest.raises(PermissionError):
        os.ftruncate(fd, 0)
    os.close(fd)


def test_the_board_of_the_predecessor_is_ours(predecessor: subprocess.Popen[str]) -> None:
    assert predecessor.stdout is not None
    cell = int(predecessor.stdout.readline())
    ours = SharedBoard(predecessor.pid)
    assert (ours.problem, ours.inherited_from) == ("", predecessor.pid)
    seat = sit_down(Board(ours.fd))
    key = seat.key_of(b"x")
    assert seat.take(NAMED, key, 1) == REFUSED
    predecessor.kill()
    predecessor.wait()
    assert settle(ours.view) == 1
    assert seat.take(NAMED, key, 1) == cell
    seat.board.close()
    ours.close()


def test_without_a_board_there_the_successor_has_its_own(predecessor: subprocess.Popen[str]) -> None:
    assert predecessor.stdout is not None
    predecessor.stdout.readline()
    predecessor.kill()
    predecessor.wait()
    ours = SharedBoard(predecessor.pid)  # which is gone
    assert "No such file" in ours.problem and not ours.inherited_from
    assert ours.view.used(NAMED) == 0
    ours.close()


def test_a_process_without_one_is_told_so() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        with pytest.raises(OSError, match="it has none"):
            find_memory(process.pid)
        process.kill()


def test_a_board_of_another_version_is_not_used() -> None:
    old = os.memfd_create("fastgw-board")
    os.ftruncate(old, 4096)
    before = len(os.listdir("/proc/self/fd"))
    ours = SharedBoard(4711, find=lambda _: os.dup(old))
    assert ours.problem == "it is that of another version" and ours.inherited_from == 0
    ours.close()
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(old)
