"""Calls that are gathered: when a batch begins, what each of its items gets, and what that is worth."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fastgw.errors import DownstreamError
from fastgw.testing.edge import body_of, statuses
from fastgw.testing.service import ServiceEdge, request
from tests.unit.adapters.apart import Plain, item_of
from tests.unit.adapters.loops import Heard, opened

JSON = "Content-Type: application/json"
SEEN: list[list[Any]] = []
LOOPS: list[Any] = []  #: the last one is that of the test


class Batched:
    name = "batched"

    async def execute_batch(self, inputs: list[dict[str, Any]]) -> list[Any]:
        SEEN.append([one.get("n") for one in inputs])
        if any("all" in one for one in inputs):
            raise KeyError("all")
        if any("few" in one for one in inputs):
            return []
        return [item_of(one) for one in inputs]


class Timed:
    """4 ms for a batch and 0.2 ms for each item of it, by the clock of the loop."""

    name = "timed"

    async def execute_batch(self, inputs: list[dict[str, Any]]) -> list[Any]:
        await self._wait(len(inputs))
        return [{}] * len(inputs)

    async def execute(self, input: dict[str, Any]) -> Any:
        await self._wait(1)
        return {}

    async def _wait(self, items: int) -> None:
        future = LOOPS[-1].create_future()
        LOOPS[-1].call_later(0.004 + 0.0002 * items, future.set_result, None)
        await future


def gathered(kind: type = Batched, batch_max: int = 3, wait: float = 0.005, **changes: Any) -> ServiceEdge:
    SEEN.clear()
    called = ServiceEdge(kind, batch={"max": batch_max, "wait": f"{wait}s"}, **changes)
    LOOPS[:] = [called.loop]
    return called


def ask(called: ServiceEdge, *bodies: bytes) -> list[Any]:
    clients = []
    for body in bodies:
        clients.append(called.client())
        clients[-1].feed(request("/", "POST", JSON, body=body))
        called.run()
    return clients


def test_a_batch_begins_when_it_is_full_or_has_waited() -> None:
    called = gathered()
    clients = ask(called, b'{"n": 1}', b'{"n": 2}', b'{"n": 3}', b'{"n": 4}')
    assert SEEN == [[1, 2, 3]] and [body_of(one.take()) for one in clients[:3]] == [b'{"n":1}', b'{"n":2}', b'{"n":3}']
    called.loop.advance(0.004)
    assert len(SEEN) == 1
    called.loop.advance(0.0011)
    assert SEEN[1:] == [[4]] and statuses(clients[3].take()) == [200]
    called.end()


def test_without_a_wait_each_begins_at_once() -> None:
    called = gathered(wait=0.0)
    ask(called, b'{"n": 1}', b'{"n": 2}')
    assert SEEN == [[1], [2]]
    called.end()


def test_who_must_wait_for_a_place_gathers_on() -> None:
    called = gathered(Timed, batch_max=2)
    clients = ask(called, *[b"{}"] * 5)
    assert called.pool.running == 4 and len(called.pool.waiting) == 1  # two at work, two gathered, and one in line
    called.loop.advance(0.02)
    assert [statuses(one.take()) for one in clients] == [[200]] * 5
    called.end()


def test_each_item_has_its_own_answer() -> None:
    called = gathered(batch_max=4)
    clients = ask(called, b'{"n": 1}', b'{"raise": 1}', b'{"refuse": 1}', b'{"unfit": 1}')
    assert [statuses(one.take()) for one in clients] == [[200], [500], [422], [500]]
    (broken,) = ask(called, b"{")
    assert statuses(broken.take()) == [400] and len(SEEN) == 1
    called.end()


@pytest.mark.parametrize("body", [b'{"all": 1}', b'{"few": 1}'])
def test_a_batch_that_breaks_breaks_for_all(body: bytes) -> None:
    called = gathered(batch_max=2)
    assert [statuses(one.take()) for one in ask(called, b"{}", body)] == [[500], [500]]
    assert [statuses(one.take()) for one in ask(called, b"{}", b"{}")] == [[200], [200]]
    called.end()


def test_who_leaves_is_not_in_it() -> None:
    called = gathered()
    clients = ask(called, b'{"n": 1}', b'{"n": 2}')
    clients[0].lose()
    called.run()
    assert called.pool.running == 1
    called.loop.advance(0.006)
    assert SEEN == [[2]] and statuses(clients[1].take()) == [200]
    called.end()


def test_who_leaves_a_batch_under_way_does_not_end_it() -> None:
    called = gathered(Timed, batch_max=2)
    clients = ask(called, b"{}", b"{}")
    clients[0].lose()
    called.loop.advance(0.01)
    assert statuses(clients[1].take()) == [200]
    called.end()


@pytest.mark.parametrize("run", ["thread", "process"])
def test_elsewhere_it_is_the_same(run: str) -> None:
    async def story() -> None:
        instance = await opened(Plain, run=run, batch={"max": 4, "wait": "10s"})
        bodies = [b'{"n": 7}', b'{"raise": 1}', b'{"refuse": 1}', b'{"unfit": 1}']
        calls = [Heard() for _ in bodies]
        for call, body in zip(calls, bodies, strict=True):
            instance.runner.begin(call, body)
        await asyncio.wait_for(asyncio.gather(*[one.done.wait() for one in calls]), 30)
        assert calls[0].answer == b'{"n":7}' and "this one" in str(calls[1].error)
        assert isinstance(calls[2].error, DownstreamError) and "serializable" in str(calls[3].error)
        await instance.close()

    asyncio.run(story())


def test_256_at_one_time_are_served_eight_times_as_fast() -> None:
    """A closed loop of 256 clients and one call, or batch, at a time: by the clock of the mock loop, so exact on any machine."""

    def served(called: ServiceEdge, seconds: float) -> int:
        clients = [called.client() for _ in range(256)]
        answers = 0
        for client in clients:
            client.feed(request("/"))
        end = called.loop.time() + seconds
        while called.loop.time() < end:
            called.loop.advance(0.0005)
            for client in clients:
                if found := len(statuses(client.take())):
                    answers += found
                    client.feed(request("/"))
        called.loop.advance(2)
        called.end()
        return answers

    alone = ServiceEdge(Timed, queue=1000, workers=1)
    LOOPS[:] = [alone.loop]
    slow = served(alone, 0.5)
    assert served(gathered(Timed, batch_max=32, queue=1000), 0.5) >= 8 * slow > 8 * 90
