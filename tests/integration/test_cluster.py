"""A limit that two gateways share by a real Redis, which hangs, is killed and comes back without its memory."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.integration.processes import Gateway, ask, connect, events
from tests.support.gateway import GatewayProcess, wait_until
from tests.support.redis import RedisServer

pytest.importorskip("hiredis", reason="needs the package hiredis: pip install 'fastgw[redis]'")
pytestmark = [pytest.mark.integration, pytest.mark.needs("redis-server")]

BURST, BLOCK = 200, 10
TIMEOUT = 2.0  #: seconds that a gateway gives the Redis: who waited for it would wait so long
BOUND = BURST + 2 * 2 * BLOCK  #: of two gateways; in a day no more than these come back


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    made = RedisServer().start()
    yield made
    made.close()


def config(url: str) -> str:
    return f"""
workers: 1
admin: {{address: "127.0.0.1:$admin"}}
listeners:
  - {{name: edge, address: "127.0.0.1:$port"}}
routes:
  - {{path: "/*", reply: {{status: 200, body: ok}}, filters: [limit]}}
filters:
  limit:
    type: rate_limit
    limits: [{{rate: {BURST}/d, block: {BLOCK}}}]
    cluster: {{redis: "{url}", timeout: {TIMEOUT}s}}
"""


class Clients:
    """One connection to each gateway, and what was answered."""

    def __init__(self, *gateways: GatewayProcess) -> None:
        self._socks = [connect(one.port) for one in gateways]
        self.statuses: Counter[str] = Counter()
        self.slowest = 0.0

    def ask(self, count: int) -> Counter[str]:
        """So many of each gateway, in turn."""
        found: Counter[str] = Counter()
        for _ in range(count):
            for sock in self._socks:
                began = time.monotonic()
                found[ask(sock).split(b" ", 2)[1].decode()] += 1
                self.slowest = max(self.slowest, time.monotonic() - began)
        self.statuses += found
        return found

    def close(self) -> None:
        for sock in self._socks:
            sock.close()


def wait_for(gateways: tuple[GatewayProcess, ...], *, up: bool) -> None:
    def is_so() -> bool:
        links = [[*one.admin("/status")["redis"].values()] for one in gateways]
        return all(link["up"] is up for (link,) in links)

    wait_until(is_so, what=f"it is {'up' if up else 'down'} for both")


def test_no_request_waits_and_the_bound_holds_whatever_becomes_of_it(gateway: Gateway, redis: RedisServer) -> None:
    gateways = (gateway(config(redis.url)), gateway(config(redis.url)))
    wait_for(gateways, up=True)
    clients = Clients(*gateways)
    try:
        assert clients.ask(30)["200"] > 2 * BLOCK
        os.kill(redis.pid, signal.SIGSTOP)
        found = clients.ask(2 * BLOCK + 5)
        assert found["429"] > 0  # what was leased is spent, and nobody waited for more
        redis.kill()
        wait_for(gateways, up=False)
        assert clients.ask(2 * BLOCK + 1)["503"] > 0
        redis.start()
        wait_for(gateways, up=True)
        deadline = time.monotonic() + 10
        while clients.statuses["200"] < BURST - 2 * BLOCK and time.monotonic() < deadline:
            clients.ask(20)
        clients.ask(100)
    finally:
        clients.close()
    print(f"{clients.statuses}, slowest {clients.slowest:.3f} s")
    assert clients.slowest < TIMEOUT / 2
    assert BURST - 2 * BLOCK <= clients.statuses["200"] <= BOUND
    assert set(clients.statuses) == {"200", "429", "503"}
    for one in gateways:
        outages = [line["event"] for line in events(one, "limits cannot be shared")]
        assert len(outages) == len(events(one, "limits can be shared again")) == 1
