"""Where a worker accepts, and what becomes of connections when it does so no more."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fastgw.core import counters
from fastgw.server import accepting
from fastgw.server.messages import Committed
from tests.unit.server.worker_stage import HELD, TEXT, Play, Stage


def test_listener_on_a_unix_socket(play: Play, tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        plan = stage.plan(TEXT.replace("127.0.0.1:0", f"unix:{tmp_path}/edge"))
        for listening in plan.listenings.values():
            listening.start()
        await stage.prepare(plan)
        stage.gateway.adopt(plan)
        stage.gateway.commit(stage.place, plan)
        await stage.hear(Committed)
        assert b" 404 " in await stage.ask(await stage.client())

    play(story)


def test_listener_that_changes_its_name_loses_nobody(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "DRAIN_PAUSE", 0.0)

    async def story(stage: Stage) -> None:
        await stage.serve()
        kept = await stage.client()
        await stage.ask(kept)
        await stage.serve(TEXT.replace("name: edge", "name: front"))
        assert b" 404 " in await stage.ask(await stage.client())
        assert await kept[0].read() == b""  # idle, and its listener is gone

    play(story)


def test_connection_of_a_listener_that_is_gone_ends_its_exchange_first(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "DRAIN_PAUSE", 0.0)
    monkeypatch.setattr(accepting, "LET_GO_EVERY", 0.0)

    async def story(stage: Stage) -> None:
        more = '  - {name: more, address: "127.0.0.2:0"}\nroutes:'
        await stage.serve(TEXT.replace("routes:", more))
        busy = await stage.client("127.0.0.2:0")
        busy[1].write(HELD)
        await stage.until(lambda: stage.place.slab.values[counters.EXCHANGES_OPEN])
        await stage.serve()
        assert list(stage.worker._acceptance.at_work) == ["127.0.0.1:0"]
        for _ in range(10):
            await asyncio.sleep(0)
        (connection,) = stage.plane.connections
        assert connection.exchange is not None
        busy[1].write_eof()
        assert await busy[0].read() == b""
        await stage.until(lambda: not stage.plane.connections)

    play(story)
