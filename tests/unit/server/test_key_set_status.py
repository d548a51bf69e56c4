"""What the pages say of keys that are fetched."""

from __future__ import annotations

import asyncio

from fastgw.config.jwk import JwkSpec
from fastgw.core.calls import CallError
from fastgw.core.settings import KeySetSettings, Url
from fastgw.server.gateway import Gateway
from fastgw.server.key_sets import Fetching
from fastgw.server.log import Log
from fastgw.server.status import Pages
from tests.unit.server.status_stage import _closed, gateway, page, serving

__all__ = ["_closed", "gateway", "serving"]  # fixtures


def test_keys_that_are_fetched(gateway: Gateway) -> None:
    gateway.adopt(gateway.plan(gateway.load()))
    assert Pages(gateway).document()["key_sets"] == {}
    sets = [KeySetSettings(Url(True, "a.test", 443, f"/k?p={one}"), 300.0, 600.0, 5.0) for one in (1, 2)]

    async def story() -> None:
        async def fetch(where: KeySetSettings) -> tuple[list[JwkSpec], list[str]]:
            if where == sets[1]:
                raise CallError("refused", "https://a.test/k refused the connection")
            return [JwkSpec("a", "{}", ("ES256",))], []

        gateway.fetching = Fetching(gateway.knowledge.learn_keys, Log("test", fd=-1), lambda: 0.0, fetch)
        await gateway.fetching.prepare(sets, 10.0)
        gateway.fetching.close()

    asyncio.run(story())
    found = Pages(gateway).document()["key_sets"]
    well, dumb = found["https://a.test/k #1"], found["https://a.test/k #2"]  # what tells them apart may be a secret
    assert (well["keys"], well["fetches"], well["cause"]) == (1, 1, None) and 0 <= well["age"] < 60
    assert (dumb["keys"], dumb["age"], dumb["failures"], dumb["cause"]) == (0, None, 1, "refused")
    assert dumb["error"] == "https://a.test/k refused the connection"
    assert 'fastgw_key_set_keys{url="https://a.test/k #1"} 1.0' in page(gateway, "/metrics").body.decode()
