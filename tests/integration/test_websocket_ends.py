"""WebSockets by frames while the gateway loses a worker, reads its file anew, is upgraded, and stops."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from tests.integration.processes import Gateway, workers
from tests.integration.test_upgrade import Upgrade, upgrade  # noqa: F401 - a fixture
from tests.support.gateway import GatewayProcess, simple_config, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.long]

COUNT = 40


@pytest.fixture
def echo() -> Iterator[int]:
    def back(peer: ServerConnection) -> None:
        for message in peer:
            peer.send(message)

    with serve(back, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield int(server.socket.getsockname()[1])
        server.shutdown()
        thread.join()


def started(gateway: Gateway, port: int, more: str = "") -> GatewayProcess:
    text = simple_config(f"127.0.0.1:{port}", workers=2, route="websocket: {drain_grace: 2s}")
    return gateway(text + more)


def opened(running: GatewayProcess, count: int = COUNT) -> list[ClientConnection]:
    address = running.base_url.replace("http", "ws")
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: connect(address, ping_interval=None, legacy=True), range(count)))


def talk(peers: list[ClientConnection]) -> None:
    for number, peer in enumerate(peers):
        peer.send(f"{number}")
    assert [peer.recv(timeout=20) for peer in peers] == [f"{number}" for number in range(len(peers))]


def code_of(peer: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed):
        peer.recv(timeout=20)
    assert peer.close_code is not None
    return peer.close_code


def test_a_reload_ends_none_and_a_worker_that_is_killed_its_own(gateway: Gateway, echo: int) -> None:
    running = started(gateway, echo)
    peers = opened(running)
    running.signal(signal.SIGHUP)
    wait_until(lambda: running.generation() == 2)
    talk(peers)
    victim = workers(running)[0]["pid"]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: victim not in [one["pid"] for one in workers(running)] and len(workers(running)) == 2)
    left = []
    for peer in peers:
        try:
            peer.send("x")
            assert peer.recv(timeout=20) == "x"
            left.append(peer)
        except ConnectionClosed:
            assert peer.close_code == 1006
    assert 0 < len(left) < COUNT
    talk(left)
    again = opened(running, COUNT - len(left))  # those of the dead come back, and are served
    talk(again)
    wait_until(lambda: running.admin("/status")["routes"].popitem()[1]["websocket"] is not None)
    for peer in (*left, *again):
        peer.close()


def test_a_stop_tells_each_within_its_grace(gateway: Gateway, echo: int) -> None:
    running = started(gateway, echo)
    peers = opened(running)
    talk(peers)
    began = time.monotonic()
    running.signal(signal.SIGTERM)
    with ThreadPoolExecutor(COUNT) as pool:
        ends = list(pool.map(lambda peer: (code_of(peer), time.monotonic() - began), peers))
    assert {code for code, _ in ends} == {1001}
    times = sorted(when for _, when in ends)
    assert times[-1] < 4.5 and times[COUNT * 3 // 4] - times[COUNT // 4] > 0.3, "spread over the grace"
    assert running.wait() == 0


def test_an_upgrade_is_a_stop_for_those_of_the_old_one(gateway: Gateway, echo: int, upgrade: Upgrade) -> None:  # noqa: F811
    running = started(gateway, echo)
    peers = opened(running)
    talk(peers)
    assert upgrade(running)["ok"]
    with ThreadPoolExecutor(COUNT) as pool:
        assert set(pool.map(code_of, peers)) == {1001}
    fresh = opened(running)  # they come back, to the new one
    talk(fresh)
    for peer in fresh:
        peer.close()
