"""Upgrades: good and bad handshakes, bytes both ways, and how a tunnel ends."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.plane import LEAVING_SECONDS
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, SWITCHING, WEBSOCKET, Edge, Spy, head_of, statuses
from fastgw.testing.mock import MockTransport


def tunnel(edge: Edge) -> tuple[MockTransport, MockTransport]:
    """A client and a service that have switched protocols."""
    client, service = edge.pair(WEBSOCKET)
    service.feed(SWITCHING)
    assert statuses(client.take()) == [101]
    service.take()
    assert edge.count(counters.TUNNELS_OPEN) == 1
    return client, service


def test_handshake_is_passed_on_both_ways() -> None:
    edge = Edge()
    client, service = edge.pair(WEBSOCKET)
    asked = head_of(service.take())
    assert b"connection: upgrade\r\nupgrade: websocket\r\n" in asked
    assert b"sec-websocket-key: dghlihnhbxbszsbub25jzq==\r\n" in asked
    service.feed(SWITCHING[:-2] + b"Content-Length: 0\r\nX-Request-Id: 7\r\n\r\n")
    assert client.take() == (
        b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        b"connection: Upgrade\r\nupgrade: websocket\r\nx-request-id: 7\r\n\r\n"
    )
    edge.end()


def test_bytes_pass_unread() -> None:
    edge = Edge()
    client, service = tunnel(edge)
    client.feed(b"\x81\x85GET / HTTP/1.1\r\n\r\n")
    assert service.take() == b"\x81\x85GET / HTTP/1.1\r\n\r\n"
    service.feed(b"HTTP/1.1 200\r\n\r\n\0")
    assert client.take() == b"HTTP/1.1 200\r\n\r\n\0"
    client.feed_eof()
    service.feed_eof()
    edge.run()
    assert edge.of_route(counters.ROUTE_BYTES_IN) == 20
    assert edge.of_route(counters.ROUTE_BYTES_OUT) == 17
    assert edge.of_route(counters.ROUTE_STATUS) == 1
    edge.end()


def test_bytes_that_came_early_are_the_first() -> None:
    edge = Edge()
    client, service = edge.pair(WEBSOCKET + b"from the client")
    assert not service.take().endswith(b"from the client")
    service.feed(SWITCHING + b"from the service")
    assert client.take().endswith(b"\r\n\r\nfrom the service")
    assert service.take() == b"from the client"
    edge.end()


@pytest.mark.parametrize("side", ["client", "service"])
@pytest.mark.parametrize("ending", ["eof", "reset"])
def test_either_side_ends_it(side: str, ending: str) -> None:
    journal: list[str] = []
    edge = Edge(filters=[Spy("a", journal)])
    client, service = tunnel(edge)
    one, other = (client, service) if side == "client" else (service, client)
    if ending == "eof":
        one.feed_eof()
        other.feed_eof()
    else:
        one.lose(ConnectionResetError())
    assert edge.count(counters.TUNNELS_OPEN) == 0
    edge.run()
    assert client.is_lost
    assert service.is_lost
    assert journal == ["a.request", "a.response", "a.done"]
    edge.end()


@pytest.mark.parametrize("side", ["client", "service"])
def test_each_half_ends_by_itself(side: str) -> None:
    edge = Edge()
    client, service = tunnel(edge)
    one, other = (client, service) if side == "client" else (service, client)
    one.feed(b"the last")
    one.feed_eof()
    edge.run()
    assert other.take() == b"the last"
    assert other.is_eof_written
    assert not one.is_closing()
    other.feed(b"still more")
    assert one.take() == b"still more"
    assert edge.count(counters.TUNNELS_OPEN) == 1
    other.feed_eof()
    edge.run()
    assert client.is_lost
    assert service.is_lost
    assert edge.count(counters.TUNNELS_OPEN) == 0
    edge.end()


def test_half_of_a_tunnel_has_its_deadline() -> None:
    edge = Edge(route={"tunnel_idle_timeout": 10.0})
    client, service = tunnel(edge)
    edge.loop.advance(8)
    client.feed_eof()
    edge.loop.advance(8)
    assert not service.is_closing()
    edge.loop.advance(3)
    assert client.is_lost
    assert service.is_lost
    edge.end()


@pytest.mark.parametrize("side", ["client", "service"])
def test_where_one_side_cannot_be_half_closed_the_first_end_is_that_of_both(side: str) -> None:
    edge = Edge()
    client, service = tunnel(edge)
    (client if side == "client" else service).extra["can_write_eof"] = False
    client.feed_eof()
    edge.run()
    assert client.is_lost
    assert service.is_lost
    assert not service.is_eof_written
    edge.end()


def test_a_tunnel_may_end_with_its_beginning() -> None:
    edge = Edge(listener={"half_close": "answer"}, route={"half_close": "answer"})
    client, service = edge.pair(WEBSOCKET)
    client.feed_eof()
    service.extra["can_write_eof"] = False
    service.feed(SWITCHING + b"early")
    assert statuses(client.take()) == [101]
    assert edge.count(counters.TUNNELS_OPEN) == 0
    edge.run()
    assert client.is_lost and service.is_lost
    assert not edge.log
    edge.end()


def test_half_closed_side_that_takes_nothing_ends_it() -> None:
    edge = Edge()
    client, service = tunnel(edge)
    client.feed_eof()
    protocol: Any = client.protocol
    protocol.on_broken()
    edge.run()
    assert service.is_lost
    edge.end()


def test_end_flushes_what_is_queued() -> None:
    edge = Edge()
    client, service = tunnel(edge)
    client.capacity = 0
    service.feed(b"last words")
    client.feed_eof()
    service.feed_eof()
    edge.run()
    client.drain()
    edge.run()
    assert client.take() == b"last words"
    assert client.is_lost
    edge.end()


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (GET, SWITCHING),
        (WEBSOCKET, SWITCHING.replace(b"s3pP", b"xxxx")),
        (WEBSOCKET, b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
        (WEBSOCKET, SWITCHING.replace(b"Upgrade: websocket", b"Upgrade: other")),
        (WEBSOCKET, SWITCHING.replace(b"Connection: Upgrade", b"Connection: close")),
    ],
)
def test_switch_that_was_not_asked_for_is_an_error(ask: bytes, answer: bytes) -> None:
    edge = Edge()
    client, service = edge.pair(ask)
    service.feed(answer)
    assert statuses(client.take()) == [502]
    assert service.is_aborted
    assert edge.count(counters.TUNNELS_OPEN) == 0
    client.feed(GET)
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_service_may_refuse_and_the_connection_is_still_http() -> None:
    edge = Edge()
    client, service = edge.pair(WEBSOCKET)
    service.feed(OK)
    client.feed(GET)
    service.feed(OK)
    assert statuses(client.take()) == [200, 200]
    edge.end()


@pytest.mark.parametrize("upgrades", [(), ("other",)])
def test_upgrade_the_route_does_not_allow_is_plain_http(upgrades: tuple[str, ...]) -> None:
    edge = Edge(route={"upgrades": upgrades})
    client, service = edge.pair(WEBSOCKET)
    asked = head_of(service.take())
    assert b"upgrade" not in asked
    service.feed(SWITCHING)
    assert statuses(client.take()) == [502]
    edge.end()


def test_other_protocol_the_route_allows() -> None:
    edge = Edge(route={"upgrades": ("custom",)})
    client, service = edge.pair(GET[:-2] + b"Connection: upgrade\r\nUpgrade: Custom\r\n\r\n")
    service.feed(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: Custom\r\n\r\n")
    assert statuses(client.take()) == [101]
    edge.end()


# --- hooks


def test_response_hooks_see_the_switch() -> None:
    edge = Edge(filters=[Spy("a", [], response=lambda exchange: exchange.response.add_header(b"x-by", b"hook"))])
    client, service = edge.pair(WEBSOCKET)
    service.feed(SWITCHING)
    assert b"x-by: hook\r\n" in head_of(client.take())
    edge.end()


def test_response_hook_that_fails_leaves_no_tunnel() -> None:
    journal: list[str] = []

    def fail(exchange: Any) -> None:
        raise ValueError("a bug")

    edge = Edge(filters=[Spy("a", journal), Spy("b", journal, response=fail)])
    client, service = edge.pair(WEBSOCKET)
    service.feed(SWITCHING)
    assert statuses(client.take()) == [500]
    assert service.is_aborted
    assert journal == ["a.request", "b.request", "b.response", "b.done", "a.done"]
    assert [str(error) for error in edge.errors] == ["a bug"]
    edge.end()


@pytest.mark.parametrize("kind", ["coroutine", "future"])
def test_response_hook_that_waits_is_an_error(kind: str) -> None:
    async def wait() -> None:
        raise AssertionError("nobody waits for it")

    edge = Edge(
        filters=[Spy("a", [], response=lambda exchange: wait() if kind == "coroutine" else edge.loop.create_future())]
    )
    client, service = edge.pair(WEBSOCKET)
    service.feed(SWITCHING)
    assert statuses(client.take()) == [502]
    edge.end()


# --- deadlines and back-pressure


def test_silence_ends_it() -> None:
    edge = Edge(route={"tunnel_idle_timeout": 10.0})
    client, service = tunnel(edge)
    for one in (client, service) * 3:
        edge.loop.advance(8)
        one.feed(b"x")
    edge.loop.advance(9)
    assert not client.is_closing()
    edge.loop.advance(2)
    assert client.is_lost
    assert service.is_lost
    edge.end()


def test_time_of_the_whole_exchange_ends_it_too() -> None:
    edge = Edge(route={"timeout": 10.0})
    client, service = tunnel(edge)
    edge.loop.advance(11)
    assert client.is_lost
    assert service.is_lost
    assert edge.count(counters.TUNNELS_OPEN) == 0
    edge.end()


def test_slow_client_holds_the_service_and_the_other_way_round() -> None:
    edge = Edge()
    client, service = tunnel(edge)
    for one, other in ((client, service), (service, client)):
        one.capacity = 0
        other.feed(b"x" * 100_000)
        assert not other.is_reading()
        one.drain()
        edge.run()
        assert other.is_reading()
        assert len(one.take()) == 100_000
    edge.end()


def test_stuck_client_is_dropped_after_the_write_deadline() -> None:
    edge = Edge(timeouts=usual.timeouts(write=10))
    client, service = tunnel(edge)
    client.capacity = 0
    service.feed(b"x" * 100_000)
    for _ in range(5):
        edge.loop.advance(5)
        if client.is_lost:
            break
        client.feed(b"still talking")
    assert client.is_lost
    assert service.is_lost
    edge.end()


def test_client_that_caught_up_has_the_tunnels_deadline_again() -> None:
    edge = Edge(timeouts=usual.timeouts(write=10))
    client, service = tunnel(edge)
    client.capacity = 0
    service.feed(b"x" * 100_000)
    client.drain()
    edge.loop.advance(1000)
    assert not client.is_closing()
    edge.end()


def test_end_of_the_worker_ends_it() -> None:
    edge = Edge()
    client, service = tunnel(edge)
    edge.plane.close()
    edge.run()
    assert client.is_lost
    assert service.is_lost
    edge.end()


def test_service_that_takes_nothing_is_cut_off_after_the_end() -> None:
    edge = Edge()
    client, service = tunnel(edge)
    service.capacity = 0
    client.feed(b"last words")
    client.feed_eof()
    service.feed_eof()
    edge.run()
    assert not service.is_lost
    edge.loop.advance(LEAVING_SECONDS + 0.5)
    assert service.is_aborted
    edge.end()


def test_service_that_takes_nothing_is_cut_off_at_the_end_of_the_worker() -> None:
    edge = Edge()
    client, service = tunnel(edge)
    service.capacity = 0
    client.feed(b"last words")
    client.lose()
    assert not service.is_lost
    edge.end()
    assert service.is_aborted


def test_client_that_takes_nothing_is_cut_off_after_the_end() -> None:
    edge = Edge(timeouts=usual.timeouts(write=5), route={"tunnel_idle_timeout": 3.0})
    client, service = tunnel(edge)
    client.capacity = 0
    service.feed(b"last words")
    edge.loop.advance(4)
    assert service.is_lost
    assert not client.is_lost
    edge.loop.advance(6)
    assert client.is_aborted
    edge.end()


def test_end_of_the_worker_does_not_wait_for_a_service_that_takes_nothing() -> None:
    edge = Edge()
    client, service = tunnel(edge)
    service.capacity = 0
    client.feed(b"last words")
    edge.plane.close()
    edge.run()
    assert service.is_aborted
    edge.end()


def test_what_is_said_behind_the_end_is_nobodys() -> None:
    """Bytes and ends may be on their way from a loop that was told to close."""
    edge = Edge()
    client, service = tunnel(edge)
    over = client.protocol.exchange.tunnel  # type: ignore[attr-defined]
    over.end()
    over.from_service(b"late")
    over.from_client(b"late")
    assert not over.end_half(client.protocol) and not over.end_half(service.protocol)
    over.end()
    edge.run()
    assert not client.take() and not service.take()
    assert edge.count(counters.TUNNELS_OPEN) == 0
    edge.end()
