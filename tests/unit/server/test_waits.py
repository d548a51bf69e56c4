"""Waiting for events, and no longer than some time."""

from __future__ import annotations

import asyncio

from fastgw.server.waits import all_set, rest


def test_a_pause_ends_by_itself_or_by_an_event() -> None:
    async def story() -> None:
        event = asyncio.Event()
        await rest(event, 0.001)
        waiting = asyncio.ensure_future(rest(event, 60.0))
        await asyncio.sleep(0)
        assert not waiting.done()
        event.set()
        await asyncio.wait_for(waiting, 10.0)

    asyncio.run(story())


def test_all_are_waited_for_and_none_for_ever() -> None:
    async def story() -> None:
        one, two = asyncio.Event(), asyncio.Event()
        waiting = asyncio.ensure_future(all_set([one, two], 60.0))
        one.set()
        await asyncio.sleep(0)
        assert not waiting.done()
        two.set()
        await asyncio.wait_for(waiting, 10.0)
        await all_set([], 60.0)
        await all_set([one, asyncio.Event()], 0.001)
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1  # nothing waits on

    asyncio.run(story())
