"""The data plane of a worker, on the memory that it shares with the supervisor and the other workers."""

from __future__ import annotations

import asyncio
import mmap
import os
import random
from collections.abc import Callable
from typing import Any

from fastgw.core import counters
from fastgw.core.dataplane import DataPlane
from fastgw.core.live.board import Board
from fastgw.core.live.holds import sit_down
from fastgw.core.net.sockets import make_poller
from fastgw.core.protocols import make_pool
from fastgw.server.workers import connections_max


def data_plane(
    loop: asyncio.AbstractEventLoop, slab_fd: int, board_fd: int, log: Callable[[str, str, dict[str, Any]], None]
) -> DataPlane:
    """One with its own poller, if this form has one; both descriptors are closed.  ``log``: see ``Plane``."""
    slab = mmap.mmap(slab_fd, counters.SLAB_BYTES)
    os.close(slab_fd)
    seat = sit_down(Board(board_fd))
    os.close(board_fd)
    plane = DataPlane(
        loop,
        counters.Counters(memoryview(slab)),
        random.random,
        log=log,
        poller=make_poller(loop),
        connections_max=connections_max(),
        make_pool=make_pool,
    )
    plane.seat = seat
    return plane
