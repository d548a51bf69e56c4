"""``digest``: whose body it is that goes on, in every framing (RFC 9530)."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastgw.core import counters
from fastgw.errors import DownstreamError
from fastgw.testing.edge import CHUNKED, GET, OK, POST, Edge, Spy, body_of, head_of, statuses
from tests.support.bodies import Taped, Watching, plain, upper
from tests.support.digests import (
    EXAMPLE,
    EXAMPLE_256,
    EXAMPLE_512,
    edge_with,
    filtered,
    in_chunks,
    told,
    with_field,
)
from tests.support.examples import examples
from tests.support.mirrored import MirroredEdge


def length(head: bytes, data: bytes) -> bytes:
    return head.replace(b"Length: 5", b"Length: %d" % len(data))


def code_of(answer: bytes) -> str:
    return str(json.loads(body_of(answer))["type"]).rpartition(":")[2]


# --- requests


def asks(data: bytes, value: bytes) -> dict[str, bytes]:
    """A request with ``data``, and the field ``value``, in every framing."""
    field = b"Content-Digest: " + value
    return {
        "length": with_field(length(POST, data), field) + data,
        "length 1.0": with_field(length(POST, data), field).replace(b"HTTP/1.1", b"HTTP/1.0") + data,
        "chunked": with_field(CHUNKED, field) + in_chunks(data, 7),
        "trailer": with_field(CHUNKED, b"Trailer: content-digest") + in_chunks(data, 7, field + b"\r\n"),
        "trailer unannounced": CHUNKED + in_chunks(data, 7, field + b"\r\n"),
    }


FRAMINGS = list(asks(b"", b""))


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("value", [EXAMPLE_256, EXAMPLE_512, EXAMPLE_256 + b", " + EXAMPLE_512])
@pytest.mark.parametrize("size", [1, 10, 10_000], ids=["bytes", "some", "whole"])
def test_the_right_body_passes_as_it_is(framing: str, value: bytes, size: int) -> None:
    ask = asks(EXAMPLE, value)[framing]
    edge = edge_with()
    client = edge.client()
    for at in range(0, len(ask), size):
        client.feed(ask[at : at + size])
    service = edge.connect()
    got = service.take()
    assert plain(got) == EXAMPLE
    assert value in got  # the service may check it again, wherever it stood
    service.feed(OK)
    assert statuses(client.take()) == [200]
    if framing != "length 1.0":
        client.feed(GET)
        assert service.take().startswith(b"GET ")
    edge.end()


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("size", [1, 10, 10_000], ids=["bytes", "some", "whole"])
def test_another_body_never_reaches_its_last_byte(framing: str, size: int) -> None:
    head, end, body = asks(EXAMPLE[:-1] + b"!", EXAMPLE_256)[framing].partition(b"\r\n\r\n")
    edge = edge_with(endpoints=2)
    client = edge.client(head + end)
    service = edge.connect()
    for at in range(0, len(body), size):
        client.feed(body[at : at + size])
    edge.run()
    got, sent = client.take(), service.take()
    assert statuses(got) == [400] and code_of(got) == "digest_mismatch"
    assert service.is_lost and not edge.attempts
    assert b"!" not in sent and b"0\r\n\r\n" not in body_of(sent)
    assert edge.of_route(counters.ROUTE_DIGEST_MISMATCHES) == 1
    assert edge.of_route(counters.ROUTE_FAULT_DOWNSTREAM) == 1
    assert edge.of_endpoint(counters.ENDPOINT_FAILURES) == 0
    if framing != "length 1.0":  # the whole request was read: its connection is as good as any
        client.feed(GET)
        edge.connect().feed(OK)
        assert statuses(client.take()) == [200]
    edge.end()


def test_a_body_that_was_held_whole_reaches_no_service() -> None:
    edge = Edge(filters=[filtered()], route={"body_buffer": 1000})
    client = edge.client(with_field(POST, b"Content-Digest: " + told(b"other")) + b"hello")
    assert code_of(client.take()) == "digest_mismatch" and not edge.attempts
    edge.end()


def test_the_operator_learns_both_digests() -> None:
    errors: list[DownstreamError] = []
    edge = edge_with(Spy("a", [], done=lambda exchange: errors.append(exchange.error)))
    edge.client(with_field(POST, b"Content-Digest: " + told(b"other")) + b"hello")
    assert told(b"other")[8:].decode() in errors[0].reason and told(b"hello")[8:].decode() in errors[0].reason
    edge.end()


@pytest.mark.parametrize(
    "value",
    [
        b"sha-256",
        b"sha-256=RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=",
        b"sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=",
        b'sha-256="RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg="',
        b"sha-256=:RK/0:",
        b"sha-512=" + EXAMPLE_256[8:],
        b"SHA-256=" + EXAMPLE_256[8:],
        EXAMPLE_256 + b",",
        EXAMPLE_256 + b", sha-512=(1 2)",
    ],
)
@pytest.mark.parametrize("where", ["head", "trailer", "no body"])
def test_a_field_without_a_reading_is_refused(value: bytes, where: str) -> None:
    edge = edge_with()
    field = b"Content-Digest: " + value
    if where == "trailer":
        client = edge.client(CHUNKED)
        service = edge.connect()
        client.feed(in_chunks(EXAMPLE, 5, field + b"\r\n"))
        edge.run()
        assert service.is_lost and b"0\r\n" not in body_of(service.take())
    else:
        client = edge.client(with_field(GET if where == "no body" else POST, field))
        assert not edge.attempts
    got = client.take()
    assert statuses(got) == [400] and code_of(got) == "digest_malformed"
    edge.end()


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"md5=:AAAA:",
        b"sha=:AAAA:, unixsum=30637, crc32c=:AAAA:",
        b"adler32=x, unknown=(1 2);a",
        b"id-sha-256=:AA:",
    ],
)
def test_algorithms_that_prove_nothing_are_none(value: bytes) -> None:
    field = b"Content-Digest: " + value
    edge = edge_with()
    edge.client(with_field(POST, field) + b"hello")
    assert plain(edge.connect().take()) == b"hello"
    edge.end()
    edge = edge_with(require=True)
    got = edge.client(with_field(POST, field) + b"hello").take()
    assert code_of(got) == "digest_required"
    edge.end()


def test_all_that_are_known_must_be_right() -> None:
    value = told(b"hello") + b", " + told(b"other", "sha-512") + b", md5=:AAAA:"
    edge = edge_with()
    client = edge.client(with_field(POST, b"Content-Digest: " + value) + b"hello")
    assert code_of(client.take()) == "digest_mismatch"
    edge.end()


def test_a_right_one_in_front_does_not_excuse_a_wrong_one_behind() -> None:
    edge = edge_with()
    client = edge.client(with_field(CHUNKED, b"Content-Digest: " + told(b"hello")))
    service = edge.connect()
    client.feed(in_chunks(b"hello", 5, b"Content-Digest: " + told(b"other", "sha-512") + b"\r\n"))
    edge.run()
    assert code_of(client.take()) == "digest_mismatch" and service.is_lost
    edge.end()


def test_what_tells_of_nothing_is_compared_with_nothing() -> None:
    for data, status in ((b"", 200), (b"x", 400)):
        edge = edge_with()
        client = edge.client(with_field(GET, b"Content-Digest: " + told(data)))
        if status == 200:
            edge.connect().feed(OK)
        assert statuses(client.take()) == [status]
        edge.end()


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
def test_it_may_be_required(algorithm: str) -> None:
    edge = edge_with(require=True, algorithm=algorithm)
    got = edge.client(POST + b"hello").take()
    other = "sha-512" if algorithm == "sha-256" else "sha-256"
    assert statuses(got) == [400] and code_of(got) == "digest_required"
    assert f"want-content-digest: {algorithm}=10, {other}=5\r\n".encode() in head_of(got)
    assert not edge.attempts
    client = edge.client(CHUNKED)  # it may come behind the body
    service = edge.connect()
    client.feed(in_chunks(b"hello", 5))
    edge.run()
    assert code_of(client.take()) == "digest_required" and b"0\r\n" not in body_of(service.take())
    client = edge.client(GET)
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]  # there is nothing to tell of
    edge.end()


def test_a_mirror_gets_its_copy_and_tries_take_the_body_once() -> None:
    edge = MirroredEdge(filters=[filtered()], endpoints=2)
    edge.client(with_field(POST, b"Content-Digest: " + told(b"hello")) + b"hello")
    next(one for one in edge.attempts if one.target.get("port") == 9000).fail(ConnectionRefusedError("refused"))
    edge.run()
    assert plain(edge.connect(port=9001).take()) == plain(edge.shadow().take()) == b"hello"
    edge.end()


def test_it_checks_what_the_client_has_sent_in_front_of_what_changes_it() -> None:
    change = Watching("a", ["transform_request"], lambda exchange: Taped(upper))
    edge = edge_with(change)
    edge.client(with_field(POST, b"Content-Digest: " + told(b"hello")) + b"hello")
    got = edge.connect().take()
    assert plain(got) == b"HELLO" and b"content-digest" not in head_of(got)
    edge.end()


def test_nothing_is_checked_that_should_not_be() -> None:
    edge = edge_with(check_requests=False)
    edge.client(with_field(POST, b"Content-Digest: nonsense,") + b"hello")
    assert body_of(edge.connect().take()) == b"hello"
    edge.end()


@settings(max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.binary(min_size=1, max_size=200),
    framing=st.sampled_from(FRAMINGS),
    algorithm=st.sampled_from(["sha-256", "sha-512"]),
    cuts=st.lists(st.integers(1, 90), min_size=1, max_size=5),
    is_right=st.booleans(),
)
def test_whatever_the_split_the_verdict_is_the_same(
    data: bytes, framing: str, algorithm: str, cuts: list[int], is_right: bool
) -> None:
    ask = asks(data, told(data if is_right else data + b"x", algorithm))[framing]
    edge = edge_with()
    client = edge.client()
    at = 0
    while at < len(ask):
        cut = cuts[at % len(cuts)]
        client.feed(ask[at : at + cut])
        at += cut
    edge.run()
    if is_right:
        service = edge.connect()
        assert plain(service.take()) == data
        service.feed(OK)
    assert statuses(client.take()) == [200 if is_right else 400]
    edge.end()
