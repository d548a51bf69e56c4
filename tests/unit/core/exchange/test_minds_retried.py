"""Which answers are asked for again, and of which requests."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.testing import usual
from fastgw.testing.edge import DATE, GET, OK, POST, Edge, Spy, body_of, statuses
from tests.support.retried import BUSY, CHUNKED_PUT, PLENTY, PUT, made, refused, retried

# --- which answers


@pytest.mark.parametrize(
    ("on", "status", "is_retried"),
    [
        (("503",), 503, True),
        (("502", "504"), 503, False),
        (("5xx",), 500, True),
        (("5xx",), 599, True),
        (("5xx",), 429, False),
        (("429",), 429, True),
    ],
)
def test_an_answer_of_a_listed_status_is_asked_of_another(on: tuple[str, ...], status: int, is_retried: bool) -> None:
    edge = made(on=on)
    client, service = edge.pair()
    service.feed(BUSY.replace(b"503", b"%d" % status))
    if is_retried:
        edge.connect(port=9001).feed(OK)
    assert statuses(client.take()) == [200 if is_retried else status]
    assert retried(edge) == ({"status": 1} if is_retried else {})
    edge.end()


def test_each_try_is_settled_with_once() -> None:
    told: list[Any] = []

    class Judge:
        def settle(self, endpoint: Any, outcome: Any, seconds: float) -> None:
            told.append((endpoint.key.address.port, outcome))

    edge = made()
    edge.service.judge = edge.service.members.judge = Judge()
    client, service = edge.pair()
    service.feed(BUSY)
    edge.connect(port=9001).feed(OK)
    assert statuses(client.take()) == [200]
    assert told == [(9000, 503), (9001, 200)]
    edge.end()


def test_the_last_answer_passes_and_says_that_asking_again_is_of_no_use() -> None:
    seen: list[int] = []
    edge = Edge(
        endpoints=3,
        service={"on": ("503",), "attempts": 2, "budget": PLENTY},
        filters=[Spy("log", [], done=lambda exchange: seen.append(exchange.attempts))],
    )
    client, service = edge.pair()
    service.feed(BUSY)
    edge.connect().feed(BUSY)
    answer = client.take()
    assert statuses(answer) == [503] and body_of(answer) == b"busy"
    assert b"x-should-retry: false\r\n" in answer
    assert not edge.attempts and seen == [2]
    edge.end()


def test_what_the_service_itself_says_of_asking_again_stays_and_is_obeyed() -> None:
    edge = made()
    client, service = edge.pair()
    service.feed(BUSY.replace(b"Content", b"X-Should-Retry: false\r\nContent"))
    answer = client.take()
    assert statuses(answer) == [503] and answer.lower().count(b"x-should-retry") == 1
    client.feed(GET)
    edge.connect(port=9001).feed(BUSY)
    service.feed(BUSY.replace(b"Content", b"X-Should-Retry: true\r\nContent"))
    answer = client.take()
    assert b"X-Should-Retry: true\r\n" in answer and answer.lower().count(b"x-should-retry") == 1
    edge.end()


@pytest.mark.parametrize("ask", [POST + b"hello", POST.replace(b": 5", b": 0")])
def test_where_it_is_not_allowed_the_answer_passes_untouched(ask: bytes) -> None:
    edge = made()
    client, service = edge.pair(ask)
    service.feed(BUSY)
    assert client.take() == BUSY.replace(b"\r\n\r\n", b"\r\n" + DATE + b"\r\n").replace(
        b"Content-Length", b"Content-Length"
    )
    assert retried(edge) == refused(edge) == {}
    edge.end()


def test_an_error_behind_a_retry_says_that_asking_again_is_of_no_use() -> None:
    edge = made()
    client = edge.client(GET)
    edge.refuse()
    edge.refuse()
    answer = client.take()
    assert statuses(answer) == [502] and b"x-should-retry: false\r\n" in answer
    alone = edge.client(GET)
    edge.attempts[0].succeed(extra={"socket": None})
    edge.run()
    edge.loop.advance(200.0)
    answer = alone.take()
    assert statuses(answer) == [504] and b"x-should-retry" not in answer
    edge.end()


# --- which requests


def test_a_post_is_sent_again_with_its_body_where_the_service_says_so() -> None:
    edge = made(methods=("GET", "POST"))
    client, service = edge.pair(POST + b"hello")
    assert edge.plane.body_bytes == 5
    service.feed(BUSY)
    again = edge.connect(port=9001)
    assert again.take().endswith(b"\r\n\r\nhello")
    again.feed(OK)
    assert statuses(client.take()) == [200]
    assert edge.plane.body_bytes == 0
    client.feed(PUT + b"hello")
    again.feed(BUSY)
    assert statuses(client.take()) == [503]  # it is not in the list
    edge.end()


def test_a_reset_on_a_new_connection_is_sent_again_where_the_method_is_listed() -> None:
    edge = made(methods=("POST",))
    client, service = edge.pair(POST + b"hello")
    service.lose(ConnectionResetError())
    edge.run()
    again = edge.connect(port=9001)
    assert again.take().endswith(b"\r\n\r\nhello")
    again.feed(OK)
    assert statuses(client.take()) == [200]
    assert retried(edge) == {"reset": 1}
    edge.end()


@pytest.mark.parametrize("head", [PUT, CHUNKED_PUT])
@pytest.mark.parametrize("buffer", [0, 65536])
def test_a_body_that_came_in_pieces_is_sent_again_whole(head: bytes, buffer: int) -> None:
    edge = made(route={"body_buffer": buffer})
    pieces = [b"he", b"llo"] if head is PUT else [b"2\r\nhe\r\n", b"3\r\nllo\r\n0\r\n\r\n"]
    client = edge.client(head)
    if buffer:
        client.feed(pieces[0])
        edge.loop.advance(1.5)  # longer than it is held
        service = edge.connect(port=9000)
    else:
        service = edge.connect(port=9000)
        client.feed(pieces[0])
    client.feed(pieces[1])
    first = service.take()
    assert first.endswith(b"".join(pieces))
    service.feed(BUSY)
    again = edge.connect(port=9001)
    assert again.take() == first
    again.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


@pytest.mark.parametrize("at_once", [True, False])
def test_a_body_that_is_too_large_to_be_kept_is_sent_once_and_that_is_counted(at_once: bool) -> None:
    edge = made(max_body=4)
    client = edge.client(CHUNKED_PUT if not at_once else PUT + b"hello")
    service = edge.connect(port=9000)
    if not at_once:
        client.feed(b"3\r\nhel\r\n")
        client.feed(b"2\r\nlo\r\n0\r\n\r\n")
    assert edge.plane.body_bytes == 0
    service.feed(BUSY)
    assert statuses(client.take()) == [503]
    assert refused(edge) == {"body": 1}
    edge.end()


@pytest.mark.parametrize(("others", "is_kept"), [(5, True), (6, False)])
@pytest.mark.parametrize("at_once", [True, False])
def test_bodies_that_were_sent_leave_half_of_the_memory_to_those_that_were_not(
    others: int, is_kept: bool, at_once: bool
) -> None:
    edge = Edge(
        endpoints=2,
        service={"on": ("503",), "budget": PLENTY},
        limits=usual.limits(body_memory=20),
        route={"body_buffer": 0},
    )
    edge.plane.body_bytes += others
    client = edge.client(PUT + b"hello" if at_once else PUT)
    service = edge.connect(port=9000)
    if not at_once:
        client.feed(b"hel")
        client.feed(b"lo")
    edge.plane.body_bytes -= others
    service.feed(BUSY)
    if is_kept:
        edge.connect(port=9001).feed(OK)
    assert statuses(client.take()) == [200 if is_kept else 503]
    assert refused(edge) == ({} if is_kept else {"body": 1})
    edge.end()


def test_a_body_that_is_not_complete_is_not_sent_again() -> None:
    edge = made()
    client = edge.client(PUT)
    service = edge.connect(port=9000)
    client.feed(b"he")
    service.feed(BUSY)
    assert statuses(client.take()) == [503] and refused(edge) == {"body": 1}
    edge.end()


def test_a_body_is_let_go_when_an_answer_is_accepted() -> None:
    edge = made()
    client, service = edge.pair(PUT + b"hello")
    service.feed(OK[:-1])
    assert edge.plane.body_bytes == 0
    service.feed(OK[-1:])
    assert statuses(client.take()) == [200]
    edge.end()
