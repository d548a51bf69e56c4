"""A board of its own for what counts over all workers."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from fastgw.core.live.board import Board, blank
from fastgw.core.live.holds import Seat, sit_down
from fastgw.core.live.words import BOARD_BYTES


@contextlib.contextmanager
def empty_seat() -> Iterator[Seat]:
    """A seat at an empty board."""
    fd = os.memfd_create("board")
    os.ftruncate(fd, BOARD_BYTES)
    os.pwrite(fd, blank(bytes(16)), 0)
    board = Board(fd)
    try:
        yield sit_down(board)
    finally:
        board.close()
        os.close(fd)
