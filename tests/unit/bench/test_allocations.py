"""What requests leave behind, and what one holds while it waits: memory blocks of the interpreter, counted.

An exchange is reused, so a thousand requests may not leave a block; what grows is a leak, or a cache without a bound.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator

import pytest

from bench.macro.corpus import build_requests
from bench.macro.scenario import HOST, route_table
from bench.micro.stage import ANSWER, EVENT, STREAM_END, STREAM_HEAD, Stage

REPEATS = 2000
SLACK = 20  #: blocks that the interpreter itself may keep or let go meanwhile
HELD_MAX = 16  #: blocks that belong to a request on its way; at most 10 of the pure core were seen, 1 in the middle


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    gc.collect()
    gc.disable()
    yield stage
    gc.enable()


def left_by(work: Callable[[], object]) -> int:
    """Blocks more than before, after many repetitions; the collector does not run, so cycles count too."""
    for _ in range(REPEATS):
        work()
    before = sys.getallocatedblocks()
    for _ in range(REPEATS):
        work()
    return sys.getallocatedblocks() - before


def test_plain_requests_leave_nothing(stage: Stage) -> None:
    assert left_by(stage.exchange) <= SLACK


@pytest.mark.parametrize("size", [1024, 32768])
def test_requests_with_bodies_leave_nothing(stage: Stage, size: int) -> None:
    request = build_requests(route_table(20), count=1, method="POST", body_size=size)[0]
    assert left_by(lambda: stage.ask(request, ANSWER)) <= SLACK


def test_streams_leave_nothing(stage: Stage) -> None:
    request = stage.requests[0]
    assert left_by(lambda: stage.ask(request, STREAM_HEAD, EVENT, EVENT, STREAM_END)) <= SLACK
    assert stage.client.written.endswith(STREAM_END)


def test_refusals_leave_nothing(stage: Stage) -> None:
    request = f"GET /nowhere HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    assert left_by(lambda: stage.ask(request)) <= SLACK


def test_pipelined_requests_leave_nothing(stage: Stage) -> None:
    requests = b"".join(stage.requests[:4])
    assert left_by(lambda: stage.ask(requests, *[ANSWER] * 4)) <= SLACK


def test_a_request_on_its_way_holds_few_blocks(stage: Stage) -> None:
    held = []
    for request in stage.requests:
        before = sys.getallocatedblocks()
        stage.send(request)
        held.append(sys.getallocatedblocks() - before)
        stage.service.protocol.data_received(ANSWER)
    assert max(held) <= HELD_MAX, f"a request on its way holds {max(held)} blocks"


def test_no_task_and_no_timer_is_made_for_a_request(stage: Stage) -> None:
    tasks, timers = stage.loop.tasks_made, stage.loop.timers_made
    stage.run(500)
    assert (stage.loop.tasks_made, stage.loop.timers_made) == (tasks, timers)
