"""Bodies of requests pass hooks of filters: in order, once, in every framing, and nothing that fails is taken for complete."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastgw.core import counters
from fastgw.errors import RETRY_ALWAYS, DownstreamError, UpstreamError
from fastgw.testing.edge import (
    CHUNKED,
    GET,
    OK,
    POST,
    SWITCHING,
    WEBSOCKET,
    Edge,
    Gate,
    Spy,
    body_of,
    head_of,
    new_loop,
    statuses,
)
from tests.support.bodies import Later, Taped, Watching, doubled, plain, reading, upper
from tests.support.examples import examples
from tests.support.mirrored import MirroredEdge

CHUNKED_OK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"
GET_10 = b"GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n"
GET_TE = b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: TE\r\nTE: trailers\r\n\r\n"
BODIES = [(POST, b"hello"), (CHUNKED, b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")]


# --- requests


@pytest.mark.parametrize(("head", "body"), BODIES, ids=["length", "chunked"])
@pytest.mark.parametrize("pieces", [1, 2, 100], ids=["whole", "halves", "bytes"])
def test_what_only_reads_sees_the_payload_and_changes_nothing(head: bytes, body: bytes, pieces: int) -> None:
    watching = reading("read_request")
    edge = Edge(filters=[watching])
    client = edge.client(head)
    service = edge.connect()
    step = max(1, len(body) // pieces)
    for at in range(0, len(body), step):
        client.feed(body[at : at + step])
    got = service.take()
    assert plain(got) == b"hello"
    assert (b"content-length: 5\r\n" in head_of(got)) is (head is POST)
    [tape] = watching.seen
    assert tape.data == b"hello" and tape.tape.count(None) == 1
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


@pytest.mark.parametrize(("head", "body"), BODIES, ids=["length", "chunked"])
def test_a_request_that_is_changed_has_another_length_and_no_digest(head: bytes, body: bytes) -> None:
    edge = Edge(filters=[reading("transform_request", doubled)])
    fields = b"Content-Digest: sha-256=:AAAA:\r\nRepr-Digest: sha-256=:AAAA:\r\nX-A: b\r\n"
    client = edge.client(head[:-2] + fields + b"\r\n" + body)
    service = edge.connect()
    got = service.take()
    assert plain(got) == b"hellohello!"
    assert b"transfer-encoding: chunked\r\n" in head_of(got) and b"x-a: b" in head_of(got)
    assert b"content-length" not in head_of(got) and b"digest" not in head_of(got)
    service.feed(OK)
    client.feed(GET)
    assert service.take().startswith(b"GET ")  # the connection is as good as any
    service.feed(OK)
    assert statuses(client.take()) == [200, 200]
    edge.end()


def test_hooks_of_a_request_run_in_the_order_of_the_filters() -> None:
    first = Watching("a", ["read_request", "transform_request"], lambda exchange: Taped(upper))
    second = reading("read_request")
    edge = Edge(filters=[first, second])
    client = edge.client(POST + b"hello")
    assert first.seen[0].data == b"hello"  # what it reads comes from the client, whatever it makes of it
    assert second.seen[0].data == b"HELLO"
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_a_body_that_is_tried_again_passes_once() -> None:
    watching = reading("transform_request", doubled)
    edge = Edge(filters=[watching], endpoints=2, route={"body_buffer": 64})
    client = edge.client(POST + b"hel")
    client.feed(b"lo")
    edge.refuse()
    service = edge.connect()
    assert plain(service.take()) == b"helhellolo!"
    assert len(watching.seen) == 1 and watching.seen[0].tape == [b"hel", b"lo", None]
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_a_body_that_waits_for_a_connection_passes_as_it_comes_and_is_held_as_it_goes() -> None:
    watching = reading("transform_request", doubled)
    edge = Edge(filters=[watching], route={"body_buffer": 0})
    client = edge.client(POST + b"hel")
    assert watching.seen[0].data == b"hel" and edge.plane.body_bytes == 6
    edge.check()
    client.feed(b"lo")
    edge.check()
    assert plain(edge.connect().take()) == b"helhellolo!"
    assert edge.plane.body_bytes == 0
    edge.end()


def test_a_client_that_was_held_for_a_hook_is_let_go_when_nothing_is_left_to_hold() -> None:
    loop = new_loop()
    gate = Gate(loop)
    watching = reading("transform_request", Later())
    edge = Edge(filters=[Spy("a", [], request=gate), watching], loop=loop, route={"body_buffer": 1000})
    data = b"x" * 3000
    client = edge.client(POST.replace(b": 5", b": 3000"))
    client.feed(data[:2000])
    assert not client.is_reading()  # the first of it waits, as the client has sent it
    gate.open()
    assert client.is_reading() and edge.plane.body_bytes == 0
    client.feed(data[2000:])
    assert plain(edge.connect().take()) == data
    edge.end()


def test_a_mirror_gets_what_the_client_has_sent() -> None:
    loop = new_loop()
    gate = Gate(loop)
    filters = [Spy("a", [], request=gate), reading("transform_request", upper)]
    edge = MirroredEdge(filters=filters, loop=loop)
    client = edge.client(POST + b"he")
    gate.open()
    client.feed(b"llo")
    edge.run()
    assert plain(edge.original().take()) == b"HELLO"
    copy = edge.shadow().take()
    assert plain(copy) == b"hello" and b"content-length: 5\r\n" in head_of(copy)
    edge.end()


@pytest.mark.parametrize("is_late", [True, False])
def test_a_mirror_gets_the_trailers_too(is_late: bool) -> None:
    edge = MirroredEdge(filters=[reading("transform_request", upper)])
    body = b"2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"
    client = edge.client(CHUNKED if is_late else CHUNKED + body)
    if is_late:
        client.feed(body)
    edge.run()
    assert body_of(edge.shadow().take()) == body
    edge.end()


@pytest.mark.parametrize("where", ["opening", "feed", "finish"])
@pytest.mark.parametrize(("head", "body"), BODIES, ids=["length", "chunked"])
@pytest.mark.parametrize("is_meant", [True, False], ids=["refusal", "bug"])
def test_a_request_whose_hook_fails_is_answered_and_not_complete_at_its_service(
    where: str, head: bytes, body: bytes, is_meant: bool
) -> None:
    def fail(data: bytes | None) -> bytes:
        if (data is None) is (where == "finish"):
            raise DownstreamError(422, "no", "not this one") if is_meant else ValueError("a bug")
        return data or b""

    def opened(exchange: Any) -> Any:
        return fail(b"") if where == "opening" else Taped(fail)

    edge = Edge(filters=[Watching("bad", ["read_request"], opened)])
    client = edge.client(head)
    service = edge.connect() if edge.attempts else None
    client.feed(body)
    got = client.take()
    assert statuses(got) == [422 if is_meant else 500]
    assert (service is not None) is (where != "opening")
    if service is not None:
        sent = service.take()
        edge.run()
        assert service.is_lost and b"llo" not in body_of(sent) and b"0\r\n\r\n" not in body_of(sent)
    lines = [line["hook"] for line in edge.events("a filter failed")]
    assert lines == ([] if is_meant else ["read_request"])
    fault = counters.ROUTE_FAULT_DOWNSTREAM if is_meant else counters.ROUTE_FAULT_INTERNAL
    assert edge.of_route(fault) == 1 and edge.of_endpoint(counters.ENDPOINT_FAILURES) == 0
    edge.errors.clear()
    edge.end()


def test_an_error_of_a_body_hook_is_never_a_reason_to_ask_again() -> None:
    def fail(data: bytes | None) -> bytes:
        raise UpstreamError(502, "no", "whatever it says", retry=RETRY_ALWAYS)

    edge = Edge(filters=[reading("read_request", fail)], endpoints=2)
    client = edge.client(POST)
    edge.connect()
    client.feed(b"hello")
    assert statuses(client.take()) == [502] and not edge.attempts
    edge.end()


def test_a_body_hook_returns_bytes() -> None:
    act: Any = bytearray
    edge = Edge(filters=[reading("read_request", lambda data: act(data or b""))])
    client = edge.client(POST + b"hello")
    assert statuses(client.take()) == [500]
    [line] = edge.events("a filter failed")
    assert "not bytes" in str(line["error"])
    edge.errors.clear()
    edge.end()


def test_too_large_a_body_is_not_fed() -> None:
    watching = reading("read_request")
    edge = Edge(filters=[watching], route={"max_body": 4})
    client = edge.client(CHUNKED)
    client.feed(b"3\r\nabc\r\n")
    client.feed(b"3\r\ndef\r\n")
    assert statuses(client.take()) == [413]
    assert watching.seen[0].tape == [b"abc"]
    edge.end()


def test_requests_without_a_body_and_tunnels_have_no_passage() -> None:
    kinds = ["read_request", "transform_request", "read_response", "transform_response"]
    watching = Watching("a", kinds, lambda exchange: Taped(upper))
    edge = Edge(filters=[watching], route={"upgrades": ("websocket",)})
    client, service = edge.pair(WEBSOCKET)
    service.feed(SWITCHING)
    client.feed(b"ping")
    service.feed(b"pong")
    assert service.take().endswith(b"ping") and client.take().endswith(b"pong")
    assert watching.seen == []
    edge.end()


def test_trailers_of_the_client_go_on_behind_what_the_hooks_made() -> None:
    edge = Edge(filters=[reading("transform_request", doubled)])
    client = edge.client(CHUNKED + b"2\r\nok\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n")
    service = edge.connect()
    assert body_of(service.take()) == b"5\r\nokok!\r\n0\r\nX-Sum: 1\r\n\r\n"
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


# --- in general


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    pieces=st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=8),
    is_chunked=st.booleans(),
    cuts=st.lists(st.integers(1, 60), min_size=1, max_size=6),
    late=st.booleans(),
)
def test_whatever_the_split_the_hooks_see_the_payload_and_the_service_gets_it(
    pieces: list[bytes], is_chunked: bool, cuts: list[int], late: bool
) -> None:
    data = b"".join(pieces)
    watching = reading("read_request", Later() if late else None)
    edge = Edge(filters=[watching])
    if is_chunked:
        head = CHUNKED
        body = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n"
    else:
        head, body = POST.replace(b": 5", b": %d" % len(data)), data
    client = edge.client(head)
    service = edge.connect()
    at = 0
    while at < len(body):
        cut = cuts[at % len(cuts)]
        client.feed(body[at : at + cut])
        at += cut
    assert plain(service.take()) == watching.seen[0].data == data
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_the_log_has_the_name_of_the_filter() -> None:
    def fail(data: bytes | None) -> bytes:
        raise ValueError("a bug")

    edge = Edge(filters=[reading("transform_request", fail)])
    client = edge.client(POST + b"hello")
    got = client.take()
    assert "the filter 'transform_request' of the gateway failed" in json.loads(body_of(got))["detail"]
    edge.errors.clear()
    edge.end()
