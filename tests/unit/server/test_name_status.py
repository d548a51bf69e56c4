"""What the pages say of the names of endpoints."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from fastgw.core.live.news import FAILING, SILENT, Standing
from fastgw.discovery.look_ups import Found, LookUpError
from fastgw.server.gateway import Gateway
from fastgw.server.log import Log
from fastgw.server.names import Names
from fastgw.server.status import Pages
from tests.unit.server.stage import TEXT
from tests.unit.server.status_stage import _closed, eject, gateway, page, serving

__all__ = ["_closed", "gateway", "serving"]  # fixtures


def test_addresses_of_endpoints_and_what_is_known_of_names(gateway: Gateway) -> None:
    Path(gateway.path).write_text(TEXT.replace("127.0.0.1:9", "a.test:9"))
    gateway.adopt(gateway.plan(gateway.load()))
    document = Pages(gateway).document()
    found = document["services"]["main"]["endpoints"]["a.test:9"]
    assert (found["state"], found["addresses"]) == ("unresolved", {})
    assert 'fastgw_endpoint_up{endpoint="a.test:9",service="main"} 0.0' in page(gateway, "/metrics").body.decode()
    assert document["names"] == {}

    async def story() -> None:
        answers = iter((Found(("10.0.0.1", "10.0.0.2"), 60.0), LookUpError(SILENT, "was not answered for")))

        async def look_up(host: str, servers: Sequence[str], limit: float) -> Found:
            found = next(answers)
            if isinstance(found, LookUpError):
                raise found
            return found

        settings = gateway.plan_in_use.spec.resolver._replace(min_interval=0.001, max_interval=0.001)
        gateway.names = Names(gateway.knowledge.learn, Log("test", fd=-1), lambda: 0.0, look_up)
        gateway.names.keep({"a.test"}, settings)
        async with asyncio.timeout(10):
            while not gateway.names.known["a.test"].failures:
                await asyncio.sleep(0)
        gateway.names.close()

    asyncio.run(story())
    gateway.knowledge.standings.learn(
        0, [Standing("main", "a.test:9", "10.0.0.1:9", FAILING, "connect_refused", "Connection refused")]
    )
    eject(gateway, "a.test:9", address="10.0.0.1:9")
    document = Pages(gateway).document()
    name = document["names"]["a.test"]
    assert (name["addresses"], name["look_ups"], name["failures"]) == (["10.0.0.1", "10.0.0.2"], 2, 1)
    assert (name["cause"], name["error"]) == ("silent", "a.test was not answered for")
    assert 0 <= name["age"] < 60
    addresses = document["services"]["main"]["endpoints"]["a.test:9"]["addresses"]
    assert list(addresses) == ["10.0.0.1:9", "10.0.0.2:9"]
    assert (addresses["10.0.0.1:9"]["failing_for"], addresses["10.0.0.1:9"]["error"]) == (1, "Connection refused")
    assert [one["state"] for one in addresses.values()] == ["ejected", "up"] and addresses["10.0.0.1:9"]["until"]
    assert document["services"]["main"]["endpoints"]["a.test:9"]["state"] == "up"
    metrics = page(gateway, "/metrics").body.decode()
    assert 'fastgw_endpoint_up{endpoint="a.test:9",service="main"} 1.0' in metrics
    assert 'fastgw_endpoint_addresses_ejected{endpoint="a.test:9",service="main"} 1.0' in metrics
