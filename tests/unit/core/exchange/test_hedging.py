"""A second try beside the first: which wins, what becomes of the other, and how many there may be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.exchange.fallback import SERVICE, StandIn, mark
from fastgw.core.exchange.hedging import RENEWED
from fastgw.core.settings import BreakerSettings, HedgeSettings
from fastgw.policy.fallback import CAUSES
from fastgw.policy.quantile import SAMPLES_MIN
from fastgw.policy.subsets import Subsets
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, POST, Edge, body_of, statuses
from fastgw.testing.mock import MockTransport

NO = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno"
CHUNKED_OK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"
PORTS = (9000, 9001, 9002)


HEDGE = HedgeSettings(quantile=0.99, after=0.1, max_share=1.0, min_delay=0.001, methods=())


def made(
    endpoints: int = 2,
    share: float = 1.0,
    warm: int = 2,
    methods: tuple[str, ...] = (),
    filters: Sequence[Any] = (),
    **options: Any,
) -> Edge:
    """A service hedged after 0.1 s, that had ``warm`` requests before: a share of nothing is nothing."""
    hedge = HEDGE._replace(max_share=share, methods=methods)
    edge = Edge(endpoints=endpoints, filters=filters, service={"hedge": hedge, **options})
    for _ in range(warm):
        client, service = edge.client(GET), None
        service = edge.connect()
        service.feed(OK)
        assert statuses(client.take()) == [200]
        service.feed_eof()
        edge.run()
    return edge


def counted(edge: Edge) -> tuple[int, int, int]:
    """Hedges, those that won, those refused."""
    places = (counters.SERVICE_HEDGES, counters.SERVICE_HEDGES_WON, counters.SERVICE_HEDGES_REFUSED)
    started, won, refused = (edge.of_service(place) for place in places)
    return started, won, refused


def raced(edge: Edge, data: bytes = GET) -> tuple[MockTransport, MockTransport, MockTransport]:
    """A client, the service asked first, and the one asked beside it."""
    client, first = edge.pair(data)
    edge.loop.advance(0.15)
    return client, first, edge.connect()


def test_the_second_wins_and_the_first_is_closed_in_the_same_tick() -> None:
    edge = made()
    client, first, second = raced(edge)
    assert first.take() == second.take()
    second.feed(OK)
    edge.run()
    assert first.is_lost and not second.is_lost
    answer = client.take()
    assert statuses(answer) == [200] and body_of(answer) == b"ok"
    assert counted(edge) == (1, 1, 0)
    edge.end()


def test_the_first_wins() -> None:
    edge = made()
    client, first, second = raced(edge)
    first.feed(OK)
    edge.run()
    assert second.is_lost and not first.is_lost
    assert statuses(client.take()) == [200]
    assert counted(edge) == (1, 0, 0)
    edge.end()


def test_an_answer_that_is_in_time_is_not_hedged() -> None:
    edge = made()
    client, first = edge.pair()
    edge.loop.advance(0.05)
    first.feed(OK)
    edge.loop.advance(1.0)
    assert not edge.attempts and statuses(client.take()) == [200]
    assert counted(edge) == (0, 0, 0)
    edge.end()


def test_a_long_answer_of_the_second_comes_whole() -> None:
    edge = made()
    client, _, second = raced(edge)
    second.feed(CHUNKED_OK)
    second.feed(b"3\r\nyou\r\n0\r\n\r\n")
    assert client.take().endswith(b"2\r\nhi\r\n3\r\nyou\r\n0\r\n\r\n")
    edge.end()


def test_both_fail() -> None:
    edge = made(attempts=1)
    client, first, second = raced(edge)
    second.feed_eof()
    edge.run()
    assert not client.take()
    first.feed_eof()
    edge.run()
    assert statuses(client.take()) == [502]
    edge.end()


def test_the_first_fails_and_the_second_answers() -> None:
    edge = made(attempts=1)
    client, first, second = raced(edge)
    first.feed_eof()
    edge.run()
    assert not client.take()
    second.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_an_error_of_the_second_is_not_the_answer() -> None:
    edge = made()
    client, first, second = raced(edge)
    second.feed(NO)
    edge.run()
    assert second.is_lost and not client.take()
    first.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_nor_is_a_call_that_has_failed_which_says_so_in_another_way() -> None:
    failed = b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\ngrpc-status: 14\r\n\r\n"
    for has_calls in (True, False):
        edge = made(has_calls=has_calls)
        client, first, second = raced(edge)
        second.feed(failed)
        edge.run()
        assert bool(client.take()) is not has_calls
        if has_calls:
            first.feed(OK)
            assert statuses(client.take()) == [200]
        edge.end()


@pytest.mark.parametrize("is_connected", [True, False])
def test_a_client_that_leaves_closes_both(is_connected: bool) -> None:
    edge = made()
    client, first = edge.pair()
    edge.loop.advance(0.15)
    second = edge.connect() if is_connected else None
    client.lose()
    edge.run()
    assert first.is_lost and (second is None or second.is_lost)
    edge.end()


def test_never_a_third() -> None:
    edge = made(3)
    _, first, second = raced(edge)
    edge.loop.advance(1.0)
    assert not edge.attempts and not first.is_lost and not second.is_lost
    assert counted(edge) == (1, 0, 0)
    edge.end()


def test_beyond_the_share_none_is_sent_twice() -> None:
    edge = made(share=0.01)
    client, first = edge.pair()
    edge.loop.advance(0.5)
    assert not edge.attempts
    first.feed(OK)
    assert statuses(client.take()) == [200] and counted(edge) == (0, 0, 1)
    edge.end()


def test_a_post_is_sent_once() -> None:
    edge = made()
    client, first = edge.pair(POST + b"hello")
    edge.loop.advance(0.5)
    assert not edge.attempts and counted(edge) == (0, 0, 0)
    first.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_the_only_member_is_asked_once() -> None:
    edge = made(1)
    _, first = edge.pair()
    edge.loop.advance(0.5)
    assert not edge.attempts and counted(edge) == (0, 0, 0)
    first.feed(OK)
    edge.end()


def test_how_long_is_long_is_learned() -> None:
    edge = Edge(endpoints=2, service={"hedge": HEDGE._replace(after=0.0, quantile=0.9)})
    for number in range(SAMPLES_MIN + 1):
        client, service = edge.pair()
        edge.loop.advance(0.2 if number == 0 else 0.02)
        service.feed(OK)
        assert statuses(client.take()) == [200]
        service.feed_eof()
        edge.run()
    assert counted(edge) == (0, 0, 0)  # the first of them while nothing was known
    edge.loop.advance(RENEWED)
    edge.pair()
    edge.loop.advance(0.018)
    assert not edge.attempts
    edge.loop.advance(0.01)
    assert len(edge.attempts) == 1 and counted(edge) == (1, 0, 0)


def test_the_answer_of_the_loser_in_the_same_tick_is_nobodys() -> None:
    edge = made()
    client, first, second = raced(edge)
    second.feed(OK)
    assert first.is_closing()
    first.feed(OK.replace(b"ok", b"no"))
    edge.run()
    answer = client.take()
    assert statuses(answer) == [200] and body_of(answer) == b"ok"
    edge.end()


def test_a_client_that_is_paused_is_not_what_a_member_is_late_for() -> None:
    edge = made()
    client, first = edge.pair()
    client.protocol.pause_writing()
    edge.loop.advance(0.15)
    assert not edge.attempts
    client.protocol.resume_writing()
    first.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_the_winner_of_a_paused_client_is_held_until_it_reads() -> None:
    edge = made()
    client, _, second = raced(edge)
    client.protocol.pause_writing()
    second.feed(CHUNKED_OK)
    assert not second.is_reading()
    client.protocol.resume_writing()
    assert second.is_reading()
    second.feed(b"0\r\n\r\n")
    assert body_of(client.take()).endswith(b"0\r\n\r\n")
    edge.end()


def test_a_post_that_may_be_sent_twice_has_its_body_kept() -> None:
    edge = made(methods=("POST",))
    client, first, second = raced(edge, POST + b"hello")
    assert first.take() == (sent := second.take()) and sent.endswith(b"hello")
    second.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_a_post_that_is_hedged_is_not_retried_for_that() -> None:
    edge = made(3, methods=("POST",), attempts=3)
    client, first, second = raced(edge, POST + b"hello")
    second.feed_eof()
    first.feed_eof()
    edge.run()
    assert not edge.attempts and statuses(client.take()) == [502]
    edge.end()


def test_where_both_fail_a_third_is_asked_by_the_policy_of_retries() -> None:
    edge = made(3, attempts=3)
    client, first, second = raced(edge)
    second.feed_eof()
    first.feed_eof()
    edge.run()
    third = edge.connect()
    third.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_what_ends_the_time_of_the_first_leaves_the_second_its_own() -> None:
    edge = made(attempts=1, try_timeout=0.5)
    client, first = edge.pair()
    edge.loop.advance(0.15)
    second = edge.connect()
    edge.loop.advance(0.6)
    assert first.is_lost and not second.is_lost and not client.take()
    second.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_an_answer_that_is_minded_ends_the_second_try() -> None:
    edge = made(3, attempts=3, on=("503",))
    client, first, second = raced(edge)
    first.feed(NO)
    edge.run()
    assert second.is_lost
    third = edge.connect()
    third.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_a_reload_leaves_both() -> None:
    edge = made()
    client, first, second = raced(edge)
    edge.install(edge.listener, edge.service, generation=2)
    second.feed(OK)
    edge.run()
    assert first.is_lost and statuses(client.take()) == [200]
    edge.end()


def broken(edge: Edge, number: int) -> None:
    """The breaker of this member opens, for a second."""
    said = edge.service.settings._replace(
        breaker=BreakerSettings("member", 0.5, 0.0, 0.0, 4, 10.0, 1.0, 2.0, 2, (503,))
    )
    registry: Any = edge.plane.registry
    registry._members["s"] = edge.service.members
    edge.service.judge = edge.service.breaking = registry.breaking("s", said, 0)
    edge.service.install(registry)
    for _ in range(4):
        edge.service.members.settle(edge.endpoints[number], 503, 0.01, edge.plane.now)


def test_a_member_whose_breaker_is_open_is_not_asked_beside() -> None:
    edge = made()
    broken(edge, 1)
    client, first = edge.pair()
    edge.loop.advance(0.5)
    assert not edge.attempts and counted(edge) == (0, 0, 0)
    first.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_a_trial_that_loses_gives_its_place_back() -> None:
    edge = made()
    broken(edge, 0)
    edge.loop.advance(1.1)
    for _ in range(3):  # of two at a time
        edge.endpoints[1].in_hand += 100  # so that the trial is the next
        client, first = edge.pair()
        edge.endpoints[1].in_hand -= 100
        edge.loop.advance(0.15)
        second = edge.connect(port=9001)
        second.feed(OK)
        edge.run()
        assert first.is_lost and statuses(client.take()) == [200]
        second.feed_eof()
        edge.run()
    assert counted(edge) == (3, 3, 0)
    edge.end()


def test_what_is_asked_of_another_service_in_its_place_is_not_hedged_by_this_one() -> None:
    edge = made(attempts=1)
    others = tuple(edge.endpoint(port, len(edge.endpoints)) for port in (9500, 9501))
    edge.endpoints.extend(others)
    spare = usual.service("spare", others, edge.service.balancer, attempts=1)
    edge.service.fall_back(StandIn(SERVICE, spare.standing_in(mark, None), CAUSES, ()))
    edge.install(edge.listener, edge.service, spare)
    client, first = edge.pair()
    first.feed_eof()
    edge.run()
    second = edge.connect()
    edge.loop.advance(0.5)
    assert not edge.attempts and counted(edge) == (0, 0, 0)
    second.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def asked_first(edge: Edge) -> Any:
    """The exchange that is under way."""
    return next(one.exchange for one in edge.plane.connections if one.exchange is not None)


def subset(edge: Edge, read: Any) -> None:
    """Requests go to members of the tier that ``read`` finds; all are of the tier "a"."""
    for one in edge.endpoints:
        one.settings = one.settings._replace(metadata={"tier": b"a"})

    def make(_: Any) -> Any:
        return lambda candidates, _: edge.service.balancer.pick(candidates)

    edge.service.subsets = Subsets(("tier",), read, edge.service.members, make, is_any=False)


def test_a_subset_that_goes_by_a_note_is_the_same_for_the_second() -> None:
    edge = made()
    subset(edge, lambda exchange: ((exchange.notes or {"tier": b"b"})["tier"],))
    edge.service.subsets, subsets = None, edge.service.subsets
    client, first = edge.pair()
    exchange = asked_first(edge)
    exchange.note("tier", b"a")
    exchange.service.subsets = subsets
    edge.loop.advance(0.15)
    second = edge.connect()
    second.feed(OK)
    edge.run()
    assert first.is_lost and statuses(client.take()) == [200] and counted(edge) == (1, 1, 0)
    edge.end()


def test_a_second_that_nobody_is_picked_for_leaves_the_first() -> None:
    edge = made()
    client, first = edge.pair()
    exchange = asked_first(edge)
    subset(edge, lambda one: (b"a" if one is exchange else b"b",))
    edge.loop.advance(0.15)
    assert not edge.attempts
    first.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()
