"""A worker and keys that are fetched: what the supervisor says reaches the filters, and what they miss reaches the supervisor."""

from __future__ import annotations

import socket
from pathlib import Path

import uvloop

from fastgw.core import counters
from fastgw.core.live.news import KeySet
from fastgw.filters.key_sets import KEY_SETS, NOTHING
from fastgw.server.messages import Fetched, Wanted
from tests.support.tokens import key_of, signed
from tests.unit.server.worker_stage import HELD, TEXT, Stage


def test_keys_reach_the_filters_and_one_that_is_missed_is_asked_for(tmp_path: Path) -> None:
    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as service:  # it accepts nobody: requests wait in its queue
            stage = Stage(tmp_path, service.getsockname()[1])
            try:
                await story(stage)
            finally:
                await stage.close()

    async def story(stage: Stage) -> None:
        keys = "filters: {auth: {type: jwt, algorithms: ES256, keys: {url: 'https://issuer.test/k'}}}\n"
        text = TEXT.replace('path: "/held"', 'filters: [auth], path: "/held"') + keys
        plan = await stage.serve(text)
        (where,) = plan.spec.key_sets
        token = signed({"exp": 4e9, "sub": "ann"}, "ES256", kid="a")
        request = HELD.replace(b"\r\n\r\n", b"\r\nauthorization: bearer " + token + b"\r\n\r\n")
        client = await stage.client()
        assert b" 503 " in await stage.ask(client, request)
        assert await stage.hear(Wanted) == Wanted(where)
        stage.say(Fetched({where: KeySet((key_of("ES256", kid="b"),), float("inf"))}))
        await stage.until(lambda: KEY_SETS.of(where).keys)
        assert b" 401 " in await stage.ask(client, request)
        stage.say(Fetched({where: KeySet((key_of("ES256", kid="a"),), float("inf"))}))
        await stage.until(lambda: KEY_SETS.of(where).keys[0][0] == "a")
        client[1].write(request)
        await stage.until(lambda: stage.plane.values[counters.EXCHANGES_OPEN])  # the service has it
        await stage.serve()
        assert KEY_SETS.of(where) is NOTHING

    uvloop.run(run())
