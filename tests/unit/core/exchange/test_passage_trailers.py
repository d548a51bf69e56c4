"""Hooks that see what stands behind a body, and what has none: trailers become a body, or a body trailers, and heads wait for either."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.exchange.filter import BodyHook
from fastgw.errors import DownstreamError
from fastgw.testing.edge import GET, HEAD, OK, Edge, Spy, body_of, head_of, statuses
from tests.support.bodies import Taped, Watching, plain, reading
from tests.unit.core.http2.peer import Http2Edge, Peer

CHUNKED_OK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
TRAILED = b"2\r\nok\r\n0\r\nX-Status: 5\r\nX-Other: a\r\n\r\n"
GET_TE = GET.replace(b"\r\n\r\n", b"\r\nConnection: TE\r\nTE: trailers\r\n\r\n")
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Status: 5\r\n\r\n"


class Told(BodyHook):
    """Makes a body of the trailers, and a status of one of them."""

    gather = 1

    def __init__(self, exchange: Any, gather: int = 1) -> None:
        self._exchange = exchange
        self.gather = gather

    def finish(self) -> bytes:
        response = self._exchange.response
        status = response.trailer(b"x-status") or response.header(b"x-status")
        if status == b"5" and not self._exchange.is_head_sent:
            response.set_status(404)
        return b"[" + bytes(response.take_trailers()) + b"]"


def telling(gather: int = 1, *, sees_empty: bool = False) -> Watching:
    """A filter with that hook."""
    found: Any = Watching("told", ["transform_response"], lambda exchange: Told(exchange, gather))
    found.sees_empty = sees_empty
    return found


def test_trailers_become_a_body() -> None:
    edge = Edge(filters=[telling(0)])
    client, service = edge.pair(GET_TE)
    service.feed(CHUNKED_OK + TRAILED)
    got = client.take()
    assert plain(got) == b"ok[X-Status: 5\r\nX-Other: a\r\n]"
    assert statuses(got) == [200] and body_of(got).endswith(b"\r\n0\r\n\r\n")
    edge.end()


def test_a_head_waits_for_what_stands_behind_an_empty_body() -> None:
    edge = Edge(filters=[telling()])
    client, service = edge.pair(GET_TE)
    service.feed(CHUNKED_OK)
    edge.run()
    assert client.take() == b""
    service.feed(b"0\r\nX-Status: 5\r\n\r\n")
    got = client.take()
    assert statuses(got) == [404] and plain(got) == b"[X-Status: 5\r\n]"
    assert b"content-length: 15\r\n" in head_of(got)  # nothing is behind it any more
    edge.end()


def test_a_head_waits_no_longer_than_for_the_first_bytes() -> None:
    edge = Edge(filters=[telling()])
    client, service = edge.pair(GET_TE)
    service.feed(CHUNKED_OK + b"2\r\nok\r\n")
    assert statuses(client.take()) == [200]
    service.feed(b"0\r\nX-Status: 5\r\n\r\n")
    assert client.take().endswith(b"[X-Status: 5\r\n]\r\n0\r\n\r\n")
    edge.end()


@pytest.mark.parametrize("sees_empty", [False, True])
def test_an_answer_without_a_body_is_offered_to_those_who_want_it(*, sees_empty: bool) -> None:
    edge = Edge(filters=[telling(sees_empty=sees_empty)])
    client, service = edge.pair(GET)
    service.feed(EMPTY)
    got = client.take()
    assert statuses(got) == ([404] if sees_empty else [200])
    assert plain(got) == (b"[]" if sees_empty else b"")
    client.feed(GET)  # both connections are as good as any
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_can_have_no_body_is_offered_to_nobody(status: int) -> None:
    told = telling(sees_empty=True)
    edge = Edge(filters=[told])
    client, service = edge.pair(GET)
    service.feed(b"HTTP/1.1 %d X\r\n\r\n" % status)
    assert statuses(client.take()) == [status] and told.seen == []
    edge.end()


def test_nor_is_one_to_head() -> None:
    told = telling(sees_empty=True)
    edge = Edge(filters=[told])
    client, service = edge.pair(HEAD)
    service.feed(EMPTY)
    assert statuses(client.take()) == [200] and told.seen == []
    edge.end()


def test_what_only_reads_an_empty_answer_leaves_it_as_it_is() -> None:
    watching: Any = reading("read_response", gather=10)
    watching.sees_empty = True
    edge = Edge(filters=[watching])
    client, service = edge.pair(GET)
    service.feed(EMPTY)
    got = client.take()
    assert statuses(got) == [200] and body_of(got) == b"" and b"content-length: 0\r\n" in head_of(got)
    assert watching.seen[0].tape == [None]
    edge.end()


def test_a_hook_may_fail_on_an_empty_answer_and_the_client_is_told() -> None:
    def fail(data: bytes | None) -> bytes:
        raise DownstreamError(418, "teapot", "no")

    watching: Any = reading("transform_response", fail, gather=1)
    watching.sees_empty = True
    edge = Edge(filters=[watching])
    client, service = edge.pair(GET)
    service.feed(EMPTY)
    assert statuses(client.take()) == [418]
    edge.end()


def test_a_hook_sets_other_trailers() -> None:
    class Changed(Taped):
        def finish(self) -> bytes:
            response = held[0].response
            response.set_trailer(b"x-status", b"7")
            with pytest.raises(ValueError, match="may not be a trailer"):
                response.set_trailer(b"content-length", b"7")
            return b""

    held: list[Any] = []
    spy = Spy("a", [], response=held.append)
    edge = Http2Edge(filters=[Watching("b", ["read_response"], lambda exchange: Changed()), spy])
    peer = Peer(edge)
    number = peer.ask()
    service = edge.connect()
    service.feed(CHUNKED_OK + TRAILED)
    peer.listen()
    assert peer.trailers[number] == [("x-other", "a"), ("x-status", "7")]
    held.clear()
    edge.end()


def test_trailers_are_one_clients_alone() -> None:
    edge = Edge(filters=[telling(0)])
    client, service = edge.pair(GET_TE)
    service.feed(CHUNKED_OK + TRAILED)
    client.take()
    client.feed(GET_TE)
    service.feed(OK)
    assert plain(client.take()) == b"ok[]"
    edge.end()
