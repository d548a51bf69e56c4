"""One fetches an answer, others wait for it."""

from __future__ import annotations

import pytest

from fastgw.core import counters
from fastgw.core.labels import CACHE_OUTCOMES
from fastgw.testing.edge import body_of, statuses
from fastgw.testing.mock import MockTransport
from tests.unit.adapters.cached import CachedEdge, answer, asks


def clients(edge: CachedEdge, count: int, request: bytes = b"") -> tuple[list[MockTransport], MockTransport]:
    """So many clients with the same request, and the one connection to the service."""
    found = [edge.client(request or asks()) for _ in range(count)]
    service = edge.connect()
    assert not edge.attempts
    return found, service


def test_one_asks_for_all() -> None:
    edge = CachedEdge()
    waiting, service = clients(edge, 3)
    service.feed(answer(b"hello"))
    assert [body_of(one.take()) for one in waiting] == [b"hello"] * 3
    assert edge.outcomes == {"miss": 1, "waited": 2}
    edge.end()


def test_whoever_asked_first_may_leave_and_the_others_get_it_whole() -> None:
    edge = CachedEdge()
    waiting, service = clients(edge, 3)
    waiting[0].lose()
    edge.run()
    service.feed(answer(b"hello")[:-3])
    waiting[1].lose()
    edge.run()
    service.feed(b"llo")
    assert body_of(waiting[2].take()) == b"hello"
    assert body_of(edge.ask(asks())) == b"hello"
    assert not service.is_closing()
    edge.end()


def test_without_anybody_the_service_is_let_go() -> None:
    edge = CachedEdge()
    waiting, service = clients(edge, 2)
    for one in waiting:
        one.lose()
    edge.run()
    assert service.is_closing()
    edge.ask(asks(), answer())  # nothing is left that would wait
    edge.end()


def test_whoever_comes_in_the_middle_gets_it_whole() -> None:
    edge = CachedEdge()
    waiting, service = clients(edge, 1)
    service.feed(answer(b"hello")[:-3])
    late = edge.client(asks())
    assert body_of(late.take()) == b"he"
    service.feed(b"llo")
    assert late.take() == b"llo"
    assert body_of(waiting[0].take()) == b"hello"
    edge.end()


def test_whoever_waited_goes_on_alone_when_it_is_private() -> None:
    edge = CachedEdge()
    waiting, service = clients(edge, 3)
    service.feed(answer(b"mine", "Set-Cookie: a=b"))
    assert body_of(waiting[0].take()) == b"mine"
    assert [one.take() for one in waiting[1:]] == [b"", b""]
    for body in (b"two", b"three"):  # over the connection that is free again
        service.feed(answer(body, "Set-Cookie: b=c"))
    assert sorted(body_of(one.take()) for one in waiting[1:]) == [b"three", b"two"]
    edge.client(asks())
    edge.client(asks())
    edge.run()  # nobody waits for what was not to be kept
    assert edge.of_route(counters.ROUTE_CACHE_REQUESTS + CACHE_OUTCOMES.index("bypass")) == 2
    edge.end()


def test_an_error_of_a_service_is_told_to_all_who_have_waited_for_it() -> None:
    edge = CachedEdge()
    waiting, service = clients(edge, 3)
    service.take()
    service.feed(answer(b"busy", status="503 Busy", control=""))
    edge.run()
    got = [one.take() for one in waiting]
    assert [(statuses(one), body_of(one)) for one in got] == [([503], b"busy")] * 3
    assert service.take() == b"" and not edge.attempts  # nobody has asked once more
    edge.client(asks())
    edge.run()
    assert service.take().startswith(b"GET ")  # who comes later asks
    edge.plane.close()


@pytest.mark.parametrize("field", ["Set-Cookie: a=b", "Cache-Control: private", "Vary: Accept-Language"])
def test_an_error_that_is_private_or_of_another_variant_is_not(field: str) -> None:
    edge = CachedEdge()
    first, other = edge.client(asks()), edge.client(asks("/x", "Accept-Language: de"))
    edge.connect().feed(answer(b"mine", field, status="503 Busy", control=""))
    edge.run()
    assert body_of(first.take()) == b"mine"
    assert other.take() == b""
    edge.plane.close()


def test_of_what_is_private_the_one_who_has_left_leaves_nothing() -> None:
    edge = CachedEdge()
    waiting, service = clients(edge, 2)
    waiting[0].lose()
    edge.run()
    service.feed(answer(b"mine", "Set-Cookie: a=b"))
    edge.run()
    assert waiting[1].take() == b""
    service.feed(answer(b"yours"))
    assert body_of(waiting[1].take()) == b"yours"
    edge.end()


def test_who_would_get_another_variant_goes_on_alone() -> None:
    edge = CachedEdge()
    first = edge.client(asks("/x", "Accept-Language: en"))
    second = edge.client(asks("/x", "Accept-Language: de"))
    edge.connect().feed(answer(b"en", "Vary: Accept-Language")[:-2])
    edge.connect().feed(answer(b"de", "Vary: Accept-Language"))
    assert body_of(second.take()) == b"de"
    first.lose()
    edge.end()


def test_who_has_waited_long_enough_asks() -> None:
    edge = CachedEdge()
    waiting, _ = clients(edge, 2)
    edge.loop.advance(5.1)
    edge.connect().feed(answer(b"two"))
    assert body_of(waiting[1].take()) == b"two"
    assert waiting[0].take() == b""
    edge.end()


def test_no_more_wait_than_may() -> None:
    edge = CachedEdge()
    waiting, first = clients(edge, 3)
    fourth = edge.client(asks())
    edge.connect().feed(answer(b"4"))
    assert body_of(fourth.take()) == b"4"
    first.feed(answer(b"1"))
    assert [body_of(one.take()) for one in waiting] == [b"1"] * 3
    edge.end()


def test_an_error_is_everybody_s() -> None:
    edge = CachedEdge()
    waiting = [edge.client(asks()) for _ in range(2)]
    edge.refuse()
    assert [statuses(one.take()) for one in waiting] == [[502], [502]]
    assert not edge.attempts
    edge.end()


def test_an_answer_that_breaks_off_is_cut_for_everybody() -> None:
    edge = CachedEdge()
    waiting, service = clients(edge, 2)
    service.feed(answer(b"hello")[:-3])
    service.lose()
    edge.run()
    assert [(body_of(one.take()), one.is_closing()) for one in waiting] == [(b"he", True)] * 2
    edge.end()


def test_what_turns_out_too_large_is_streamed_on_to_all() -> None:
    edge = CachedEdge()
    waiting, service = clients(edge, 2)
    service.feed(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(5):
        service.feed(b"12c\r\n" + b"z" * 300 + b"\r\n")
    service.feed(b"0\r\n\r\n")
    for one in waiting:
        got = one.take()
        assert got.count(b"z") == 1500 and got.endswith(b"0\r\n\r\n")
    assert edge.of_route(counters.ROUTE_CACHE_STORED) == 0
    edge.end()


def test_a_slow_client_holds_the_service_of_what_is_not_kept() -> None:
    edge = CachedEdge()
    client, service = edge.pair(asks())
    service.feed(answer(b"q" * 500_000, control="")[:-400_000])
    client.protocol.pause_writing()
    assert not service.is_reading()
    client.protocol.resume_writing()
    assert service.is_reading()
    service.feed(b"q" * 400_000)
    assert client.take().count(b"q") == 500_000
    edge.end()


def test_all_that_is_fetched_holds_no_more_than_what_is_kept_may_be() -> None:
    edge = CachedEdge()
    edge.cache.held.most = 1000
    kept, first = edge.pair(asks("/kept"))
    first.feed(answer(b"k" * 900)[:-100])
    kept.protocol.pause_writing()
    passed, second = edge.pair(asks("/passed"))
    passed.protocol.pause_writing()
    second.feed(answer(b"p" * 900)[:-300])
    assert first.is_reading() and not second.is_reading()  # the one that would be too many waits for its client
    passed.protocol.resume_writing()
    second.feed(b"p" * 300)
    first.feed(b"k" * 100)
    kept.protocol.resume_writing()
    assert (kept.take().count(b"k"), passed.take().count(b"p")) == (900, 900)
    assert edge.of_route(counters.ROUTE_CACHE_STORED) == 1
    edge.end()


def test_what_a_client_has_not_taken_is_held_until_it_leaves() -> None:
    edge = CachedEdge()
    client, service = edge.pair(asks())
    service.feed(answer(b"k" * 900)[:-100])
    client.protocol.pause_writing()
    service.feed(b"k" * 100)
    assert edge.cache.held.size > 0  # kept, and sent to a slow one
    client.lose()
    edge.run()
    edge.end()
