"""``concurrency``: who gets a place, and that every way out of an exchange gives it back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.exchange.reply import Reply
from fastgw.core.live.board import KEYED, NAMED, Board, Table, blank
from fastgw.core.live.holds import Seat, settle, sit_down
from fastgw.core.live.words import BOARD_BYTES
from fastgw.filters import concurrency
from fastgw.filters.concurrency import Concurrency
from fastgw.testing import usual
from fastgw.testing.edge import (
    CHUNKED,
    GET,
    OK,
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

OPTIONS = {"max": 1, "per": "route", "status": "429", "retry_after": 1.0}


@pytest.fixture
def fd() -> Iterator[int]:
    found = os.memfd_create("board")
    os.ftruncate(found, BOARD_BYTES)
    os.pwrite(found, blank(bytes(16)), 0)
    yield found
    os.close(found)


@pytest.fixture
def arrive(fd: int) -> Iterator[Callable[[], Seat]]:
    """Every call is another worker's seat."""
    made: list[Seat] = []

    def make() -> Seat:
        made.append(sit_down(Board(fd)))
        return made[-1]

    yield make
    for seat in made:
        seat.board.close()


@pytest.fixture
def seat(arrive: Callable[[], Seat]) -> Seat:
    return arrive()


def limit(name: str = "limit", **options: Any) -> Concurrency:
    return Concurrency(name, OPTIONS | options)


def places(seat: Seat) -> int:
    """Cells with a place taken."""
    return seat.board.used(NAMED) + seat.board.used(KEYED)


def ask(edge: Edge, data: bytes = GET, **options: Any) -> list[int]:
    """The status of an answer that comes at once, if one does."""
    return statuses(edge.client(data, **options).take())


def test_no_more_than_max_get_through(seat: Seat) -> None:
    edge = Edge(filters=[limit(max=2)], seat=seat)
    first, service = edge.pair()
    edge.pair()
    assert edge.of_route(counters.ROUTE_PLACES) == 2
    refused = edge.client(GET)
    answer = refused.take()
    assert statuses(answer) == [429]
    assert b"retry-after: 1\r\n" in head_of(answer)
    assert json.loads(body_of(answer))["type"] == "urn:fastgw:error:too_many_requests"
    assert (edge.of_route(counters.ROUTE_OVER_LIMIT), edge.of_route(counters.ROUTE_PLACES)) == (1, 2)
    service.feed(OK)
    assert statuses(first.take()) == [200]
    assert edge.of_route(counters.ROUTE_PLACES) == 1
    refused.feed(GET)  # its connection was kept
    edge.run()
    service.feed(OK)
    assert statuses(refused.take()) == [200]
    edge.end()
    assert places(seat) == 0


def test_other_workers_count(arrive: Callable[[], Seat]) -> None:
    one, other = (Edge(filters=[limit()], seat=arrive()) for _ in range(2))
    _, service = one.pair()
    assert ask(other) == [429]
    service.feed(OK)
    assert ask(other) == []  # it has gone to the service
    one.end()
    other.end()


def test_a_worker_that_dies_gives_back(fd: int, arrive: Callable[[], Seat]) -> None:
    dead = Edge(filters=[limit()], seat=arrive())
    dead.pair()
    alive = Edge(filters=[limit()], seat=arrive())
    assert ask(alive) == [429]
    dead.plane.seat.board.close()
    board = Board(fd)
    assert settle(board) == 1
    board.close()
    assert ask(alive) == []
    alive.end()


def test_503_is_answered_where_the_file_says_so(seat: Seat) -> None:
    edge = Edge(filters=[limit(status="503", retry_after=2.2)], seat=seat)
    edge.pair()
    answer = edge.client(GET).take()
    assert statuses(answer) == [503]
    assert json.loads(body_of(answer))["type"] == "urn:fastgw:error:over_limit"
    assert b"retry-after: 3\r\n" in head_of(answer)
    assert edge.of_route(counters.ROUTE_FAULT_INTERNAL) == 1
    edge.end()


# --- every way out


def after(edge: Edge) -> None:
    """There is room for one more, and only one."""
    assert edge.of_route(counters.ROUTE_PLACES) == 0
    assert ask(edge) == []
    assert ask(edge) == [429]
    edge.end()
    assert places(edge.plane.seat) == 0


def test_client_leaves(seat: Seat) -> None:
    edge = Edge(filters=[limit()], seat=seat)
    client, _ = edge.pair()
    client.lose()
    edge.run()
    after(edge)


def test_client_leaves_while_it_waits_for_a_connection(seat: Seat) -> None:
    edge = Edge(filters=[limit()], seat=seat)
    client = edge.client(GET)
    client.lose()
    edge.run()
    after(edge)


def test_service_refuses(seat: Seat) -> None:
    edge = Edge(filters=[limit()], seat=seat)
    client = edge.client(GET)
    edge.refuse()
    assert statuses(client.take()) == [502]
    after(edge)


def test_service_breaks_its_answer_off(seat: Seat) -> None:
    edge = Edge(filters=[limit()], seat=seat)
    _, service = edge.pair()
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
    assert edge.of_route(counters.ROUTE_PLACES) == 1
    service.lose()
    edge.run()
    after(edge)


def test_service_answers_too_late(seat: Seat) -> None:
    edge = Edge(filters=[limit()], route={"answer_timeout": 3.0}, seat=seat)
    client, _ = edge.pair()
    edge.loop.advance(4)
    assert statuses(client.take()) == [504]
    after(edge)


def test_a_place_is_held_until_the_end_of_the_answer(seat: Seat) -> None:
    edge = Edge(filters=[limit()], seat=seat)
    _, service = edge.pair(CHUNKED + b"2\r\nab\r\n0\r\n\r\n")
    service.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
    assert ask(edge) == [429]
    service.feed(b"0\r\n\r\n")
    after(edge)


def test_a_later_filter_answers(seat: Seat) -> None:
    replies = [Reply(418)]
    spy = Spy("spy", [], request=lambda _: replies.pop() if replies else None)
    edge = Edge(filters=[limit(), spy], seat=seat)
    assert ask(edge) == [418]
    after(edge)


@pytest.mark.parametrize("outcome", ["leaves", "goes on", "fails"])
def test_a_later_filter_waits(seat: Seat, outcome: str) -> None:
    loop = new_loop()
    gate = Gate(loop, outcome=ValueError("broken") if outcome == "fails" else None)
    waits = [True]
    spy = Spy("spy", [], request=lambda exchange: gate(exchange) if waits else None)
    edge = Edge(filters=[limit(), spy], loop=loop, seat=seat)
    client = edge.client(GET)
    waits.clear()
    assert ask(edge) == [429]
    if outcome == "leaves":
        client.lose()
        edge.run()
    else:
        gate.open()
    if outcome == "goes on":
        assert ask(edge) == [429]
        edge.connect().feed(OK)
    after(edge)


def test_an_earlier_filter_answers(seat: Seat) -> None:
    edge = Edge(filters=[Spy("spy", [], request=lambda _: Reply(418)), limit()], seat=seat)
    assert ask(edge) == [418]
    assert places(seat) == 0
    edge.end()


def test_a_tunnel_holds_its_place_until_its_end(seat: Seat) -> None:
    edge = Edge(filters=[limit()], seat=seat)
    client, service = edge.pair(WEBSOCKET)
    service.feed(SWITCHING)
    assert statuses(client.take()) == [101]
    assert ask(edge) == [429]
    client.feed(b"hello")
    assert service.take().endswith(b"hello")
    assert ask(edge) == [429]
    service.lose()
    edge.run()
    after(edge)


# --- per what


def two_routes(edge: Edge, *filters: Any) -> None:
    chain = edge.route.chain
    edge.install(edge.listen(edge.route, usual.route("more", 2, service=edge.service, chain=chain, body_buffer=0)))


MORE = GET.replace(b"GET /", b"GET /more/")


@pytest.mark.parametrize(("per", "expected"), [("route", []), ("listener", [429]), ("filter", [429])])
def test_what_has_max_of_its_own(seat: Seat, per: str, expected: list[int]) -> None:
    edge = Edge(filters=[limit(per=per)], seat=seat)
    two_routes(edge)
    edge.client(GET)
    assert ask(edge) == [429]
    assert ask(edge, MORE) == expected
    edge.end()
    assert places(seat) == 0


def test_limits_of_different_names_do_not_know_each_other(arrive: Callable[[], Seat]) -> None:
    one = Edge(filters=[limit("one")], seat=arrive())
    other = Edge(filters=[limit("other")], seat=arrive())
    one.client(GET)
    assert ask(other) == []
    one.end()
    other.end()


def test_each_address_has_its_own(seat: Seat) -> None:
    edge = Edge(filters=[limit(per="address")], seat=seat)
    for peer, expected in (
        ("10.0.0.1", []),
        ("10.0.0.1", [429]),
        ("10.0.0.2", []),
        ("2001:db8:0:1::1", []),
        ("2001:db8:0:1:9::7", [429]),  # of the same network
        ("2001:db8:0:2::1", []),
        ("fe80::1%eth0", []),
    ):
        assert ask(edge, extra={"peername": (peer, 50000)}) == expected, peer
    assert (seat.board.used(NAMED), seat.board.used(KEYED)) == (0, 5)
    edge.end()
    assert places(seat) == 0


def test_each_value_of_a_field_has_its_own(seat: Seat) -> None:
    edge = Edge(filters=[limit(per="header:x-key")], seat=seat)
    for field, expected in (
        (b"X-Key: a", []),
        (b"x-key: a", [429]),
        (b"X-Key: b", []),
        (b"X: y", []),
        (b"Y: x", [429]),
    ):
        assert ask(edge, GET.replace(b"Host", field + b"\r\nHost")) == expected, field
    edge.end()


def test_without_room_for_a_key_the_request_is_refused_and_told(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "KEYED", Table(KEYED.start, 2))
    edge = Edge(filters=[limit(per="header:x-key")], seat=seat)
    answers = [edge.client(GET.replace(b"Host", b"X-Key: %d\r\nHost" % key)).take() for key in range(3)]
    assert [statuses(one) for one in answers] == [[], [], [503]]
    assert json.loads(body_of(answers[2]))["type"] == "urn:fastgw:error:board_full"
    assert b"retry-after: 1\r\n" in head_of(answers[2])
    assert edge.count(counters.BOARD_FULL) == 1
    assert edge.of_route(counters.ROUTE_OVER_LIMIT) == 0
    assert edge.events("the board has no room for a key, so its request is refused") == [{"filter": "limit"}]
    edge.end()


# --- reload


def test_a_reload_keeps_what_is_held(seat: Seat) -> None:
    edge = Edge(filters=[limit(max=2)], seat=seat)
    clients = [edge.pair() for _ in range(2)]
    following = Edge(filters=[limit(max=1)], loop=edge.loop, seat=seat)  # the chain of the next generation
    edge.install(edge.listen(following.route), generation=2)
    assert ask(edge) == [429]
    clients[0][1].feed(OK)
    assert ask(edge) == [429]  # one is still held, by the old filter
    clients[1][1].feed(OK)
    assert edge.plane.seat.board.used(NAMED) == 0
    following.plane.close()
