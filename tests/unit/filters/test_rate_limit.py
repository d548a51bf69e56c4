"""``rate_limit``: who is admitted, what the others are told, and what outlives the filter.  Time is the test's."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.live.board import KEYED_TIMES, NAMED_TIMES, Board, Table, blank
from fastgw.core.live.holds import Seat, sit_down
from fastgw.core.live.words import BOARD_BYTES
from fastgw.filters import limits as kinds
from fastgw.filters.rate_limit import RateLimit
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, Edge, body_of, head_of, statuses

SECOND = 10**9
OPTIONS = {"fields": ("draft",), "tell": "refused", "when_full": "refuse", "dry_run": False, "cluster": None}


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


class Clock:
    """What time it is."""

    def __init__(self) -> None:
        self.now = 5 * SECOND

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)


@pytest.fixture
def clock() -> Clock:
    return Clock()


Said = tuple[tuple[str, Any], ...]


def said(
    count: int,
    seconds: int = 1,
    burst: int | None = None,
    per: str = "route",
    unit: str = "requests",
    reserve: int | None = None,
) -> Said:
    """A limit as the filter gets it."""
    what = (("unit", unit), ("reserve", reserve), ("field", "x-cost"))
    return (("rate", (count, seconds)), ("burst", burst), ("per", per), *what)


def limit(clock: Clock, *limits: Said, name: str = "limit", **options: Any) -> RateLimit:
    return RateLimit(name, OPTIONS | {"limits": limits} | options, clock)


def ask(edge: Edge, data: bytes = GET, **options: Any) -> list[int]:
    """The status of an answer that comes at once, as a refusal does; [] of one that was let through."""
    return statuses(edge.client(data, **options).take())


def fields(answer: bytes) -> dict[str, str]:
    lines = head_of(answer).decode().split("\r\n")[1:]
    pairs = (line.split(": ", 1) for line in lines if ": " in line)
    return {name.lower(): value for name, value in pairs}


def limits_told(answer: bytes) -> dict[str, str]:
    """The fields that tell of limits."""
    return {name: value for name, value in fields(answer).items() if "ratelimit" in name or "retry" in name}


def test_no_more_than_the_rate_get_through(seat: Seat, clock: Clock) -> None:
    edge = Edge(filters=[limit(clock, said(2, burst=3))], seat=seat)
    assert [ask(edge) for _ in range(5)] == [[], [], [], [429], [429]]
    clock.advance(0.499)
    assert ask(edge) == [429]
    clock.advance(0.001)
    assert [ask(edge) for _ in range(2)] == [[], [429]]
    clock.advance(60)
    assert [ask(edge) for _ in range(4)] == [[], [], [], [429]]
    assert edge.of_route(counters.ROUTE_RATE_LIMITED) == 5
    assert edge.of_route(counters.ROUTE_OVER_LIMIT) == 0
    edge.end()


def test_without_a_burst_it_is_what_the_rate_says(seat: Seat, clock: Clock) -> None:
    edge = Edge(filters=[limit(clock, said(3, 3600))], seat=seat)
    assert [ask(edge) for _ in range(4)] == [[], [], [], [429]]
    edge.end()


def test_who_is_refused_is_told_when_to_come_back(seat: Seat, clock: Clock) -> None:
    edge = Edge(filters=[limit(clock, said(6, 60, burst=2))], seat=seat)
    ask(edge)
    ask(edge)
    clock.advance(0.25)
    found = edge.client(GET).take()
    assert statuses(found) == [429]
    document = json.loads(body_of(found))
    assert (document["type"], document["status"]) == ("urn:fastgw:error:rate_limited", 429)
    assert limits_told(found) == {
        "retry-after": "10",  # 9.75 s, rounded up
        "ratelimit-policy": '"1";q=2;w=20',
        "ratelimit": '"1";r=0;t=20',
    }
    clock.advance(9.75)
    assert ask(edge) == []
    edge.end()


def test_the_operator_is_told_which_limit_it_was(seat: Seat, clock: Clock) -> None:
    noted = []

    class Noting:
        name = "noting"

        def done(self, exchange: Any) -> None:
            noted.append((exchange.notes, str(exchange.error.reason) if exchange.error else None))

    edge = Edge(filters=[Noting(), limit(clock, said(1, 60, per="address"))], seat=seat)
    client, service = edge.pair()
    service.feed(OK)
    client.take()
    assert ask(edge) == [429]
    reason = "too many requests in a short time: more than 1/m per address, says the filter 'limit'"
    assert noted == [(None, None), ({"rate_limit": "1/m per address"}, reason)]
    edge.end()


# --- fields


def told_of_two(seat: Seat, clock: Clock, **options: Any) -> tuple[dict[str, str], dict[str, str]]:
    """What the first of two requests is told, which is admitted, and the third, which is not."""
    made = limit(clock, said(2, burst=2), said(10, 60, burst=10, per="filter"), **options)
    edge = Edge(filters=[made], seat=seat)
    client, service = edge.pair()
    service.feed(OK)
    first = client.take()
    assert statuses(first) == [200]
    client.feed(GET)
    edge.run()
    service.feed(OK)
    client.take()
    clock.advance(0.1)
    last = edge.client(GET).take()
    assert statuses(last) == [429]
    edge.end()
    assert not made._told
    return limits_told(first), limits_told(last)


POLICY = '"1";q=2;w=1, "2";q=10;w=60'


def test_fields_of_the_draft(seat: Seat, clock: Clock) -> None:
    first, last = told_of_two(seat, clock)
    assert first == {}
    assert last == {"retry-after": "1", "ratelimit-policy": POLICY, "ratelimit": '"1";r=0;t=1, "2";r=8;t=12'}


def test_fields_of_all_answers(seat: Seat, clock: Clock) -> None:
    first, _ = told_of_two(seat, clock, tell="all")
    assert first == {"ratelimit-policy": POLICY, "ratelimit": '"1";r=1;t=1, "2";r=9;t=6'}


def test_fields_of_openai(seat: Seat, clock: Clock) -> None:
    first, last = told_of_two(seat, clock, tell="all", fields=("openai",))
    assert first == {
        "x-ratelimit-limit-requests": "2",
        "x-ratelimit-remaining-requests": "1",
        "x-ratelimit-reset-requests": "500ms",
    }
    assert last == {
        "retry-after": "1",
        "retry-after-ms": "400",
        "x-ratelimit-limit-requests": "2",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "900ms",
    }


def test_no_fields(seat: Seat, clock: Clock) -> None:
    assert told_of_two(seat, clock, tell="all", fields=()) == ({}, {"retry-after": "1"})


def test_what_a_client_without_an_answer_was_to_be_told_is_forgotten(seat: Seat, clock: Clock) -> None:
    made = limit(clock, said(2), tell="all")
    edge = Edge(filters=[made], seat=seat)
    client, _ = edge.pair()
    assert len(made._told) == 1
    client.lose()
    edge.run()
    assert not made._told


# --- several limits


def test_all_limits_must_admit_and_who_is_refused_counts_for_none(seat: Seat, clock: Clock) -> None:
    edge = Edge(filters=[limit(clock, said(5, 60, burst=5), said(1, burst=1, per="filter"))], seat=seat)
    assert ask(edge) == []
    assert [ask(edge) for _ in range(20)] == [[429]] * 20
    for _ in range(4):
        clock.advance(1)
        assert ask(edge) == []
    clock.advance(1)
    found = edge.client(GET).take()
    assert limits_told(found)["retry-after"] == "7"  # of the slow one: 12 s but for 5
    edge.end()


# --- whom it counts


def test_each_client_has_its_own(seat: Seat, clock: Clock) -> None:
    edge = Edge(filters=[limit(clock, said(1, 60, per="address"))], seat=seat)
    for peer, expected in (("10.0.0.1", []), ("10.0.0.1", [429]), ("10.0.0.2", [])):
        assert ask(edge, extra={"peername": (peer, 50000)}) == expected, peer
    assert seat.board.used(KEYED_TIMES, clock.now) == 2
    edge.end()


@pytest.mark.parametrize(("per", "expected"), [("route", []), ("listener", [429]), ("filter", [429])])
def test_what_has_the_rate_of_its_own(seat: Seat, clock: Clock, per: str, expected: list[int]) -> None:
    edge = Edge(filters=[limit(clock, said(1, 60, per=per))], seat=seat)
    chain = edge.route.chain
    edge.install(edge.listen(edge.route, usual.route("more", 2, service=edge.service, chain=chain, body_buffer=0)))
    assert ask(edge) == []
    assert ask(edge) == [429]
    assert ask(edge, GET.replace(b"GET /", b"GET /more/")) == expected
    assert seat.board.used(NAMED_TIMES, clock.now) == (2 if per == "route" else 1)
    edge.end()


def test_other_workers_count(arrive: Callable[[], Seat], clock: Clock) -> None:
    edges = [Edge(filters=[limit(clock, said(1, 60, burst=5))], seat=arrive()) for _ in range(3)]
    assert [ask(edge) for _ in range(3) for edge in edges] == [[]] * 5 + [[429]] * 4
    for edge in edges:
        edge.end()


def test_filters_of_different_names_do_not_know_each_other(seat: Seat, clock: Clock) -> None:
    for name in ("one", "other"):
        edge = Edge(filters=[limit(clock, said(1, 60), name=name)], seat=seat)
        assert [ask(edge) for _ in range(2)] == [[], [429]]
        edge.end()


def test_a_reload_goes_on_with_it(seat: Seat, clock: Clock) -> None:
    """The next filter of that name, with the limit in another place; one that says something else begins anew."""
    edge = Edge(filters=[limit(clock, said(2, 60))], seat=seat)
    assert [ask(edge) for _ in range(3)] == [[], [], [429]]
    edge.end()
    following = Edge(filters=[limit(clock, said(100), said(2, 60), tell="all")], seat=seat)
    assert ask(following) == [429]
    following.end()
    changed = Edge(filters=[limit(clock, said(3, 60))], seat=seat)
    assert [ask(changed) for _ in range(4)] == [[], [], [], [429]]
    changed.end()


# --- what is let through all the same


def test_a_dry_run_counts_and_notes(seat: Seat, clock: Clock) -> None:
    notes = []

    class Noting:
        name = "noting"

        def done(self, exchange: Any) -> None:
            notes.append(exchange.notes)

    edge = Edge(filters=[Noting(), limit(clock, said(1, 60), dry_run=True)], seat=seat)
    client, service = edge.pair()
    for _ in range(3):
        service.feed(OK)
        found = client.take()
        assert statuses(found) == [200]
        assert limits_told(found) == {}
        client.feed(GET)
        edge.run()
    assert edge.of_route(counters.ROUTE_RATE_LIMITED) == 0
    assert edge.of_route(counters.ROUTE_RATE_LET_THROUGH) == 3
    edge.end()
    assert notes == [None] + [{"rate_limit": "1/m per route"}] * 3


@pytest.mark.parametrize(
    ("options", "expected", "what"),
    [
        ({}, [503], "is refused"),
        ({"when_full": "let_through"}, [], "is let through"),
        ({"dry_run": True}, [], "is let through"),
    ],
)
def test_without_room_for_a_key(
    seat: Seat,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    expected: list[int],
    what: str,
) -> None:
    monkeypatch.setattr(kinds, "KEYED_TIMES", Table(KEYED_TIMES.start, 2))
    edge = Edge(filters=[limit(clock, said(1, 60, per="header:x-key"), **options)], seat=seat)
    answers = [edge.client(GET.replace(b"Host", b"X-Key: %d\r\nHost" % key)).take() for key in range(3)]
    assert [statuses(one) for one in answers] == [[], [], expected]
    if expected:
        assert json.loads(body_of(answers[2]))["type"] == "urn:fastgw:error:board_full"
        assert limits_told(answers[2]) == {"retry-after": "1"}
    assert edge.count(counters.BOARD_FULL) == 1
    assert edge.of_route(counters.ROUTE_RATE_LIMITED) == 0
    assert edge.events(f"the board has no room for a key, so its request {what}") == [{"filter": "limit"}]
    clock.advance(61)  # all are full again, and leave their places
    assert ask(edge, GET.replace(b"Host", b"X-Key: 2\r\nHost")) == []
    edge.end()
