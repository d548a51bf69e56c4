"""The data plane of a worker, on the memory that it shares with the supervisor and the other workers, and what it shall serve."""

from __future__ import annotations

import asyncio
import mmap
import os
import random
from collections.abc import Callable
from typing import Any

from fastgw.config.compile import compiling
from fastgw.config.spec import GatewaySpec
from fastgw.core import counters
from fastgw.core.dataplane import DataPlane
from fastgw.core.live.board import Board
from fastgw.core.live.holds import sit_down
from fastgw.core.net.sockets import make_poller
from fastgw.core.protocols import make_pool
from fastgw.core.slab import Counters
from fastgw.core.snapshot.snapshot import Snapshot
from fastgw.server.messages import Prepare
from fastgw.server.pieces import joined
from fastgw.server.workers import connections_max
from fastgw.steps import Steps


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
        Counters(memoryview(slab)),
        random.random,
        log=log,
        poller=make_poller(loop),
        connections_max=connections_max(),
        make_pool=make_pool,
    )
    plane.seat = seat
    return plane


def prepared(message: Prepare, plane: DataPlane) -> Steps[tuple[GatewaySpec, Snapshot]]:
    """The specification of ``message``, and what is compiled of it; raise what ``compiling`` raises."""
    spec, slots = yield from joined(message.spec, message.pieces)
    return spec, (yield from compiling(spec, message.generation, slots, plane.registry, plane.random))
