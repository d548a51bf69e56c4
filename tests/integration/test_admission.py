"""Admission over all workers, with real processes: a burst waits and is served; those that wait get the places of a dead worker."""

from __future__ import annotations

import os
import signal
import socket

import pytest

from tests.integration.processes import REQUEST, Gateway, Service, connect, read_answer, workers
from tests.integration.test_limits import Counting, hold, release
from tests.support.gateway import GatewayProcess, simple_config, wait_until

pytestmark = pytest.mark.integration

ADMISSION = "admission: {limit: 2, queue: {size: 4, timeout: 30s}}"


def told(running: GatewayProcess) -> tuple[int, int]:
    """Requests inside and waiting, in all workers."""
    found = running.admin("/status")["services"]["main"]["admission"]
    assert found["limit"] in (0, 2)  # a worker that has just begun has not told it yet
    return found["places"], found["queued"]


def waiting(running: GatewayProcess, count: int) -> list[socket.socket]:
    """Clients whose requests wait in the gateway."""
    found = []
    for _ in range(count):
        found.append(connect(running.port))
        found[-1].sendall(REQUEST)
    wait_until(lambda: told(running)[1] == count, what="they wait")
    return found


def test_a_burst_waits_for_the_places_of_all_workers(gateway: Gateway, service: Service) -> None:
    counting = Counting()
    running = gateway(simple_config(service(counting).address, workers=2, service=ADMISSION))
    held = hold(running.port, counting, 2)
    clients = waiting(running, 4)
    assert counting.inside == 2
    release(counting, held + clients)
    assert counting.worst == 2
    wait_until(lambda: told(running) == (0, 0))


def test_who_waits_gets_the_places_of_a_worker_that_dies(gateway: Gateway, service: Service) -> None:
    counting = Counting()
    running = gateway(simple_config(service(counting).address, workers=2, service=ADMISSION))
    held = hold(running.port, counting, 2)
    clients = waiting(running, 4)
    os.kill(workers(running)[0]["pid"], signal.SIGKILL)
    counting.is_open.set()
    statuses = []
    for sock in held + clients:
        with sock:
            try:
                statuses.append(read_answer(sock).split(b" ", 2)[1])
            except (ConnectionError, AssertionError):  # it was with the worker that is gone
                continue
    assert set(statuses) <= {b"200"}
    wait_until(lambda: told(running) == (0, 0))
