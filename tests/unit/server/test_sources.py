"""What is kept beside the workers: links with a Redis, which begin and end with a configuration.  Names and keys: ``test_control.py``."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.core.live.news import LinkState
from fastgw.server.lists import MemberLists
from fastgw.server.log import Log
from fastgw.server.messages import Asked, Wanted
from fastgw.server.slots import Tables
from fastgw.server.sources import Sources
from tests.support.shared_rate import redis_at

pytest.importorskip("hiredis", reason="needs the package hiredis: pip install 'fastgw[redis]'")

NOWHERE = redis_at("", 0, "/nowhere/redis.sock", 0, False)


def test_a_link_is_kept_while_a_configuration_has_it(capfd: Any) -> None:
    spec: Any = SimpleNamespace(
        key_sets=(), redis=(NOWHERE,), services=(), resolver=None, telemetry=None, forecast=None, registration=None
    )
    gateway: Any = SimpleNamespace(
        names=None,
        fetching=None,
        leasing=None,
        engines=None,
        model_lists=None,
        exporter=None,
        forecasting=None,
        watching=None,
        registering=None,
        is_watching=False,
        lists=MemberLists(Tables(lambda: ())),
        knowledge=SimpleNamespace(answers={}, keys={}, links={}, models={}),
        plan_in_use=SimpleNamespace(spec=spec),
        board=SimpleNamespace(view=None),
    )
    gateway.knowledge.learn_link = gateway.knowledge.links.__setitem__

    async def story() -> None:
        sources = Sources(gateway, Log("supervisor"), lambda: None, None)  # type: ignore[arg-type, return-value]
        sources.hear(Asked(()))  # nobody is there
        sources.hear(Wanted(None))  # type: ignore[arg-type]
        await sources.prepare(spec)
        assert gateway.knowledge.links[NOWHERE].cause == "unreachable"
        sources.keep()
        assert list(gateway.leasing.known) == [NOWHERE]
        sources.hear(Asked(()))
        spec.redis = ()
        gateway.knowledge.links = {NOWHERE: LinkState(True)}
        sources.keep()
        assert (dict(gateway.leasing.known), gateway.knowledge.links) == ({}, {})
        sources.close()
        await asyncio.sleep(0)

    asyncio.run(story())
    assert capfd.readouterr().err.count("limits cannot be shared") == 1
