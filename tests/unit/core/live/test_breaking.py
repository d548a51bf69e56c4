"""Breakers of a service: who is asked while one is open, what is answered meanwhile, and how it closes again."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters, labels
from fastgw.core.causes import REFUSED
from fastgw.core.live.judges import Judges
from fastgw.core.live.news import BREAKER, Finding
from fastgw.core.settings import BreakerSettings
from fastgw.policy.ewma import PeakEwma
from fastgw.steps import whole
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, POST, Edge, body_of, head_of, statuses
from fastgw.testing.mock import MockTransport

BAD = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
DEFAULTS = BreakerSettings("member", 0.5, 0.0, 0.0, 4, 10.0, 1.0, 2.0, 2, tuple(range(500, 600)))
SLOW = DEFAULTS._replace(failures=0.0, slow=0.5, slow_after=0.8)
WHOLE = ("s", "", "")


class Stage(Edge):
    """An Edge whose service has breakers."""

    def __init__(self, settings: BreakerSettings = DEFAULTS, endpoints: int = 2, **options: Any) -> None:
        self.found: list[Finding] = []
        self.kept: dict[int, MockTransport] = {}
        super().__init__(endpoints=endpoints, **options)
        self.plane.on_finding = self.found.append
        self.members = self.service.members
        self.members.report = self.found.append
        registry: Any = self.plane.registry
        registry._members["s"] = self.members
        self.give(settings)

    def give(self, settings: BreakerSettings) -> None:
        """The configuration says this from now on."""
        said = self.service.settings._replace(breaker=settings)
        self.service.judge = self.service.breaking = self.plane.registry.breaking("s", said, 0)
        self.service.install(self.plane.registry)

    @property
    def ready(self) -> list[str]:
        """Ports of the ready members; who stands for one in parentheses."""
        return [
            str(one.key.address.port) if one in self.endpoints else f"({one.key.address.port})"
            for one in self.members.ready
        ]

    def begin(self, port: int = 9000, data: bytes = GET) -> MockTransport:
        """A request for the member of this port, as far as it can be picked."""
        for one in self.endpoints:
            one.in_hand += 0 if one.key.address.port == port else 100
        client = self.client(data)
        for one in self.endpoints:
            one.in_hand -= 0 if one.key.address.port == port else 100
        return client

    def answer(self, answer: bytes, port: int = 9000) -> None:
        """What was sent to the member of this port is answered."""
        if any(one.target.get("port") == port for one in self.attempts):
            self.kept[port] = self.connect(port=port)
        self.kept[port].feed(answer)
        self.run()

    def ask(self, answer: bytes, port: int = 9000, times: int = 1, seconds: float = 0.0) -> list[int]:
        """Requests, one after the other, that the member of this port answers after so long."""
        found = []
        for _ in range(times):
            client = self.begin(port)
            if any(one.target.get("port") == port for one in self.attempts):
                self.kept[port] = self.connect(port=port)
            self.loop.advance(seconds)
            self.answer(answer, port)
            found += statuses(client.take())
        return found

    def refused(self) -> bytes:
        """The answer to a request that gets it at once."""
        client = self.client(GET)
        said: bytes = client.take()
        assert statuses(said) == [503] and b"breaker_open" in body_of(said)
        return said

    def opens(self) -> None:
        """Have the breaker of the first member open."""
        self.ask(BAD, times=DEFAULTS.minimum)


def test_a_member_whose_calls_fail_is_left_out() -> None:
    edge = Stage()
    assert edge.ask(BAD, times=3) == [503] * 3 and edge.ready == ["9000", "9001"]
    edge.ask(BAD)
    assert edge.ready == ["9001"]
    [finding] = edge.found
    assert finding.member == ("s", "127.0.0.1:9000", "127.0.0.1:9000") and finding.kind == BREAKER
    assert not finding.is_up and finding.cause == REFUSED and finding.until == pytest.approx(edge.plane.clock() + 1.0)
    assert finding.reason == "4 of 4 calls failed in 10 s; the last one: 503"
    assert edge.of_service(counters.SERVICE_BREAKER_MEMBERS_OPEN) == 1
    assert edge.ask(OK, 9001) == [200]
    edge.end()


@pytest.mark.parametrize("answer", [OK, MISSING, MISSING.replace(b"404", b"429")])
def test_what_is_the_fault_of_clients_never_counts(answer: bytes) -> None:
    edge = Stage(endpoints=1)
    edge.ask(answer, times=10)
    assert edge.ready == ["9000"] and not edge.found
    edge.end()


def test_clients_that_leave_never_count() -> None:
    edge = Stage(endpoints=1)
    for _ in range(10):
        client, _ = edge.pair()
        client.lose()
        edge.run()
    assert edge.ready == ["9000"] and not edge.found
    edge.end()


def test_connections_that_fail_and_answers_that_are_none_count() -> None:
    edge = Stage(endpoints=1, service={"attempts": 1, "ejection": None})
    for error in (ConnectionRefusedError(), TimeoutError()):
        edge.client(GET)
        edge.refuse(error)
    edge.pair()[1].lose(ConnectionResetError())
    edge.run()
    assert not edge.found
    edge.pair()[1].feed(b"nonsense\r\n\r\n")
    edge.run()
    assert [one.reason for one in edge.found] == ["4 of 4 calls failed in 10 s; the last one: bad_answer"]
    edge.end()


def test_statuses_that_are_failures_can_be_chosen() -> None:
    edge = Stage(DEFAULTS._replace(statuses=(500,)), endpoints=1)
    edge.ask(BAD, times=8)
    assert edge.ready == ["9000"]
    edge.ask(BAD.replace(b"503", b"500"), times=8)
    assert edge.ready == ["(9000)"]
    edge.end()


def test_where_all_members_are_open_everybody_is_refused_at_once() -> None:
    edge = Stage()
    edge.opens()
    edge.ask(BAD, 9001, times=4)
    said = edge.refused()
    assert b"\r\nretry-after: 1\r\n" in head_of(said)
    edge.refused()
    assert not edge.attempts
    assert edge.of_service(counters.SERVICE_BREAKER_REFUSED) == 2
    assert edge.of_route(counters.ROUTE_FAULT_UPSTREAM) == 2
    assert edge.of_endpoint(counters.ENDPOINT_FAILURES) == 0  # nobody was asked
    assert edge.of_endpoint(counters.ENDPOINT_CAUSES - 1 + len(labels.CAUSES)) == 0
    edge.end()


def test_trials_close_it_and_no_more_pass_than_these() -> None:
    edge = Stage(endpoints=1)
    edge.opens()
    edge.refused()
    edge.loop.advance(1.01)
    first, second = edge.client(GET), edge.client(GET)
    edge.refused()
    edge.kept[9000].feed(OK)
    edge.refused()
    edge.kept[9000].feed(OK)  # the second one waited for it
    assert statuses(first.take()) == statuses(second.take()) == [200]
    assert edge.ready == ["9000"]
    assert [one.is_up for one in edge.found] == [False, True]
    places = range(counters.SERVICE_BREAKER_TRANSITIONS, counters.SERVICE_BREAKER_TRANSITIONS + 3)
    assert [edge.of_service(place) for place in places] == [1, 1, 1]
    assert edge.of_service(counters.SERVICE_BREAKER_MEMBERS_OPEN) == 0
    edge.end()


def test_a_trial_that_fails_has_it_open_again() -> None:
    edge = Stage(endpoints=1)
    edge.opens()
    edge.loop.advance(1.01)
    edge.client(GET)
    edge.answer(BAD)
    edge.refused()
    edge.loop.advance(1.5)
    edge.refused()
    edge.loop.advance(0.6)
    edge.client(GET)
    edge.answer(OK)
    assert edge.found[-1].reason == "a trial failed: 503"
    edge.end()


def test_beside_others_a_member_gets_its_trials_and_is_back() -> None:
    edge = Stage()
    edge.opens()
    edge.loop.advance(1.3)
    assert edge.ready == ["(9000)"]  # the guard
    assert edge.ask(OK, 9001) == [200]  # no trial
    assert edge.ask(OK) == [200] and edge.ready == ["(9000)"]
    clients = [edge.begin()]
    assert edge.ready == ["9001"]  # both are on their way
    clients += [edge.begin()]
    edge.answer(OK)
    edge.answer(OK, 9001)
    assert [statuses(one.take()) for one in clients] == [[200], [200]]
    assert edge.ready == ["9000", "9001"]
    edge.end()


def test_trials_that_hang_do_not_keep_it_from_coming_back() -> None:
    edge = Stage(endpoints=1)
    edge.opens()
    edge.loop.advance(1.01)
    hang = [edge.client(GET) for _ in range(2)]
    silent = [edge.kept[9000], edge.connect()]
    edge.loop.advance(1.5)
    edge.refused()
    edge.loop.advance(0.6)
    again = [edge.client(GET) for _ in range(2)]
    edge.refused()
    for one in [edge.connect() for _ in edge.attempts]:
        one.feed(OK)
    edge.run()
    assert [statuses(one.take()) for one in again] == [[200], [200]]
    for one in silent:
        one.feed(BAD)  # that late they are failures among others
    edge.run()
    assert [statuses(one.take()) for one in hang] == [[503], [503]]
    assert edge.ready == ["9000"]
    edge.end()


def test_who_waits_for_a_connection_is_told_when_it_opens() -> None:
    edge = Stage(endpoints=1, pool=usual.pool(max_connections=1), service={"ejection": None})
    clients = [edge.client(GET) for _ in range(6)]
    for _ in range(4):
        edge.refuse()
    said = [one.take() for one in clients]
    assert [statuses(one) for one in said] == [[502]] * 4 + [[503]] * 2
    assert b"breaker_open" in said[-1]
    edge.end()


def test_a_request_that_failed_is_not_tried_where_a_breaker_is_open() -> None:
    edge = Stage(service={"ejection": None})
    edge.opens()
    client = edge.begin(9001)
    edge.refuse()
    assert statuses(client.take()) == [502] and not edge.attempts
    edge.end()


@pytest.mark.parametrize("ends", ["answer", "client", "hangs"])
def test_slow_calls_open_it_however_they_end(ends: str) -> None:
    """Each counts once: when it turns slow, and not again at its end."""
    edge = Stage(SLOW, endpoints=1)
    for number in range(3):
        client, service = edge.pair()
        edge.loop.advance(1.1)
        assert not edge.found, number
        if ends == "answer":
            service.feed(OK)
        elif ends == "client":
            client.lose()
        edge.run()
        service.lose()
        edge.run()
    edge.pair()
    edge.loop.advance(1.1)
    [finding] = edge.found
    assert finding.reason.startswith("4 of 4 calls were slow in 10 s; the last one: more than 0.8 s")
    edge.end()


def test_a_call_that_turned_slow_between_two_looks_counts_at_its_end() -> None:
    edge = Stage(SLOW, endpoints=1)
    for _ in range(4):
        edge.loop.advance(0.25 - edge.loop.time() % 0.25)  # hence the next look is at a whole quarter
        client, service = edge.pair()
        edge.loop.advance(0.9)
        service.feed(OK)
        client.lose()
        edge.run()
        service.lose()
        edge.run()
    assert [one.reason for one in edge.found] == ["4 of 4 calls were slow in 10 s; the last one: 0.900 s"]
    edge.end()


def test_calls_that_are_fast_are_not_slow() -> None:
    edge = Stage(SLOW, endpoints=1)
    edge.ask(OK, times=10, seconds=0.5)
    assert not edge.found
    edge.end()


def test_of_a_whole_service_all_calls_are_counted_together() -> None:
    edge = Stage(DEFAULTS._replace(scope="service"))
    for port in (9000, 9001, 9000, 9001):
        edge.ask(BAD, port)
    [finding] = edge.found
    assert finding.member == WHOLE
    assert edge.of_service(counters.SERVICE_BREAKER_OPEN) == 1
    edge.refused()
    edge.loop.advance(1.01)
    first, second = edge.begin(), edge.begin()
    edge.refused()
    for _ in range(2):  # one after the other, over the connection that there is
        edge.kept[9000].feed(OK)
        edge.run()
    assert [statuses(first.take()), statuses(second.take())] == [[200], [200]]
    assert edge.ready == ["9000", "9001"] and edge.found[-1].is_up
    edge.end()


def test_both_scopes_stand_beside_each_other() -> None:
    edge = Stage(DEFAULTS._replace(scope="both", failures=0.6))
    edge.ask(OK, 9001, times=4)
    edge.opens()
    assert edge.ready == ["9001"]  # half of the calls of all: not enough
    edge.ask(BAD, 9001, times=3)
    assert edge.found[-1].member == WHOLE
    edge.refused()
    edge.loop.advance(1.3)
    client = edge.begin()  # a trial of both
    edge.answer(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_what_another_worker_has_found_is_so_here_until_the_same_time() -> None:
    edge = Stage(DEFAULTS._replace(scope="both"), endpoints=2)
    member = ("s", "127.0.0.1:9000", "127.0.0.1:9000")
    until = edge.plane.clock() + 5.0
    edge.plane.hear([Finding(*member, False, until, REFUSED, "4 of 4", BREAKER)])
    assert edge.ready == ["9001"] and not edge.endpoints[0].ejection.is_ejected
    edge.plane.hear([Finding(*WHOLE, False, until, REFUSED, "4 of 4", BREAKER)])
    edge.refused()
    edge.plane.hear([Finding(*WHOLE, True, kind=BREAKER), Finding(*member, True, kind=BREAKER)])
    assert edge.ask(OK) == [200]  # a trial
    assert all(one.reason == "4 of 4" for one in edge.found if not one.is_up)
    edge.end()


def test_a_reload_that_says_the_same_changes_nothing_and_another_begins_anew() -> None:
    edge = Stage(endpoints=1)
    edge.opens()
    edge.give(DEFAULTS)
    edge.refused()
    edge.give(DEFAULTS._replace(minimum=9))
    assert edge.ready == ["9000"] and edge.found[-1].is_up
    assert edge.of_service(counters.SERVICE_BREAKER_MEMBERS_OPEN) == 0
    edge.end()


def test_a_service_that_is_gone_has_no_open_breaker() -> None:
    edge = Stage(endpoints=1)
    edge.opens()
    registry: Any = edge.plane.registry
    whole(registry.retain([]))
    assert edge.found[-1].is_up and edge.of_service(counters.SERVICE_BREAKER_MEMBERS_OPEN) == 0
    edge.end()


def test_a_balancer_that_learns_stands_beside_it_and_hears_nothing_of_what_is_refused() -> None:
    edge = Stage(endpoints=1)
    ewma = PeakEwma(lambda: 0.0, edge.plane.clock)
    edge.members.judge = Judges([ewma, edge.members.breaking])  # type: ignore[list-item]
    edge.opens()
    edge.refused()
    assert [one.key.address.port for one in ewma._costs] == [9000]
    edge.end()


def test_a_body_goes_with_a_trial_too() -> None:
    edge = Stage(endpoints=1)
    edge.opens()
    edge.loop.advance(1.01)
    client = edge.client(POST + b"hello")
    edge.answer(OK)
    assert statuses(client.take()) == [200]
    assert edge.kept[9000].take().endswith(b"hello")
    edge.end()


def test_a_service_whose_names_have_no_address_may_be_found_open() -> None:
    stage = Stage(DEFAULTS._replace(scope="service"))
    stage.members.update((), (), None, stage.plane.now)
    finding = Finding(*WHOLE, False, stage.plane.clock() + 1.0, REFUSED, "elsewhere", BREAKER)
    stage.service.breaking.hear(None, finding)  # type: ignore[union-attr]
    assert stage.members.ready == stage.members.reachable == ()


def test_what_is_told_of_failures_is_no_answer_that_was_good() -> None:
    stage = Stage(DEFAULTS._replace(minimum=3, failures=0.6))
    stage.ask(BAD, times=2)
    stage.ask(OK)
    assert [one.reason for one in stage.found if one.kind == BREAKER] == ["2 of 3 calls failed in 10 s"]
