"""``digest``: what answers say of their bodies, in every framing (RFC 9530)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastgw.core import counters
from fastgw.core.exchange.reply import Reply
from fastgw.core.protocols import make_pool
from fastgw.testing.edge import GET, HEAD, OK, POST, Edge, Spy, body_of, head_of, statuses
from fastgw.testing.mock import MockTransport
from tests.support.bodies import Taped, Watching, plain, upper
from tests.support.digests import (
    CHUNKED_OK,
    EXAMPLE,
    EXAMPLE_256,
    GET_TE,
    edge_with,
    filtered,
    in_chunks,
    told,
    with_field,
)
from tests.support.examples import examples
from tests.support.streams.client import ClientLink
from tests.support.streams.service import StreamPool

# --- answers


def answers(data: bytes) -> dict[str, tuple[bytes, bool]]:
    """An answer with ``data`` in every framing, and whether the service closes behind it."""
    return {
        "length": (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data) + data, False),
        "chunked": (CHUNKED_OK + in_chunks(data, 7), False),
        "until close": (b"HTTP/1.1 200 OK\r\n\r\n" + data, True),
        "1.0": (b"HTTP/1.0 200 OK\r\n\r\n" + data, True),
    }


def give(service: MockTransport, answer: bytes, closes: bool, size: int = 10_000) -> None:
    for at in range(0, len(answer), size):
        service.feed(answer[at : at + size])
    if closes:
        service.feed_eof()


@pytest.mark.parametrize("framing", answers(b""))
@pytest.mark.parametrize("size", [1, 10_000], ids=["bytes", "whole"])
def test_an_answer_has_its_digest_behind_it_for_who_takes_trailers(framing: str, size: int) -> None:
    edge = edge_with()
    client, service = edge.pair(GET_TE)
    give(service, *answers(EXAMPLE)[framing], size)
    got = client.take()
    assert plain(got) == EXAMPLE
    assert got.endswith(b"\r\n0\r\ncontent-digest: " + EXAMPLE_256 + b"\r\n\r\n")
    assert b"trailer: content-digest\r\n" in head_of(got) and b"content-digest: " not in head_of(got)
    edge.end()


@pytest.mark.parametrize("framing", answers(b""))
@pytest.mark.parametrize("ask", [GET, GET_TE.replace(b"/1.1", b"/1.0")], ids=["1.1", "1.0"])
@pytest.mark.parametrize("streams", [True, False])
def test_an_answer_has_it_in_front_if_it_is_gathered(framing: str, ask: bytes, streams: bool) -> None:
    edge = edge_with(gather_streams=streams)
    client, service = edge.pair(ask)
    give(service, *answers(EXAMPLE)[framing], 3)
    got = client.take()
    assert plain(got) == EXAMPLE
    is_gathered = streams or framing == "length"
    assert (b"\r\ncontent-digest: " + EXAMPLE_256.lower() + b"\r\n" in head_of(got)) is is_gathered
    assert (b"content-length: 19\r\n" in head_of(got)) is is_gathered
    assert b"content-digest" not in body_of(got)
    assert edge.of_route(counters.ROUTE_DIGESTS_DROPPED + 1) == (not is_gathered)
    edge.end()


def test_what_is_too_large_goes_without() -> None:
    for framing, streams, cause in (("length", False, 0), ("chunked", True, 0), ("chunked", False, 1)):
        edge = edge_with(gather=18, gather_streams=streams)
        client, service = edge.pair()
        give(service, *answers(EXAMPLE)[framing], 3)
        got = client.take()
        assert plain(got) == EXAMPLE and b"content-digest" not in got
        assert [edge.of_route(counters.ROUTE_DIGESTS_DROPPED + place) for place in (0, 1)] == [not cause, cause]
        edge.end()


def test_events_are_not_gathered() -> None:
    edge = edge_with(gather_streams=True)
    client, service = edge.pair()
    service.feed(with_field(CHUNKED_OK, b"Content-Type: text/event-stream; charset=utf-8") + b"6\r\ndata:1\r\n")
    assert client.take().endswith(b"\r\n\r\n6\r\ndata:1\r\n")
    assert edge.of_route(counters.ROUTE_DIGESTS_DROPPED + 1) == 1
    edge.end()


def test_a_part_has_the_digest_of_what_was_sent() -> None:
    edge = edge_with()
    client, service = edge.pair()
    service.feed(b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nok")
    got = client.take()
    assert b"content-digest: " + told(b"ok") in got and b"206 " in got
    edge.end()


@pytest.mark.parametrize("ask", [GET, GET_TE])
def test_what_the_service_told_stays(ask: bytes) -> None:
    edge = edge_with()
    client, service = edge.pair(ask)
    service.feed(with_field(OK[:-2], b"Content-Digest: md5=:AAAA:") + b"ok")
    got = client.take()
    assert got.lower().count(b"content-digest") == 1 and b"md5=:AAAA:" in got and body_of(got) == b"ok"
    edge.end()


def test_what_the_service_told_behind_its_chunks_stays() -> None:
    edge = edge_with()
    client, service = edge.pair(GET_TE)
    service.feed(CHUNKED_OK + in_chunks(b"ok", 2, b"Content-Digest: md5=:AAAA:\r\nX-A: b\r\n"))
    assert body_of(client.take()) == in_chunks(b"ok", 2, b"Content-Digest: md5=:AAAA:\r\nX-A: b\r\n")
    edge.end()


@pytest.mark.parametrize("answer", [b"204 No Content\r\n\r\n", b'304 Not Modified\r\nETag: "a"\r\n\r\n'])
def test_nothing_is_told_of_no_body(answer: bytes) -> None:
    edge = edge_with()
    client, service = edge.pair(GET_TE)
    service.feed(b"HTTP/1.1 " + answer)
    assert b"digest" not in client.take()
    client.feed(HEAD)
    service.feed(OK[:-2])
    assert b"digest" not in client.take()
    edge.end()


@pytest.mark.parametrize(
    ("want", "expected"),
    [
        (b"sha-256=1", b"sha-256"),
        (b"sha-512=3, sha-256=10, unixsum=0", b"sha-256"),
        (b"sha-512=10, sha-256=3", b"sha-512"),
        (b"sha-512=5, sha-256=5", b"sha-256"),
        (b"sha-512=1", b"sha-512"),
        (b"sha-256=0", b""),
        (b"sha-256=0, sha-512=1", b"sha-512"),
        (b"md5=10", b""),
        (b"", b""),
        (b"sha-256=11", b""),
        (b"sha-256=a", b""),
        (b"not a dictionary", b"sha-256"),
    ],
)
@pytest.mark.parametrize("ask", [GET, GET_TE], ids=["head", "trailer"])
def test_clients_choose(want: bytes, expected: bytes, ask: bytes) -> None:
    edge = edge_with()
    client, service = edge.pair(with_field(ask, b"Want-Content-Digest: " + want))
    service.feed(OK)
    got = client.take()
    assert (b"content-digest: " in got) is bool(expected)
    if expected:
        assert b"content-digest: " + told(b"ok", expected.decode()) + b"\r\n" in got
    else:
        assert b"trailer" not in got
    edge.end()


@pytest.mark.parametrize("ask", [GET, GET_TE])
@pytest.mark.parametrize("is_in_front", [True, False])
def test_it_tells_of_what_the_client_gets_or_of_nothing(ask: bytes, is_in_front: bool) -> None:
    change = Watching("a", ["transform_response"], lambda exchange: Taped(upper))
    filters = [filtered(gather_streams=True), change]
    edge = Edge(filters=filters if is_in_front else filters[::-1])
    client, service = edge.pair(ask)
    service.feed(OK)
    got = client.take()
    assert plain(got) == b"OK" and b"content-digest: " + told(b"ok") not in got
    assert (b"content-digest: " + told(b"OK") + b"\r\n" in got) is is_in_front
    assert (b"trailer" in got) is (is_in_front and ask is GET_TE)
    edge.end()


def test_answers_of_our_own_have_it() -> None:
    def answer(exchange: Any) -> Reply:
        return Reply(200, b"mine")

    edge = edge_with(Spy("a", [], request=answer))
    for ask in (GET, GET_TE):
        assert b"content-digest: " + told(b"mine") + b"\r\n" in edge.client(ask).take()
    assert b"digest" not in edge.client(HEAD).take()
    assert b"digest" not in edge.client(with_field(GET, b"Want-Content-Digest: sha-256=0")).take()
    edge.end()
    edge = edge_with(Spy("a", [], request=lambda exchange: Reply(204)))
    assert b"digest" not in edge.client(GET).take()
    edge.end()


def test_errors_have_it_too() -> None:
    edge = edge_with()
    client = edge.client(GET)
    edge.refuse()
    got = client.take()
    assert statuses(got) == [502] and b"content-digest: " + told(body_of(got)) + b"\r\n" in got
    edge.end()


def test_nothing_is_added_where_it_should_not_be() -> None:
    edge = edge_with(add=False)
    client, service = edge.pair(GET_TE)
    service.feed(OK)
    assert b"digest" not in client.take()
    edge.end()


@pytest.mark.parametrize("make", [make_pool, StreamPool], ids=["http1", "streams"])
def test_a_stream_has_it_too(make: Callable[..., Any]) -> None:
    edge = Edge(filters=[filtered()], make_pool=make)
    stream = ClientLink(edge).ask(with_field(GET_TE, b"X-A: b"))
    if make is StreamPool:
        link = edge.endpoints[0].pool.links[0]  # type: ignore[attr-defined]
        link.open()
        link.streams[0].answer(OK[:-2], b"ok")
    else:
        edge.connect().feed(OK)
    assert (stream.body, stream.trailers) == (b"ok", b"content-digest: " + told(b"ok") + b"\r\n")
    edge.end()


def test_a_stream_whose_end_comes_late_holds_its_last_byte() -> None:
    edge = Edge(filters=[filtered()], make_pool=StreamPool)
    stream = ClientLink(edge).ask(with_field(POST, b"Content-Digest: " + told(b"hellO")), is_last=False)
    link = edge.endpoints[0].pool.links[0]  # type: ignore[attr-defined]
    link.open()
    stream.feed(b"hello")
    carrier = link.streams[0]
    assert carrier.body == b"hell" and not carrier.is_complete
    stream.feed(b"", is_last=True)
    assert carrier.is_reset and carrier.body == b"hell" and b" 400 " in stream.head
    edge.end()


@settings(max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.binary(min_size=1, max_size=300),
    framing=st.sampled_from(sorted(answers(b""))),
    ask=st.sampled_from([GET, GET_TE]),
    size=st.integers(1, 90),
    gather=st.sampled_from([0, 20, 65536]),
)
def test_whatever_the_split_the_answer_and_its_digest_are_the_same(
    data: bytes, framing: str, ask: bytes, size: int, gather: int
) -> None:
    edge = edge_with(gather=gather, gather_streams=True)
    client, service = edge.pair(ask)
    give(service, *answers(data)[framing], size)
    got = client.take()
    assert plain(got) == data
    if ask is GET_TE or len(data) <= gather:
        assert b"content-digest: " + told(data) + b"\r\n" in got
    elif framing == "length":  # else all of it may have come at once
        assert b"content-digest" not in got
    edge.end()
