"""Bodies as a guest sees them: shown, held, changed, answered; trailers; bounds."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.testing.edge import Edge, head_of, statuses
from tests.support.bodies import plain
from tests.unit.filters.test_wasm import edge_of, failed, host, on_answer, on_request, reply

HEAD = b"POST /a HTTP/1.1\r\nHost: a.test\r\n%b\r\n"
CHUNKED = HEAD % b"Transfer-Encoding: chunked\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

WAIT = "(if (i32.eqz (local.get 2)) (then (return (i32.const 1))))"  #: until the end of the stream


def on_body(of: str, calls: str, action: str = "(i32.const 0)") -> str:
    return f'(func (export "proxy_on_{of}_body") (param i32 i32 i32) (result i32) {calls} {action})'


def on_trailers(of: str, calls: str, action: int = 0) -> str:
    return f'(func (export "proxy_on_{of}_trailers") (param i32 i32) (result i32) {calls} (i32.const {action}))'


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def put(buffer: int, start: int, size: int) -> str:
    """``bob`` in the place of so many bytes."""
    return host("set_buffer_bytes", buffer, start, size, 48, 3)


def test_each_piece_is_shown_and_may_be_changed() -> None:
    edge = edge_of(on_body("request", put(0, 0, 0)))
    client, service = edge.pair(CHUNKED + chunk(b"one"))
    client.feed(chunk(b"two"))
    client.feed(b"0\r\n\r\n")
    got = service.take()
    assert plain(got) == b"bobonebobtwobob"  # the end is shown by itself
    edge.end()


def test_what_is_held_goes_on_when_the_guest_says_so() -> None:
    edge = edge_of(on_body("request", WAIT + put(0, 0, 3)))
    client, service = edge.pair(CHUNKED + chunk(b"one"))
    client.feed(chunk(b"two"))
    assert edge.plane.body_bytes == 6
    client.feed(b"0\r\n\r\n")
    assert plain(service.take()) == b"bobtwo" and edge.plane.body_bytes == 0
    edge.end()


def test_a_paused_head_waits_for_the_body_and_may_still_be_changed() -> None:
    body = on_request("", action=1) + on_body("request", put(0, 0, 1) + host("add_header_map_value", 0, 32, 6, 48, 3))
    edge = edge_of(body)
    client = edge.client(HEAD % b"Content-Length: 4\r\n" + b"ab")
    assert not edge.attempts
    client.feed(b"cd")
    got = edge.connect().take()
    assert b"x-seen: bob\r\n" in head_of(got) and b"content-length: 6\r\n" in head_of(got) and got.endswith(b"bobbcd")
    edge.end()


def test_a_head_that_has_left_cannot_be_changed() -> None:
    late = "(call $add_header_map_value (i32.const 0) (i32.const 32) (i32.const 6) (i32.const 48) (i32.const 3))"
    edge = edge_of(on_body("request", f"(if (i32.ne {late} (i32.const 2)) (then (unreachable)))"))
    client = edge.client(CHUNKED)
    service = edge.connect()
    client.feed(chunk(b"one") + b"0\r\n\r\n")
    assert plain(service.take()) == b"one" and failed(edge) == []
    edge.end()


def test_a_body_is_refused_when_it_is_seen() -> None:
    for body in (
        on_body("request", reply(403, 48, 3)),
        on_request("", action=1) + on_body("request", reply(403, 48, 3)),
    ):
        edge = edge_of(body)
        client = edge.client(HEAD % b"Content-Length: 4\r\n" + b"abcd")
        got = client.take()
        assert statuses(got) == [403] and got.endswith(b"\r\n\r\nbob") and failed(edge) == []
        edge.end()


def test_an_answer_is_shown_and_changed() -> None:
    edge = edge_of(on_body("response", WAIT + put(1, 0, -1)))
    client, service = edge.pair(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    service.feed(ANSWER + chunk(b"secret"))
    service.feed(chunk(b"secret") + b"0\r\n\r\n")
    assert plain(client.take()) == b"bob"
    edge.end()


def test_a_paused_answer_may_become_another() -> None:
    body = on_answer("", action=1) + on_body("response", reply(500, 48, 3))
    edge = edge_of(body)
    client, service = edge.pair(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    service.feed(ANSWER + chunk(b"secret"))
    assert client.take() == b""
    service.feed(b"0\r\n\r\n")
    got = client.take()
    assert statuses(got) == [500] and got.endswith(b"bob")
    edge.end()


def test_an_answer_that_has_begun_cannot_be_another() -> None:
    late = "(call $send_local_response (i32.const 500) {} (i32.const -1))".format(" ".join(["(i32.const 0)"] * 6))
    edge = edge_of(on_body("response", f"(if (i32.ne {late} (i32.const 2)) (then (unreachable)))"))
    client, service = edge.pair(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    service.feed(ANSWER + chunk(b"one"))
    service.feed(chunk(b"two") + b"0\r\n\r\n")
    assert plain(client.take()) == b"onetwo"
    edge.end()


@pytest.mark.parametrize("of", ["request", "response"])
def test_held_bodies_go_on_in_front_of_trailers(of: str) -> None:
    """Also where the module waits for the end of the stream, and where it looks at trailers only."""
    for body in (on_body(of, WAIT) + on_trailers(of, ""), on_body(of, WAIT), on_trailers(of, "")):
        edge = edge_of(body)
        sent = chunk(b"one") + b"0\r\nX-Sum: 1\r\n\r\n"
        client, service = edge.pair(CHUNKED + (sent if of == "request" else b"0\r\n\r\n"))
        service.feed(ANSWER + (sent if of == "response" else b"0\r\n\r\n"))
        assert plain((service if of == "request" else client).take()) == b"one"
        edge.end()


def test_trailers_are_shown_and_those_of_answers_changed() -> None:
    seen = host("get_header_map_value", 3, 16, 6, 8, 12)
    added = (
        "(drop (call $add_header_map_value (i32.const 3) (i32.const 32) (i32.const 6)"
        " (i32.load (i32.const 8)) (i32.load (i32.const 12))))"
    )
    edge = edge_of(on_trailers("response", seen + added + host("remove_header_map_value", 3, 16, 6)))
    client, service = edge.pair(b"GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n")
    service.feed(ANSWER + chunk(b"one") + b"0\r\nX-User: ann\r\n\r\n")
    got = client.take()
    assert b"x-seen: ann\r\n" in got and b"X-User" not in got
    edge.end()


def test_a_pause_at_the_end_is_a_failure_and_not_a_wait() -> None:
    edge = edge_of(on_body("request", "", "(i32.const 1)"))
    client = edge.client(HEAD % b"Content-Length: 4\r\n" + b"abcd")
    assert statuses(client.take()) == [503] and failed(edge)[0].startswith("paused: ")
    assert edge.plane.body_bytes == 0
    edge.end()


@pytest.mark.parametrize("is_open", [False, True])
def test_a_trap_in_a_body(is_open: bool) -> None:
    body = on_body("request", WAIT + put(0, 0, -1) + "(unreachable)")
    edge = edge_of(body, is_open=is_open)
    client = edge.client(HEAD % b"Content-Length: 4\r\n" + b"abcd")
    assert len(failed(edge)) == 1
    if is_open:
        assert plain(edge.connect().take()) == b"abcd"  # as it was
    else:
        assert statuses(client.take()) == [503]
    assert edge.plane.body_bytes == 0
    edge.end()


@pytest.mark.parametrize(("paused", "status"), [(0, 413), (1, 413)])
def test_no_more_is_held_than_may_be(paused: int, status: int) -> None:
    edge = edge_of(on_request("", action=paused) + on_body("request", WAIT), max_body=10)
    client = edge.client(CHUNKED + chunk(b"a" * 6))
    client.feed(chunk(b"a" * 6))
    assert statuses(client.take()) == [status] and edge.plane.body_bytes == 0
    edge.end()


def test_an_answer_that_is_held_for_too_long_is_cut() -> None:
    edge = edge_of(on_body("response", WAIT), max_body=10)
    client, service = edge.pair(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    service.feed(ANSWER + chunk(b"a" * 6))
    service.feed(chunk(b"a" * 6))
    assert client.is_closing() and not client.take().endswith(b"0\r\n\r\n")
    edge.end()


def test_what_is_held_counts_for_the_memory_of_the_worker() -> None:
    edge = edge_of(on_body("request", WAIT))
    edge.plane.body_bytes = edge.listener.body_memory - 3
    client = edge.client(HEAD % b"Content-Length: 4\r\n" + b"abcd")
    assert statuses(client.take()) == [503]
    assert edge.plane.body_bytes == edge.listener.body_memory - 3
    edge.plane.body_bytes = 0
    edge.end()


def test_a_client_that_leaves_takes_its_guest_with_it() -> None:
    edge: Edge = edge_of(on_body("request", WAIT))
    client = edge.client(HEAD % b"Content-Length: 4\r\n" + b"ab")
    guard: Any = edge.filters[1]
    assert guard._program.live == 1
    client.lose()
    assert guard._program.live == 0 and edge.plane.body_bytes == 0
    edge.end()
