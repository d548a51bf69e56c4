"""Bodies that are gathered for a hook: nothing goes on before it has decided, it may wait, and nobody waits for ever or keeps too much."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.exchange.filter import GatheredHook
from fastgw.core.settings import FilterSettings
from fastgw.core.snapshot.chain import FailureMode
from fastgw.errors import DownstreamError, FilterUnavailableError
from fastgw.testing import usual
from fastgw.testing.edge import CHUNKED, GET, OK, POST, Edge, Gate, Spy, body_of, head_of, new_loop, pool_of, statuses
from tests.support.bodies import Taped, Watching, doubled, gathering, plain, reading, upper

OPEN = {"bad": FailureMode(FilterSettings("open", 3.0), 1)}
CLOSED = {"bad": FailureMode(FilterSettings("closed", 3.0), 1)}
GONE = FilterUnavailableError(503, "authority_gone", "who decides does not answer")
BUG = ValueError("a bug")
CHUNKED_OK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nhello"
EXPECTING = POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
BODIES = [(POST, b"hello"), (CHUNKED, b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")]


def bang(data: bytes) -> bytes:
    return data.upper() + b"!"


async def later(data: bytes) -> bytes:
    return bang(data)


# --- requests


@pytest.mark.parametrize(("head", "body"), BODIES, ids=["length", "chunked"])
@pytest.mark.parametrize("pieces", [1, 2, 100], ids=["whole", "halves", "bytes"])
@pytest.mark.parametrize("act", [bang, later], ids=["at once", "later"])
def test_a_request_goes_when_its_body_is_whole_and_says_how_long_it_is(
    head: bytes, body: bytes, pieces: int, act: Callable[[bytes], Any]
) -> None:
    watching = gathering("transform_request", act)
    edge = Edge(filters=[watching], route={"body_buffer": 2, "body_wait": 1.0})
    client = edge.client(head)
    step = max(1, len(body) // pieces)
    for at in range(0, len(body), step):
        assert not edge.attempts
        client.feed(body[at : at + step])
        edge.check()
    got = edge.connect().take()
    assert plain(got) == b"HELLO!"
    assert b"content-length: 6\r\n" in head_of(got) and b"transfer-encoding" not in head_of(got)
    assert watching.seen[0].tape == [b"hello"]
    edge.end()


@pytest.mark.parametrize("is_early", [True, False], ids=["with its head", "behind it"])
def test_others_are_served_while_a_hook_waits(is_early: bool) -> None:
    loop = new_loop()
    gate = Gate(loop, b"photo")
    edge = Edge(filters=[gathering("transform_request", gate)], loop=loop, route={"body_wait": 1.0})
    client = edge.client(POST + b"hello" if is_early else POST)
    if not is_early:
        assert edge.count(counters.BODIES_HELD) == 1
        client.feed(b"hello")
    edge.check()
    assert len(gate.waiting) == 1 and not edge.attempts
    assert edge.plane.body_bytes == 5 and edge.count(counters.BODIES_HELD) == 0
    other, service = edge.pair(GET)
    service.feed(OK)
    assert statuses(other.take()) == [200]
    client.feed(GET)  # one request behind the other
    service.take()
    gate.open()
    assert plain(service.take()) == b"photo"
    service.feed(OK)
    assert service.take().startswith(b"GET /")
    service.feed(OK)
    assert statuses(client.take()) == [200, 200]
    edge.end()


def test_what_waits_ends_with_its_client() -> None:
    loop = new_loop()
    gate = Gate(loop, b"photo")
    edge = Edge(filters=[gathering("transform_request", gate)], loop=loop)
    client = edge.client(POST + b"hello")
    client.lose()
    edge.run()
    assert gate.waiting[0].cancelled() and edge.plane.body_bytes == 0
    gate.open()
    assert not edge.attempts
    edge.end()


def test_a_client_that_is_held_can_still_leave_while_a_hook_waits() -> None:
    loop = new_loop()
    first, gate = Gate(loop), Gate(loop, b"photo")
    filters = [Spy("a", [], request=first), gathering("transform_request", gate)]
    edge = Edge(filters=filters, loop=loop, route={"body_buffer": 1000})
    client = edge.client(POST.replace(b": 5", b": 3000") + b"x" * 3000)
    edge.run()
    client.feed(b"")
    first.open()
    assert len(gate.waiting) == 1 and client.is_reading()
    edge.end()


@pytest.mark.parametrize("modes", [OPEN, CLOSED], ids=["open", "closed"])
@pytest.mark.parametrize("kind", ["transform_request", "transform_response"])
def test_a_hook_that_does_not_decide_in_time_has_failed(modes: dict[str, FailureMode], kind: str) -> None:
    loop = new_loop()
    gate = Gate(loop, b"photo")
    edge = Edge(filters=[gathering(kind, gate)], modes=modes, loop=loop, route={"stream_idle_timeout": 1.0})
    client = edge.client(POST + b"hello")
    if kind == "transform_response":
        edge.connect().feed(CHUNKED_OK)
    edge.loop.advance(2.6)
    assert client.take() == b"" and edge.failures_of("bad") == [0, 0, 0]
    edge.loop.advance(0.7)
    assert gate.waiting[0].cancelled()
    if modes is OPEN and kind == "transform_request":
        assert plain(edge.connect().take()) == b"hello"
    elif modes is OPEN:
        got = client.take()
        assert statuses(got) == [200] and body_of(got) == b"hello"
    else:
        got = client.take()
        assert statuses(got) == [504] and b"filter_timeout" in got
    assert edge.failures_of("bad") == [0, 0, 1]
    edge.errors.clear()
    edge.end()


def raising(error: BaseException) -> Callable[[bytes], Any]:
    def act(data: bytes) -> bytes:
        raise error

    return act


def raising_later(error: BaseException) -> Callable[[bytes], Any]:
    async def act(data: bytes) -> bytes:
        raise error

    return act


def wrong(data: bytes) -> Any:
    return "text"


async def wrong_later(data: bytes) -> Any:
    return None


@pytest.mark.parametrize("modes", [OPEN, CLOSED], ids=["open", "closed"])
@pytest.mark.parametrize("kind", ["transform_request", "transform_response"])
@pytest.mark.parametrize(
    ("act", "status"),
    [
        (raising(BUG), 500),
        (raising_later(BUG), 500),
        (raising(GONE), 503),
        (raising_later(GONE), 503),
        (wrong, 500),
        (wrong_later, 500),
    ],
)
def test_a_gathered_body_goes_on_unchanged_without_an_open_filter(
    modes: dict[str, FailureMode], kind: str, act: Callable[[bytes], Any], status: int
) -> None:
    edge = Edge(filters=[gathering(kind, act)], modes=modes)
    client = edge.client(POST + b"hello")
    edge.run()
    if modes is OPEN or kind == "transform_response":
        service = edge.connect()
        assert plain(service.take()) == b"hello"
        service.feed(OK)
        edge.run()
    got = client.take()
    assert statuses(got) == [200 if modes is OPEN else status]
    if modes is OPEN:
        assert body_of(got) == body_of(OK)
    assert sum(edge.failures_of("bad")) == 1 and edge.plane.body_bytes == 0
    edge.errors.clear()
    edge.end()


@pytest.mark.parametrize("kind", ["transform_request", "transform_response"])
@pytest.mark.parametrize("fails", [raising, raising_later], ids=["at once", "later"])
def test_an_open_filter_still_refuses_what_it_means(kind: str, fails: Callable[[Exception], Any]) -> None:
    error = DownstreamError(422, "image_malformed", "this is no image")
    edge = Edge(filters=[gathering(kind, fails(error))], modes=OPEN)
    client = edge.client(POST + b"hello")
    edge.run()
    if kind == "transform_response":
        edge.connect().feed(OK)
        edge.run()
    got = client.take()
    assert statuses(got) == [422] and b"image_malformed" in got
    assert edge.failures_of("bad") == [0, 0, 0] and not edge.events("a filter failed")
    edge.end()


@pytest.mark.parametrize("head", [POST, CHUNKED], ids=["length", "chunked"])
def test_a_request_that_is_too_large_is_refused(head: bytes) -> None:
    edge = Edge(filters=[gathering("transform_request", bang, max_bytes=4)], modes=OPEN)
    client = edge.client(head)
    client.feed(b"hello" if head is POST else b"5\r\nhello\r\n")
    got = client.take()
    assert statuses(got) == [413] and b"more than the 4 bytes" in got
    assert not edge.attempts and edge.plane.body_bytes == 0
    edge.end()


def test_a_request_that_tells_of_too_much_is_refused_before_it_comes() -> None:
    edge = Edge(filters=[gathering("transform_request", bang, max_bytes=4)])
    assert statuses(edge.client(EXPECTING).take()) == [413]
    edge.end()


def test_what_becomes_smaller_in_front_of_it_may_be_larger() -> None:
    filters = [
        reading("transform_request", lambda data: b"" if data is None else data[:1]),
        gathering("transform_request", bang, max_bytes=4),
    ]
    edge = Edge(filters=filters)
    edge.client(POST + b"hello")
    assert plain(edge.connect().take()) == b"H!"
    edge.end()


def test_a_hook_has_its_own_words_for_what_is_too_large() -> None:
    error = DownstreamError(413, "image_too_large", "so large an image")
    edge = Edge(filters=[gathering("transform_request", bang, max_bytes=4, too_large=lambda: error)])
    assert b"image_too_large" in edge.client(POST + b"hello").take()
    edge.end()


@pytest.mark.parametrize("kind", ["transform_request", "transform_response"])
def test_what_is_gathered_counts_for_the_memory_of_bodies(kind: str) -> None:
    edge = Edge(filters=[gathering(kind, bang)], limits=usual.limits(body_memory=8))
    edge.plane.body_bytes += 4
    client = edge.client(POST.replace(b": 5", b": 9") + b"hel")
    if kind == "transform_response":
        client.feed(b"lo you")
        edge.connect().feed(OK.replace(b": 2", b": 9")[:-2] + b"hel")
    assert edge.plane.body_bytes == 7
    edge.plane.body_bytes += 1
    other = edge.client(POST + b"h")
    if kind == "transform_response":
        other.feed(b"ello")
        edge.connect().feed(OK)
    assert statuses(other.take()) == [503]
    edge.plane.body_bytes -= 5
    edge.end()


def test_who_waits_for_leave_to_send_a_body_is_told_by_the_gateway() -> None:
    edge = Edge(filters=[gathering("transform_request", bang)])
    client = edge.client(EXPECTING)
    assert statuses(client.take()) == [100] and not edge.attempts
    client.feed(b"hello")
    got = edge.connect().take()
    assert plain(got) == b"HELLO!" and b"expect" not in head_of(got)
    edge.end()


def test_a_body_that_is_gathered_is_not_sent_before_it_is_whole_however_long_it_takes() -> None:
    timeouts = usual.timeouts(body=5.0)
    edge = Edge(filters=[gathering("transform_request", bang)], timeouts=timeouts, route={"body_wait": 1.0})
    client = edge.client(POST + b"he")
    edge.loop.advance(4.0)
    assert not edge.attempts
    client.feed(b"l")
    edge.loop.advance(4.0)
    assert not edge.attempts and client.take() == b""
    edge.loop.advance(2.0)
    got = client.take()
    assert statuses(got) == [408] and b"body_timeout" in got
    edge.end()


@pytest.mark.parametrize("act", [bang, later], ids=["at once", "later"])
def test_a_body_that_fills_the_memory_of_bodies_is_not_sent_before_it_is_whole(act: Callable[[bytes], Any]) -> None:
    edge = Edge(filters=[gathering("transform_request", act)], limits=usual.limits(body_memory=8))
    client = edge.client(CHUNKED)
    edge.plane.body_bytes += 6
    client.feed(b"2\r\nhe\r\n")
    assert not edge.attempts
    edge.plane.body_bytes -= 6
    client.feed(b"3\r\nllo\r\n0\r\n\r\n")
    got = edge.connect().take()
    assert plain(got) == b"HELLO!" and b"content-length: 6\r\n" in head_of(got)
    edge.end()


def test_hooks_before_and_behind_stream_what_they_get() -> None:
    loop = new_loop()
    gates = Gate(loop, b"one"), Gate(loop, b"two")
    before, behind = reading("read_request"), reading("transform_request", upper)
    filters = [before, gathering("transform_request", gates[0]), gathering("read_request", gates[1], "b"), behind]
    edge = Edge(filters=filters, loop=loop)
    client = edge.client(POST + b"hel")
    client.feed(b"lo")
    assert before.seen[0].tape == [b"hel", b"lo", None] and behind.seen[0].tape == []
    gates[0].open()
    assert len(gates[1].waiting) == 1 and edge.plane.body_bytes == 3
    gates[1].open()
    assert behind.seen[0].tape == [b"two", None]
    assert plain(edge.connect().take()) == b"TWO"
    edge.end()


@pytest.mark.parametrize("behind", [gathering("transform_request", bang), reading("transform_request", doubled)])
def test_a_length_that_a_hook_has_told_is_that_of_what_the_last_one_has_made(behind: Watching) -> None:
    def telling(exchange: Any) -> Taped:
        def act(data: bytes | None) -> bytes:
            if data is not None:
                return b""
            exchange.request.gain_length(4)  # as who has held all of it until now
            return b"four"

        return Taped(act)

    edge = Edge(filters=[Watching("telling", ["transform_request"], telling), behind])
    edge.client(POST + b"hello")
    got = edge.connect().take()
    head, body = head_of(got), got.partition(b"\r\n\r\n")[2]
    assert body in (b"FOUR!", b"fourfour!") and b"content-length: %d\r\n" % len(body) in head
    edge.end()


def test_trailers_of_a_gathered_request_stay() -> None:
    edge = Edge(filters=[gathering("transform_request", bang)])
    edge.client(CHUNKED + b"2\r\nhe\r\n0\r\nX-Sum: 1\r\n\r\n")
    got = edge.connect().take()
    assert b"transfer-encoding: chunked" in head_of(got) and b"3\r\nHE!\r\n0\r\nx-sum: 1" in got.lower().replace(
        b"he!", b"HE!"
    )
    edge.end()


# --- answers


@pytest.mark.parametrize("answer", [OK, CHUNKED_OK, UNTIL_CLOSE], ids=["length", "chunked", "until close"])
@pytest.mark.parametrize("act", [bang, later], ids=["at once", "later"])
def test_an_answer_goes_when_it_is_whole(answer: bytes, act: Callable[[bytes], Any]) -> None:
    edge = Edge(filters=[gathering("transform_response", act)])
    client, service = edge.pair()
    for byte in answer:
        assert client.take() == b""
        service.feed(bytes((byte,)))
        edge.check()
    if answer is UNTIL_CLOSE:
        service.feed_eof()
    edge.run()
    got = client.take()
    expected = bang(b"hello" if answer is not OK else body_of(OK))
    assert statuses(got) == [200] and body_of(got) == expected
    assert b"content-length: %d\r\n" % len(expected) in head_of(got)
    edge.end()


def test_the_connection_of_an_answer_that_a_hook_waits_with_is_free() -> None:
    loop = new_loop()
    gate = Gate(loop, b"photo")
    edge = Edge(filters=[gathering("transform_response", gate)], loop=loop)
    client, service = edge.pair()
    service.feed(OK)
    edge.check()
    assert pool_of(edge.endpoints[0]).idle and edge.plane.body_bytes == len(body_of(OK))
    service.lose()  # it is the client's no more
    gate.open()
    got = client.take()
    assert statuses(got) == [200] and body_of(got) == b"photo"
    assert edge.plane.body_bytes == 0
    edge.end()


def test_an_answer_that_waits_ends_with_its_client() -> None:
    loop = new_loop()
    gate = Gate(loop, b"photo")
    edge = Edge(filters=[gathering("transform_response", gate)], loop=loop)
    client, service = edge.pair()
    service.feed(OK)
    edge.run()
    client.lose()
    edge.run()
    assert gate.waiting[0].cancelled() and edge.plane.body_bytes == 0
    edge.end()


def test_an_answer_that_is_too_large_is_the_fault_of_its_service() -> None:
    edge = Edge(filters=[gathering("transform_response", bang, max_bytes=4)], modes=OPEN)
    client, service = edge.pair()
    service.feed(CHUNKED_OK)
    got = client.take()
    assert statuses(got) == [502] and b"answer_too_large" in got
    edge.end()


def test_hooks_before_and_behind_stream_an_answer() -> None:
    loop = new_loop()
    gate = Gate(loop, b"photo")
    first, last = reading("read_response"), reading("transform_response", upper)
    edge = Edge(filters=[first, gathering("transform_response", gate), last], loop=loop)
    client, service = edge.pair()
    service.feed(CHUNKED_OK)
    assert last.seen[0].data == b"hello" and first.seen[0].tape == []
    gate.open()
    assert first.seen[0].tape == [b"photo", None]
    assert body_of(client.take()) == b"photo"
    edge.end()


def test_a_head_that_waits_goes_when_the_memory_of_bodies_is_full() -> None:
    edge = Edge(filters=[reading("read_response", gather=1000)], limits=usual.limits(body_memory=4))
    client, service = edge.pair()
    service.feed(CHUNKED_OK.partition(b"3\r\nllo")[0])
    assert client.take() == b"" and edge.plane.body_bytes == 2
    edge.plane.body_bytes += 4
    service.feed(b"3\r\nllo\r\n")
    assert statuses(client.take()) == [200]
    edge.plane.body_bytes -= 4
    service.feed(b"0\r\n\r\n")
    edge.end()


def test_what_has_no_body_is_not_gathered() -> None:
    watching = gathering("transform_request", bang)
    edge = Edge(filters=[watching])
    client, service = edge.pair()
    service.feed(OK)
    assert statuses(client.take()) == [200] and watching.seen == []
    edge.end()


def test_a_hook_that_is_gathered_for_has_to_say_what_becomes_of_the_body() -> None:
    edge = Edge(filters=[Watching("bad", ["transform_request"], lambda exchange: GatheredHook())])
    assert statuses(edge.client(POST + b"hello").take()) == [500]
    edge.errors.clear()
    edge.end()
