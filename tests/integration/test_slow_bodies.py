"""Clients that send their bodies slowly, as many as a service has connections."""

from __future__ import annotations

import contextlib
import select
import threading

import pytest

from tests.integration.processes import Gateway, Service, ask, connect, read_answer, say
from tests.support.gateway import simple_config, wait_until
from tests.support.upstream import Connection, Received, hold

pytestmark = pytest.mark.integration

SLOW = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 8192\r\n\r\n"


def test_slow_bodies_do_not_take_the_service_away(gateway: Gateway, service: Service) -> None:
    upstream = service(say(b"here"))
    running = gateway(simple_config(upstream.address, service="pool: {max_connections: 8, pending_timeout: 1m}"))

    def endpoint() -> dict[str, int]:
        found: dict[str, int] = running.admin("/status")["services"]["main"]["endpoints"][upstream.address]
        return found

    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connect(running.port)) for _ in range(8)]
        for client in slow:
            client.sendall(SLOW)
        wait_until(lambda: running.admin("/status")["connections"]["bodies_held"] == 8, what="all are held")
        wait_until(lambda: endpoint()["uploads"] == 4, what="half of the connections are taken")
        with connect(running.port) as client:
            assert ask(client).endswith(b"here")
            client.sendall(SLOW + b"x" * 8192)
            assert read_answer(client).endswith(b"here")
        # Four wait for those that have a connection, and cannot keep it: they are cut.
        wait_until(lambda: running.admin("/status")["connections"]["bodies_cut"] >= 4, what="the slowest are cut")
        readable, _, _ = select.select(slow, [], [], 10)
        assert readable
        assert all(read_answer(client).startswith(b"HTTP/1.1 408 ") for client in readable)


def test_trickled_speech_reaches_a_service_that_reads_along(gateway: Gateway, service: Service) -> None:
    seen: list[bytes] = []
    event = threading.Event()

    def listen(request: Received, connection: Connection) -> None:
        seen.append(connection.read_exactly(3))
        event.set()
        connection.wait_closed()

    upstream = service(listen, reads_body=False)
    running = gateway(simple_config(upstream.address, route="body_buffer: 0, body_wait: 1m"))
    with connect(running.port) as client:
        client.sendall(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3")
        client.sendall(b"\r\nabc\r\n")
        assert event.wait(10)  # although the body goes on
        assert seen == [b"3\r\n"]
        client.close()


def test_a_body_held_for_its_service_arrives_whole(gateway: Gateway, service: Service) -> None:
    event = threading.Event()
    upstream = service(hold(event))
    running = gateway(simple_config(upstream.address, route="body_buffer: 4KiB, body_wait: 1m"))
    with connect(running.port) as client:
        client.sendall(SLOW)
        client.sendall(b"x" * 4000)
        wait_until(lambda: running.admin("/status")["connections"]["body_bytes_held"] == 4000, what="the body is held")
        assert not upstream.connections
        client.sendall(b"x" * 4192)
        event.set()
        assert b'"length": 8192' in read_answer(client)
