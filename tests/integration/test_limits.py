"""Limits of all workers: exact under load, over deaths of workers, and over an upgrade."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections import Counter

import pytest

from tests.integration.processes import REQUEST, Gateway, Service, connect, events, read_answer, reload, workers
from tests.support.gateway import GatewayProcess, pause, simple_config, wait_until
from tests.support.upstream import Connection, Received, response

pytestmark = pytest.mark.integration

WORKERS = 4
FILTER = 'filters: {{limit: {{type: concurrency, max: {most}, per: "{per}"}}}}\n'


def config(address: str, most: int, per: str = "route") -> str:
    return simple_config(address, workers=WORKERS, route="filters: [limit]") + FILTER.format(most=most, per=per)


class Counting:
    """A service that knows how many requests it has at one time."""

    def __init__(self) -> None:
        self.inside = self.worst = 0
        self.is_open = threading.Event()  #: no request ends before
        self._lock = threading.Lock()

    def __call__(self, request: Received, connection: Connection) -> None:
        with self._lock:
            self.inside += 1
            self.worst = max(self.worst, self.inside)
        if self.is_open.is_set():
            pause()
        else:
            self.is_open.wait(50)
        with self._lock:
            self.inside -= 1  # before the answer, which frees the place
        connection.send(response(b"ok"))


class Load:
    """Clients that ask one request after the other, each on a connection of its own, so that every worker gets some."""

    def __init__(self, port: int, clients: int) -> None:
        self.statuses: Counter[int] = Counter()
        self.broken = 0
        self._port = port
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]
        for one in self._threads:
            one.start()

    def _run(self) -> None:
        while not self._is_over.is_set():
            try:
                self.statuses[status(self._port)] += 1
            except (OSError, AssertionError):  # its worker was killed
                self.broken += 1

    def stop(self) -> None:
        self._is_over.set()
        for one in self._threads:
            one.join(30)


def status(port: int) -> int:
    with connect(port) as sock:
        sock.sendall(REQUEST)
        return int(read_answer(sock).split(b" ", 2)[1])


def hold(port: int, service: Counting, count: int) -> list[socket.socket]:
    """Clients of which each has a request at the service."""
    held = []
    for _ in range(count):
        before = service.inside
        held.append(connect(port))
        held[-1].sendall(REQUEST)
        wait_until(lambda before=before: service.inside > before, what="the request is at the service")
    return held


def release(service: Counting, held: list[socket.socket]) -> None:
    service.is_open.set()
    for sock in held:
        with sock:
            assert read_answer(sock).startswith(b"HTTP/1.1 200 ")
    service.is_open.clear()


def kill_worker(running: GatewayProcess, index: int) -> None:
    pid = workers(running)[index]["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: (now := workers(running)[index])["pid"] not in (pid, None) and now["state"] == "ready")


def places(running: GatewayProcess) -> int:
    """How many the node holds, by the cells of the board: 0 or 1 limits are in use in these tests."""
    return int(running.admin("/status")["board"]["configuration"]["used"])


def test_the_service_never_sees_more_than_max_whatever_worker_has_them(gateway: Gateway, service: Service) -> None:
    counting = Counting()
    counting.is_open.set()
    running = gateway(config(service(counting).address, 7))
    load = Load(running.port, 20)
    wait_until(lambda: load.statuses[200] > 200 and load.statuses[429] > 200, limit=30)
    load.stop()
    assert counting.worst == 7
    assert set(load.statuses) == {200, 429} and not load.broken
    found = running.admin("/status")
    assert found["routes"]["/*"]["over_limit"] == load.statuses[429]
    assert found["routes"]["/*"]["limit_places"] == 0
    assert places(running) == 0


def test_a_worker_killed_under_load_leaks_no_place(gateway: Gateway, service: Service) -> None:
    counting = Counting()
    counting.is_open.set()
    running = gateway(config(service(counting).address, 6, "listener"))
    load = Load(running.port, 12)
    for index in range(WORKERS):
        before = load.statuses[200]
        wait_until(lambda before=before: load.statuses[200] > before + 20, limit=20)
        kill_worker(running, index)
    load.stop()
    counting.is_open.clear()
    wait_until(lambda: counting.inside == 0)
    held = hold(running.port, counting, 6)
    assert status(running.port) == 429
    release(counting, held)
    wait_until(lambda: places(running) == 0)


def test_what_a_killed_worker_held_is_free_at_once(gateway: Gateway, service: Service) -> None:
    counting = Counting()
    running = gateway(config(service(counting).address, 4))
    held = hold(running.port, counting, 4)
    assert status(running.port) == 429
    for index in range(WORKERS):
        kill_worker(running, index)
    assert sum(line["places"] for line in events(running, "places that dead workers held are free again")) == 4
    for sock in held:
        sock.close()
    held = hold(running.port, counting, 4)
    assert status(running.port) == 429
    release(counting, held)


def test_clients_that_leave_free_their_places(gateway: Gateway, service: Service) -> None:
    counting = Counting()
    running = gateway(config(service(counting).address, 3, "address"))
    for sock in hold(running.port, counting, 3):
        sock.close()
    wait_until(lambda: running.admin("/status")["board"]["clients"]["used"] == 0)
    held = hold(running.port, counting, 3)
    assert status(running.port) == 429
    release(counting, held)


def test_a_reload_changes_max_and_keeps_what_is_held(gateway: Gateway, service: Service) -> None:
    counting = Counting()
    address = service(counting).address
    running = gateway(config(address, 2))
    held = hold(running.port, counting, 2)
    reload(running, config(address, 3))
    held += hold(running.port, counting, 1)
    assert status(running.port) == 429
    reload(running, config(address, 1))
    assert status(running.port) == 429
    release(counting, held)
    wait_until(lambda: places(running) == 0)
    held = hold(running.port, counting, 1)
    assert status(running.port) == 429
    release(counting, held)


def test_an_upgrade_shares_the_limit(gateway: Gateway, service: Service) -> None:
    counting = Counting()
    text = config(service(counting).address, 5)
    first = gateway(text)
    held = hold(first.port, counting, 3)
    second = gateway(text, port=first.port, environment={"FASTGW_UPGRADE": str(first.pid)})
    assert second.admin("/status")["board"]["inherited_from"] == first.pid
    wait_until(lambda: events(first, "draining"))
    more = hold(first.port, counting, 2)
    assert status(first.port) == 429
    release(counting, held + more)
    assert first.wait() == 0
    held = hold(second.port, counting, 5)
    assert status(second.port) == 429
    release(counting, held)


def test_an_upgrade_gives_back_what_the_old_gateway_held_when_all_of_it_is_killed(
    gateway: Gateway, service: Service
) -> None:
    counting = Counting()
    text = config(service(counting).address, 3)
    first = gateway(text)
    lost = hold(first.port, counting, 3)
    pids = [worker["pid"] for worker in workers(first)]
    second = gateway(text, port=first.port, environment={"FASTGW_UPGRADE": str(first.pid)})
    wait_until(lambda: events(first, "draining"))
    assert status(second.port) == 429
    first.kill()
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # it held nothing, and has ended
    wait_until(lambda: places(second) == 0)
    for sock in lost:
        sock.close()
    held = hold(second.port, counting, 3)
    assert status(second.port) == 429
    release(counting, held)
