"""Live values: made once for all, and for nobody not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from fastgw.server import feed as module
from fastgw.server.feed import Feed
from fastgw.server.log import Log
from tests.unit.server.test_rollouts import played


class Looked:
    """What is looked at, counted."""

    def __init__(self) -> None:
        self.begun = self.looks = self.ends = 0
        self.numbers: list[int] = []

    def begin(self) -> Callable[[], bytes]:
        self.begun += 1
        return self.look

    def since(self, number: int) -> tuple[bytes, int]:
        self.numbers.append(number)
        return (b"event: more\n\n", 7) if number < 7 else (b"", number)

    def end(self) -> None:
        self.ends += 1

    def look(self) -> bytes:
        self.looks += 1
        if self.looks == 2:
            raise RuntimeError("not now")
        return b"%d" % self.looks


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.001)
    monkeypatch.setattr(module, "SHARE", 0)


@played
async def test_all_viewers_get_what_is_made_once() -> None:
    looked = Looked()
    feed = Feed(looked, Log("test", fd=-1))
    assert looked.begun == 0
    viewers = [feed.watch() for _ in range(3)]
    async with asyncio.timeout(10):
        assert [await anext(one) for one in viewers] == [b"retry: 2000\n\n"] * 3
        assert feed.viewers == 3
        firsts = await asyncio.gather(*(anext(one) for one in viewers))
    assert set(firsts) == {b"data: 1\n\nevent: more\n\n"} and looked.begun == 1


@played
async def test_each_viewer_gets_what_it_has_not_seen() -> None:
    looked = Looked()
    feed = Feed(looked, Log("test", fd=-1))
    viewer = feed.watch()
    async with asyncio.timeout(10):
        while len(looked.numbers) < 3:
            await anext(viewer)
    assert looked.numbers == [0, 7, 7]
    await viewer.aclose()


@played
async def test_it_stops_when_nobody_watches_and_begins_anew() -> None:
    looked = Looked()
    feed = Feed(looked, Log("test", fd=-1))
    async with asyncio.timeout(10):
        for times in (1, 2):
            viewer = feed.watch()
            await anext(viewer)
            await anext(viewer)
            task = feed._looking
            assert task is not None
            await viewer.aclose()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (feed.viewers, feed._looking, looked.begun, looked.ends) == (0, None, times, times)


@played
async def test_a_look_that_fails_is_told_and_the_next_one_comes() -> None:
    looked, lines = Looked(), []

    class Told(Log):
        def limited(self, event: str, level: str = "error", /, **fields: object) -> None:
            lines.append(event)

    feed = Feed(looked, Told("test", fd=-1))
    viewer = feed.watch()
    async with asyncio.timeout(10):
        while not (await anext(viewer)).startswith(b"data: 3\n\n"):
            pass
    assert lines == ["the dashboard cannot be told how things are"]
    await viewer.aclose()
