"""The data plane of a worker, on shared memory."""

from __future__ import annotations

import asyncio
import gc
import os

from fastgw.core import counters
from fastgw.server.board import SharedBoard
from fastgw.server.planes import data_plane
from fastgw.server.slab import Slab


def test_it_counts_where_the_supervisor_reads_and_leaves_no_descriptor() -> None:
    slab, board, loop = Slab(), SharedBoard(0), asyncio.new_event_loop()
    gc.collect()  # what other tests have left
    before = len(os.listdir("/proc/self/fd"))
    plane = data_plane(loop, os.dup(slab.fd), os.dup(board.fd), lambda *_: None)
    plane.values[counters.CONNECTIONS] = 7
    assert slab.values[counters.CONNECTIONS] == 7
    plane.close()
    if plane.poller is not None:
        plane.poller.close()  # as the end of the process does
    plane.seat.board.close()
    del plane
    gc.collect()  # and the memory with it
    assert len(os.listdir("/proc/self/fd")) == before
    loop.close()
    board.close()
    slab.close()
