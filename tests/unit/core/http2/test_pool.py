"""Connections that carry many: which one the next stream goes to, when another is opened, who waits, and what ALPN chooses."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.http1.pool import PEEK_AFTER, Http1Pool
from fastgw.core.http2.pool import Http2Pool
from fastgw.core.protocols import make_pool
from fastgw.core.settings import Address
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, Edge, statuses
from fastgw.testing.mock import QuietSocket
from fastgw.wire.http2.errors import NO_ERROR
from tests.support.http2_service import Behind, Server


def clients(edge: Edge, count: int) -> list[Any]:
    """So many that have asked."""
    return [edge.client(GET) for _ in range(count)]


def test_streams_share_a_connection_until_it_is_full_and_then_another_is_opened() -> None:
    edge = Behind(pool=usual.pool(max_connections=2))
    asking = clients(edge, 5)
    assert len(edge.attempts) == 1  # all that wait fit on one, as far as is known
    first = edge.serve(most=2)
    assert len(first.heads) == 2 and len(edge.attempts) == 1
    second = edge.serve(most=2)
    assert len(second.heads) == 2 and not edge.attempts
    assert (edge.pool().size, len(edge.pool().waiters)) == (2, 1)
    first.answer(1)
    assert list(first.heads) == [1, 3, 5] and edge.pool().pressing == 0
    for server, numbers in ((first, (3, 5)), (second, (1, 3))):
        for number in numbers:
            server.answer(number)
    assert all(statuses(one.take()) == [200] for one in asking)
    assert len(edge.pool().idle) == 2 == edge.of_endpoint(counters.ENDPOINT_IDLE)
    edge.end()


def test_our_own_bound_holds_too() -> None:
    edge = Behind(pool=usual.pool(max_streams=1, max_connections=1))
    asking = clients(edge, 2)
    server = edge.serve(most=100)
    assert list(server.heads) == [1]
    server.answer(1)
    server.answer(3)
    assert [statuses(one.take()) for one in asking] == [[200], [200]]
    assert edge.of_endpoint(counters.ENDPOINT_CONNECTS) == 1
    assert edge.of_endpoint(counters.ENDPOINT_REUSED) == 0  # the second waited for the first
    edge.end()


def test_as_many_connections_are_opened_as_those_before_carry() -> None:
    edge = Behind(pool=usual.pool(max_connections=8))
    clients(edge, 1)
    server = edge.serve(most=2)
    clients(edge, 7)
    assert len(edge.attempts) == 3  # one goes to the first, and six wait for three of two each
    server.answer(1)
    edge.end()


def test_who_waits_is_bounded_in_number_and_time() -> None:
    edge = Behind(pool=usual.pool(max_pending=1, max_streams=1, max_connections=1, pending_timeout=2.0))
    (first,) = clients(edge, 1)
    server = edge.serve()
    second, third = clients(edge, 2)
    assert statuses(third.take()) == [503]
    edge.loop.advance(2.3)
    assert statuses(second.take()) == [503] and edge.pool().pressing == 0
    server.answer(1)
    assert statuses(first.take()) == [200]
    edge.end()


def test_connections_beyond_what_the_load_needs_come_to_rest() -> None:
    edge = Behind(pool=usual.pool(max_connections=2, idle_timeout=4.0))
    asking = clients(edge, 3)
    first, second = edge.serve(most=2), edge.serve(most=2)
    for server, number in ((first, 1), (first, 3), (second, 1)):
        server.answer(number)
    for _ in range(8):  # always the one that rested last
        client = edge.client(GET)
        second.listen()
        second.answer(max(second.heads))
        assert statuses(client.take()) == [200]
        edge.loop.advance(1)
    assert first.goaways == [] and first.transport.is_closing() and not second.transport.is_closing()
    first.listen()
    assert first.goaways == [NO_ERROR]
    assert all(statuses(one.take()) == [200] for one in asking)
    edge.end()


def test_one_at_rest_that_is_gone_is_not_taken() -> None:
    edge = Behind()
    (client,) = clients(edge, 1)
    server = edge.serve()
    server.answer(1)
    edge.loop.advance(1.0)
    link: Any = edge.pool().idle[0]
    link.transport.extra["socket"] = link.transport  # which no system knows
    link.transport.fileno = lambda: -1
    client.feed(GET)
    assert len(edge.attempts) == 1
    Server(edge).answer(1)
    assert statuses(client.take()) == [200, 200]
    edge.end()


def test_fewer_connections_are_kept_when_settings_say_so_and_more_streams_taken() -> None:
    edge = Behind(pool=usual.pool(max_connections=2, max_streams=1))
    asking = clients(edge, 3)
    first, second = edge.serve(), edge.serve()
    edge.pool().apply(usual.pool(max_connections=2, max_streams=2))
    first.listen()
    second.listen()
    assert list(first.heads) == [1, 3] or list(second.heads) == [1, 3]
    edge.pool().apply(usual.pool(max_connections=1, max_streams=2))
    for server in (first, second):
        server.listen()
        for number in list(server.heads):
            server.answer(number)
    assert edge.pool().size == 1 == len(edge.pool().idle)
    assert all(statuses(one.take()) == [200] for one in asking)
    edge.end()


def test_the_service_may_take_more_or_fewer_streams_later() -> None:
    edge = Behind(pool=usual.pool(max_connections=1))
    clients(edge, 3)
    server = edge.serve(most=1)
    assert len(server.heads) == 1
    server.h2.update_settings({3: 2})
    server.flush()
    server.listen()
    assert len(server.heads) == 2
    server.h2.update_settings({3: 1})
    server.flush()
    server.answer(1)
    assert len(server.heads) == 2
    server.answer(3)
    assert len(server.heads) == 3
    server.answer(5)
    edge.end()


def test_a_connection_that_could_not_be_opened_fails_all_it_was_for() -> None:
    edge = Behind()
    asking = clients(edge, 3)
    edge.refuse()
    assert [statuses(one.take()) for one in asking] == [[502]] * 3 and not edge.attempts
    edge.end()


def test_no_stream_begins_on_one_that_the_service_takes_leave_of() -> None:
    edge = Behind(pool=usual.pool(max_connections=1))
    asking = clients(edge, 2)
    server = edge.serve(most=1)
    server.h2.close_connection(0, last_stream_id=1)
    server.flush()
    assert len(edge.attempts) == 1 and edge.pool().size == 1
    second = edge.serve()
    second.answer(1)
    assert statuses(asking[1].take()) == [200]
    asking[0].lose()
    edge.end()


def test_retired_it_finishes_and_keeps_nothing() -> None:
    edge = Behind()
    (client,) = clients(edge, 1)
    server = edge.serve()
    edge.pool().retire()
    assert not server.transport.is_closing()
    server.answer(1)
    assert statuses(client.take()) == [200] and server.transport.is_closing()
    edge.end()


def test_warm_connections_are_open_before_anybody_asks() -> None:
    edge = Behind(pool=usual.pool(warm=1))
    edge.loop.advance(0.3)
    server = edge.serve()
    (client,) = clients(edge, 1)
    server.listen()
    server.answer(1)
    assert statuses(client.take()) == [200] and edge.of_endpoint(counters.ENDPOINT_REUSED) == 1
    edge.end()


def test_a_connection_that_ends_while_it_is_being_opened_and_nobody_waits_any_more() -> None:
    edge = Behind()
    (client,) = clients(edge, 1)
    transport = edge.connect()
    client.lose()
    edge.pool().close()
    edge.run()
    assert transport.is_lost and edge.pool().size == 0
    edge.end()


# --- ALPN


class Tls:
    """What a transport tells of its TLS."""

    def __init__(self, chosen: str | None) -> None:
        self._chosen = chosen

    def selected_alpn_protocol(self) -> str | None:
        return self._chosen


class Chosen(Behind):
    """A service behind TLS; ``protocol``: as its configuration has it."""

    def endpoint(self, port: int, slot: int, pool: Any = None) -> Any:
        """See ``Edge``."""
        options = {"pool": pool or usual.pool(), "slot": slot, "tls": usual.tls(), "protocol": self.protocol}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return usual.endpoint(self.plane.registry, "s", Address("127.0.0.1", port), context=context, **options)


class Auto(Chosen):
    """Whatever ALPN chooses."""

    protocol = "auto"


def tls(chosen: str | None) -> dict[str, Any]:
    return {"extra": {"socket": None, "sslcontext": object(), "ssl_object": Tls(chosen)}}


@pytest.mark.parametrize("kind", [Chosen, Auto])
def test_h2_is_spoken_where_alpn_chooses_it(kind: type[Behind]) -> None:
    edge = kind()
    (client,) = clients(edge, 1)
    server = edge.serve(**tls("h2"))
    assert server.head(1)[":scheme"] == "https"
    server.answer(1)
    assert statuses(client.take()) == [200]
    edge.end()


@pytest.mark.parametrize(("chosen", "words"), [("http/1.1", "chose http/1.1"), (None, "chose no protocol")])
def test_a_service_that_does_not_agree_on_h2_is_a_failed_connection(chosen: str | None, words: str) -> None:
    edge = Chosen()
    (client,) = clients(edge, 1)
    transport = edge.connect(**tls(chosen))
    data = client.take()
    assert statuses(data) == [502] and b"tls_failed" in data
    assert transport.take() == b"" and transport.is_closing()
    assert f"does not agree on h2: it {words} by alpn" in edge.failures()[0]["detail"]
    edge.end()


@pytest.mark.parametrize("chosen", ["http/1.1", None])
def test_auto_speaks_http1_where_alpn_chooses_that_or_nothing(chosen: str | None) -> None:
    edge = Auto()
    asking = clients(edge, 3)
    assert len(edge.attempts) == 1
    service = edge.connect(**tls(chosen))
    assert service.take().startswith(b"GET / HTTP/1.1\r\n")
    assert len(edge.attempts) == 2  # each has one exchange, as is known now
    others = [edge.connect(**tls(chosen)) for _ in range(2)]
    for one in (service, *others):
        one.feed(OK)
    assert all(statuses(one.take()) == [200] for one in asking) and len(edge.pool().idle) == 3
    asking[0].feed(GET)
    assert edge.of_endpoint(counters.ENDPOINT_REUSED) == 1
    edge.end()


def test_auto_does_not_use_a_connection_of_http1_that_ended_while_it_rested() -> None:
    """Nobody was told: the end is seen when it is taken out, and the request goes over another."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        edge = Auto()
        (client,) = clients(edge, 1)
        options = tls("http/1.1")
        options["extra"]["socket"] = QuietSocket(ours)
        service = edge.connect(**options)
        service.feed(OK)
        edge.loop.advance(PEEK_AFTER + 0.5)
        theirs.close()
        client.feed(GET)
        assert service.is_aborted and len(edge.attempts) == 1 and not edge.pool().idle
        edge.serve(**tls("h2")).answer(1)
        assert statuses(client.take()) == [200, 200] and not edge.failures()
        edge.end()


def test_auto_takes_on_what_the_service_has_become() -> None:
    edge = Auto()
    (client,) = clients(edge, 1)
    service = edge.connect(**tls("http/1.1"))
    service.feed(OK)
    service.lose()
    client.feed(GET)
    server = edge.serve(**tls("h2"))
    server.answer(1)
    assert statuses(client.take()) == [200, 200]
    edge.end()


def test_the_pool_of_a_protocol() -> None:
    for protocol, is_tls, kind in (
        ("http/1.1", False, Http1Pool),
        ("http/1.1", True, Http1Pool),
        ("h2", False, Http2Pool),
        ("h2", True, Http2Pool),
        ("auto", False, Http1Pool),
        ("auto", True, Http2Pool),
    ):
        edge = Edge()
        given = usual.tls() if is_tls else None
        one = usual.endpoint(edge.plane.registry, "t", Address("10.0.0.1", 1), tls=given, protocol=protocol)
        assert type(make_pool(one, edge.plane)) is kind
        assert one.pool.takes_chunks == (kind is Http1Pool)
        edge.end()


def test_each_protocol_is_an_endpoint_of_its_own() -> None:
    edge = Edge()
    made = [
        usual.endpoint(edge.plane.registry, "t", Address("10.0.0.1", 1), protocol=one) for one in ("http/1.1", "h2")
    ]
    assert made[0] is not made[1]
    edge.end()
