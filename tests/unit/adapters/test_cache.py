"""What a cache keeps, and for whom."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from fastgw.core import counters
from fastgw.testing.edge import EPOCH, body_of, head_of, statuses
from tests.unit.adapters.cached import CachedEdge, answer, asks


def test_what_is_fresh_is_not_asked_for_again() -> None:
    edge = CachedEdge()
    first = edge.ask(asks(), answer(b"hello", "X-A: 1", "Age: 2"))
    assert (statuses(first), body_of(first)) == ([200], b"hello")
    assert b"cache-status: fastgw; fwd=miss; fwd-status=200; stored\r\n" in head_of(first)
    edge.loop.advance(10.0)
    second = edge.ask(asks())
    assert (statuses(second), body_of(second)) == ([200], b"hello")
    head = head_of(second)
    assert b"x-a: 1\r\n" in head and b"age: 12\r\n" in head and b"cache-status: fastgw; hit; ttl=48\r\n" in head
    assert head.count(b"\r\nage:") == head.count(b"\r\ndate:") == head.count(b"content-length:") == 1
    edge.loop.advance(50.0)
    edge.ask(asks(), answer(b"new"))
    assert edge.outcomes == {"hit": 1, "miss": 2}
    assert edge.of_route(counters.ROUTE_CACHE_STORED) == 2
    assert edge.of_route(counters.ROUTE_CACHE_ENTRIES) == 1
    assert edge.of_route(counters.ROUTE_CACHE_BYTES) == edge.cache.memory.shelf.size > 0
    edge.end()


def test_a_head_is_answered_from_what_a_get_has_left() -> None:
    edge = CachedEdge()
    edge.ask(asks(method="HEAD"), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nCache-Control: max-age=60\r\n\r\n")
    edge.ask(asks(), answer())  # of the HEAD nothing was kept
    got = edge.ask(asks(method="HEAD"))
    assert (statuses(got), body_of(got)) == ([200], b"")
    assert b"content-length: 5\r\n" in head_of(got)
    assert body_of(edge.ask(asks())) == b"hello"
    edge.end()


@pytest.mark.parametrize(
    "said",
    [
        answer(control=""),
        answer(control="no-store"),
        answer(control="private, max-age=60"),
        answer(b"hello", "Set-Cookie: a=b"),
        answer(b"hello", "Vary: *"),
        answer(b"x" * 1001),
        answer(status="206 Partial Content"),
        answer(status="500 No", control=""),
        answer(control="max-age=0"),
        b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n%b\r\n0\r\n\r\n"
        % (b"y" * 1001),
        b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 9\r\n\r\nhalf",
    ],
)
def test_what_is_not_kept(said: bytes) -> None:
    edge = CachedEdge()
    edge.ask(asks(), said)
    assert edge.of_route(counters.ROUTE_CACHE_STORED) == 0
    edge.ask(asks(), said)
    edge.end()


def test_errors_are_kept_only_where_they_say_so() -> None:
    edge = CachedEdge(cache={"ttl": 60.0})
    edge.ask(asks("/gone"), answer(status="404 Not Found", control=""))
    edge.loop.advance(11.0)  # nobody waits for a while for what was not to be kept
    edge.ask(asks("/gone"), answer(status="404 Not Found", control="max-age=9"))
    assert statuses(edge.ask(asks("/gone"))) == [404]
    edge.ask(asks("/x"), answer(control=""))
    assert statuses(edge.ask(asks("/x"))) == [200]
    edge.end()


# --- poisoning: what one client sends is not what another gets


@pytest.mark.parametrize(
    "other",
    [
        asks("/x", "X-Original-Host: evil"),
        asks("/x", "X-Host: evil"),
        asks("/x", "Origin: https://evil.example"),
        asks("/x", "X-HTTP-Method-Override: DELETE"),
        asks("/x", "Range: bytes=0-1"),
        asks("/x?a=1"),
        asks("/x?"),
        asks("/X"),
        asks("/x", "Authorization: Bearer evil"),
        asks("/x", "Cookie: session=evil"),
        asks("/x", "X-Api-Key: evil"),
        asks("/x", body=b"fat"),
        asks("/x").replace(b"a.test", b"b.test"),
        asks("/x").replace(b"a.test", b"a.test:81"),
        asks("http://b.test/x").replace(b"Host: a", b"Host: b"),
        asks("/x", method="QUERY"),
        asks("/x", "Cache-Control: no-store"),
    ],
)
def test_an_answer_to_another_request_is_neither_given_nor_left(other: bytes) -> None:
    edge = CachedEdge()
    edge.ask(other, answer(b"evil", control="max-age=60, public"))
    assert body_of(edge.ask(asks(), answer(b"good"))) == b"good"
    assert body_of(edge.ask(asks())) == b"good"
    edge.end()


@pytest.mark.parametrize("pair", [("/x?a=1&b=2", "/x?b=2&a=1"), ("/x?a=1&a=2", "/x?a=2&a=1"), ("/x?a=1", "/x?a=1&a=1")])
def test_a_query_is_known_as_it_is_written(pair: tuple[str, str]) -> None:
    edge = CachedEdge()
    first, second = pair
    edge.ask(asks(first), answer(b"1"))
    edge.ask(asks(second), answer(b"2"))
    assert [body_of(edge.ask(asks(one))) for one in pair] == [b"1", b"2"]
    edge.end()


def test_the_same_place_however_it_is_written() -> None:
    edge = CachedEdge()
    edge.ask(asks("/x"), answer())
    for same in (asks("http://A.TEST/x"), asks("/./x"), asks("/x").replace(b"a.test", b"A.test")):
        assert body_of(edge.ask(same)) == b"hello"
    edge.end()


def test_fields_of_untrusted_clients_that_the_gateway_drops_change_nothing() -> None:
    edge = CachedEdge()
    edge.ask(
        asks(
            "/x", "X-Forwarded-Host: evil", "X-Forwarded-Prefix: /evil", "X-Original-URL: /evil", "X-Rewrite-URL: /evil"
        ),
        answer(),
    )
    assert b"evil" not in edge.asked[0]
    assert body_of(edge.ask(asks())) == b"hello"
    edge.end()


def test_everybody_is_given_the_same_where_that_is_said() -> None:
    edge = CachedEdge(cache={"shared": True})
    edge.ask(asks("/x", "Cookie: a=b"), answer())
    assert body_of(edge.ask(asks("/x", "Cookie: c=d"))) == b"hello"
    edge.ask(asks("/y", "Authorization: a"), answer())
    edge.loop.advance(11.0)
    edge.ask(asks("/y", "Authorization: b"), answer(control="max-age=60, public"))  # RFC 9111 section 3.5
    assert body_of(edge.ask(asks("/y", "Authorization: c"))) == b"hello"
    edge.end()


def test_variants() -> None:
    edge = CachedEdge()
    for language in ("en", "de"):
        edge.ask(asks("/x", f"Accept-Language: {language}"), answer(language.encode(), "Vary: Accept-Language"))
    for language in ("en", "de"):
        assert body_of(edge.ask(asks("/x", f"Accept-Language: {language}"))) == language.encode()
    edge.ask(asks("/x", "Accept-Language: fr"), answer(b"fr", "Vary: accept-language"))
    assert edge.of_route(counters.ROUTE_CACHE_ENTRIES) == 2
    assert edge.of_route(counters.ROUTE_CACHE_EVICTED) == 1
    edge.end()


def test_what_is_coded_is_given_to_nobody_who_has_not_said_the_same() -> None:
    edge = CachedEdge()
    edge.ask(asks("/x", "Accept-Encoding: gzip"), answer(b"coded", "Content-Encoding: gzip"))
    assert body_of(edge.ask(asks("/x", "Accept-Encoding: gzip"))) == b"coded"
    edge.ask(asks("/x"), answer(b"plain"))
    edge.end()


# --- validation


def test_what_is_stale_is_confirmed_and_fresh_again() -> None:
    edge = CachedEdge()
    edge.ask(asks(), answer(b"hello", 'ETag: "1"', "X-A: 1", "X-B: 1"))
    edge.loop.advance(61.0)
    got = edge.ask(asks(), b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nX-A: 2\r\nCache-Control: max-age=30\r\n\r\n')
    assert b'if-none-match: "1"\r\n' in edge.asked[-1]
    assert (statuses(got), body_of(got)) == ([200], b"hello")
    head = head_of(got)
    assert b"x-a: 2\r\n" in head and b"x-b: 1\r\n" in head and b"x-a: 1" not in head and b"age: 0\r\n" in head
    assert b"cache-status: fastgw; fwd=stale; fwd-status=304; ttl=30\r\n" in head
    edge.loop.advance(29.0)
    assert body_of(edge.ask(asks())) == b"hello"
    edge.loop.advance(1.0)
    assert body_of(edge.ask(asks(), answer(b"other", 'ETag: "2"'))) == b"other"
    assert edge.outcomes == {"hit": 1, "miss": 3, "revalidated": 1}
    edge.end()


def test_who_has_it_already_is_told_so() -> None:
    edge = CachedEdge()
    modified = formatdate(EPOCH - 500, usegmt=True)
    edge.ask(asks(), answer(b"hello", 'ETag: "1"', f"Last-Modified: {modified}"))
    for field in ('If-None-Match: "0", W/"1"', "If-None-Match: *", f"If-Modified-Since: {modified}"):
        got = edge.ask(asks("/x", field))
        assert (statuses(got), body_of(got)) == ([304], b"")
        assert b'etag: "1"\r\n' in head_of(got) and b"content-length" not in head_of(got)
    for field in ('If-None-Match: "2"', f"If-Modified-Since: {formatdate(EPOCH - 900, usegmt=True)}"):
        assert statuses(edge.ask(asks("/x", field))) == [200]
    edge.end()


def test_a_client_s_condition_is_not_the_service_s() -> None:
    edge = CachedEdge()
    got = edge.ask(asks("/x", 'If-None-Match: "1"'), answer(b"hello", 'ETag: "1"'))
    assert b"if-none-match" not in edge.asked[0]
    assert statuses(got) == [304]
    assert body_of(edge.ask(asks())) == b"hello"
    edge.end()


def test_wishes_of_a_request() -> None:
    edge = CachedEdge()
    assert statuses(edge.ask(asks("/x", "Cache-Control: only-if-cached"))) == [504]
    edge.ask(asks(), answer(b"1"))
    assert body_of(edge.ask(asks("/x", "Cache-Control: only-if-cached"))) == b"1"
    assert body_of(edge.ask(asks("/x", "Cache-Control: no-cache"), answer(b"2"))) == b"2"
    assert body_of(edge.ask(asks())) == b"2"
    assert body_of(edge.ask(asks("/x", "Cache-Control: no-store"), answer(b"3"))) == b"3"
    assert body_of(edge.ask(asks())) == b"2"
    edge.end()


def test_what_is_stale_is_given_while_it_is_fetched_anew() -> None:
    edge = CachedEdge()
    edge.ask(asks(), answer(b"1", control="max-age=1, stale-while-revalidate=60"))
    edge.loop.advance(2.0)
    client = edge.client(asks())
    assert body_of(client.take()) == b"1"
    edge.run()
    client.feed(asks())
    assert body_of(client.take()) == b"1"
    edge.connect().feed(answer(b"2"))
    client.feed(asks())
    assert body_of(client.take()) == b"2"
    assert not edge.attempts
    edge.end()


def test_of_a_head_nothing_is_kept_in_the_place_of_what_is_stale() -> None:
    edge = CachedEdge()
    edge.ask(asks(), answer(b"1", control="max-age=1, stale-while-revalidate=60"))
    edge.loop.advance(2.0)
    client = edge.client(asks("/x", "Cache-Control: only-if-cached", method="HEAD"))
    assert statuses(client.take()) == [200]
    edge.run()
    for service in [edge.connect()] if edge.attempts else []:
        service.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nCache-Control: max-age=60\r\n\r\n")
        service.lose()
        edge.run()
    client.feed(asks())
    assert body_of(client.take()) == b"1"
    client.lose()
    edge.run()
    if edge.attempts:
        edge.connect().feed(answer(b"2"))
    edge.end()


def test_what_is_confirmed_depends_on_what_the_service_says_then() -> None:
    edge = CachedEdge()
    edge.ask(asks("/x", "X-Lang: a"), answer(b"hello", 'ETag: "1"'))
    edge.loop.advance(61.0)
    news = b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nVary: X-Lang\r\nCache-Control: max-age=30\r\n\r\n'
    assert body_of(edge.ask(asks("/x", "X-Lang: a"), news)) == b"hello"
    assert body_of(edge.ask(asks("/x", "X-Lang: a"))) == b"hello"
    assert body_of(edge.ask(asks("/x", "X-Lang: b"), answer(b"other"))) == b"other"
    edge.end()


def test_what_is_stale_is_given_where_the_service_fails_and_has_allowed_it() -> None:
    edge = CachedEdge()
    edge.ask(asks(), answer(b"1", 'ETag: "1"', control="max-age=1, stale-if-error=60"))
    edge.loop.advance(2.0)
    assert body_of(edge.ask(asks(), answer(b"no", status="503 Busy", control=""))) == b"1"
    client = edge.client(asks())
    edge.refuse()
    assert body_of(client.take()) == b"1"
    edge.loop.advance(61.0)
    assert statuses(edge.ask(asks(), answer(b"no", status="503 Busy", control=""))) == [503]
    edge.end()


def test_an_unsafe_request_makes_invalid_what_was_kept_of_its_place() -> None:
    edge = CachedEdge()
    for said, is_kept in ((answer(status="500 No"), True), (answer(status="204 OK")[:-5], False)):
        edge.ask(asks("/x", "Cookie: a"), answer(b"1"))
        edge.ask(asks("/x", method="PUT", body=b"z"), said)
        assert (edge.of_route(counters.ROUTE_CACHE_ENTRIES) == 1) is is_kept
        edge.cache.memory.shelf.forget(b"http a.test /x")
    assert edge.of_route(counters.ROUTE_CACHE_INVALIDATED) == 1
    edge.end()


def test_what_was_asked_for_before_is_not_kept_behind_an_unsafe_request() -> None:
    edge = CachedEdge()
    reader = edge.client(asks())
    slow = edge.connect()
    edge.ask(asks("/x", method="PUT", body=b"z"), answer(b""))
    slow.feed(answer(b"old"))
    assert body_of(reader.take()) == b"old"
    assert edge.of_route(counters.ROUTE_CACHE_STORED) == 0
    edge.end()


# --- requests with a body


def test_equal_bodies_have_equal_answers() -> None:
    edge = CachedEdge(cache={"methods": ("POST",), "ttl": 60.0})
    edge.ask(asks(method="POST", body=b"a"), answer(b"A", control=""))
    assert edge.asked[0].endswith(b"\r\n\r\na")
    assert body_of(edge.ask(asks(method="POST", body=b"a"))) == b"A"
    edge.ask(asks("/x", "Content-Type: text/plain", method="POST", body=b"a"), answer(b"B", control=""))
    edge.ask(asks(method="POST", body=b"b"), answer(b"C", control=""))
    edge.ask(asks(), answer(b"D"))  # GET is none of its methods
    edge.ask(asks(), answer(b"D"))
    edge.ask(asks(method="POST", body=b"z" * 101), answer(b"E", control=""))
    edge.ask(asks(method="POST", body=b"z" * 101), answer(b"E", control=""))
    edge.end()


def test_one_asks_for_all_who_send_the_same_body() -> None:
    edge = CachedEdge(cache={"methods": ("POST",), "ttl": 60.0})
    request = asks(method="POST", body=b"prompt")
    whole, parts = edge.client(request), edge.client(request[:-3])
    service = edge.connect()
    parts.feed(request[-3:])
    edge.run()
    assert not edge.attempts
    service.feed(answer(b"tokens", control=""))
    assert body_of(whole.take()) == body_of(parts.take()) == b"tokens"
    edge.end()
