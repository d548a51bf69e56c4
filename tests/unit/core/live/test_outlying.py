"""Members that fail or are slow where their siblings are not: who is left out, and how it comes back."""

from __future__ import annotations

from typing import Any

from fastgw.core.exchange.hedging import lost
from fastgw.core.live.news import HEALTH, OUTLIER, PANIC, UNPROBED, Finding
from fastgw.core.settings import BreakerSettings, EjectionSettings
from fastgw.errors import DownstreamError, UpstreamError
from fastgw.testing.edge import GET, OK, Edge, statuses

TERMS = EjectionSettings(3, 1.0, 8.0, failures=0.5, slow=5.0, minimum=4, window=10.0, max_share=0.5)


class Stage(Edge):
    """An Edge whose service leaves out outliers."""

    def __init__(self, endpoints: int = 3, panic_below: float = 0.0, terms: EjectionSettings = TERMS) -> None:
        self.found: list[Finding] = []
        super().__init__(endpoints=endpoints)
        self.members = self.service.members
        self.members.report = self.found.append
        registry: Any = self.plane.registry
        registry._members["s"] = self.members
        self.service.settings = self.service.settings._replace(ejection=terms, panic_below=panic_below)
        self.service.judge = self.service.outlying = registry.outlying("s", self.service.settings)
        self.service.install(registry)

    @property
    def ready(self) -> list[str]:
        """Ports of the ready members; who stands for one in parentheses."""
        return [
            str(one.key.address.port) if one in self.endpoints else f"({one.key.address.port})"
            for one in self.members.ready
        ]

    def settle(self, place: int, outcome: Any, times: int = 4, seconds: float = 0.05) -> None:
        """So many calls of this member end like that."""
        for _ in range(times):
            self.members.settle(self.endpoints[place], outcome, seconds, self.plane.now)


def test_who_fails_is_left_out_and_comes_back_by_single_trials() -> None:
    edge = Stage()
    edge.settle(0, 503)
    assert edge.ready == ["9001", "9002"]
    [finding] = edge.found
    assert (finding.is_up, finding.kind, finding.cause) == (False, OUTLIER, "failing")
    assert finding.reason == "4 of 4 calls failed in 10 s; the last one: 503"
    edge.loop.advance(1.5)
    assert edge.ready == ["(9000)", "9001", "9002"]
    for turn in range(3):
        for one in edge.endpoints[1:]:
            one.in_hand += 100
        client = edge.client(GET)
        for one in edge.endpoints[1:]:
            one.in_hand -= 100
        assert edge.ready == ["9001", "9002"]  # nobody else goes there
        if not turn:
            service = edge.connect(port=9000)
        service.feed(OK)
        edge.run()
        assert statuses(client.take()) == [200]
    assert edge.ready == ["9000", "9001", "9002"]
    assert edge.found[-1].is_up
    assert [one.in_hand for one in edge.endpoints] == [0, 0, 0]
    edge.end()


def test_clients_that_leave_and_4xx_never_count() -> None:
    edge = Stage()
    edge.settle(0, 404)
    edge.settle(0, DownstreamError(499, "client_gone", "gone"), times=50)
    assert edge.found == []
    edge.end()


def test_no_more_than_the_share_are_left_out_and_never_all() -> None:
    edge = Stage()
    for place in range(3):
        edge.settle(place, UpstreamError(504, "answer_timeout", "late"))
    assert edge.ready == ["9001", "9002"]
    edge.end()
    alone = Stage(endpoints=1)
    alone.settle(0, 500, times=20)
    assert alone.ready == ["9000"]
    alone.end()


def test_who_is_much_slower_than_its_siblings_is_left_out() -> None:
    edge = Stage(terms=TERMS._replace(base=4.0))
    for place, seconds in enumerate((0.05, 0.06, 0.5)):
        edge.settle(place, 200, seconds=seconds)
    edge.loop.advance(1.5)
    assert edge.ready == ["9000", "9001"]
    assert edge.found[0].cause == "slow"
    edge.end()


def test_a_trial_that_fails_leaves_it_out_for_twice_as_long() -> None:
    edge = Stage()
    edge.settle(0, 500)
    edge.loop.advance(1.5)
    edge.settle(0, 500, times=1)
    assert edge.ready == ["9001", "9002"]
    assert edge.found[-1].until - edge.plane.clock() == 2.0
    edge.end()


def test_what_another_worker_has_found_counts_here_and_its_return_brings_the_trials() -> None:
    edge = Stage()
    member = edge.endpoints[0].member
    edge.members.learn(edge.endpoints[0], Finding(*member, False, edge.plane.clock() + 8, kind=OUTLIER), 0.0)
    assert edge.ready == ["9001", "9002"]
    edge.members.learn(edge.endpoints[0], Finding(*member, True, kind=OUTLIER), 0.0)
    edge.loop.advance(0.5)
    assert edge.ready == ["(9000)", "9001", "9002"]
    edge.end()


def test_who_lets_everybody_wait_until_the_time_is_over_is_slow() -> None:
    edge = Stage(terms=TERMS._replace(base=4.0, failures=0.0))
    edge.settle(0, UpstreamError(504, "answer_timeout", "late"), seconds=3.0)
    edge.settle(1, UpstreamError(502, "reset", "cut"), seconds=3.0)  # fast or slow: who can tell
    edge.settle(2, 200)
    edge.settle(1, 200)
    edge.loop.advance(1.5)
    assert edge.ready == ["9001", "9002"]
    assert edge.found[0].cause == "slow"
    edge.end()


def test_who_loses_to_a_hedge_all_the_time_is_slow() -> None:
    edge = Stage(terms=TERMS._replace(base=4.0))
    edge.settle(0, lost(), seconds=3.0)
    edge.settle(1, 200)
    edge.settle(2, 200)
    edge.loop.advance(1.5)
    assert edge.ready == ["9001", "9002"]
    assert edge.found[0].cause == "slow"
    edge.end()


def test_while_too_few_are_left_all_are_asked_and_that_is_told() -> None:
    edge = Stage(panic_below=0.7)
    edge.settle(0, 500)
    assert edge.ready == ["9000", "9001", "9002"]
    assert edge.found[-1] == Finding(
        "s", "", "", False, cause="panic", reason="2 of 3 are left, less than 70%", kind=PANIC
    )
    edge.loop.advance(1.5)
    edge.settle(0, 200, times=2)  # it is on trial, though nobody but the panic sends anything there
    assert edge.ready == ["9000", "9001", "9002"]
    assert edge.found[-1].kind == PANIC and not edge.found[-1].is_up
    edge.settle(0, 200, times=1)
    assert edge.ready == ["9000", "9001", "9002"]
    assert edge.found[-1] == Finding("s", "", "", True, kind=PANIC)
    edge.end()


def test_whom_no_probe_has_found_unhealthy_yet_is_no_reason_for_a_panic() -> None:
    edge = Stage(panic_below=0.5)
    for one in edge.endpoints:
        edge.members.learn(one, Finding(*one.member, False, cause=UNPROBED, kind=HEALTH), 0.0)
    for place, is_up in enumerate((False, True)):
        one = edge.endpoints[place]
        edge.members.learn(one, Finding(*one.member, is_up, cause="" if is_up else "status", kind=HEALTH), 0.0)
    assert (edge.found, edge.ready) == ([], ["9001"])
    last = edge.endpoints[2]
    edge.members.learn(last, Finding(*last.member, False, cause="status", kind=HEALTH), 0.0)
    assert (edge.found[-1].kind, edge.found[-1].is_up, len(edge.ready)) == (PANIC, False, 3)
    edge.end()


def test_other_workers_panic_for_themselves() -> None:
    edge = Stage(panic_below=0.7)
    edge.members.learn(None, Finding("s", "", "", False, kind=PANIC), 0.0)
    assert edge.found == []
    edge.end()


def test_a_request_that_is_sent_again_is_no_trial() -> None:
    edge = Stage()
    edge.settle(0, 503)
    edge.loop.advance(1.5)
    one, two, three = edge.endpoints
    assert edge.members.untried((two,)) == (three,)
    assert edge.members.untried((two, three)) == (one,)  # nobody else is left
    edge.end()


def test_another_configuration_has_everybody_back() -> None:
    edge = Stage()
    edge.settle(0, 500)
    edge.service.judge = edge.service.outlying = None
    edge.service.install(edge.plane.registry)
    assert edge.ready == ["9000", "9001", "9002"]
    assert edge.found[-1].is_up
    edge.end()


def test_whom_a_breaker_hands_a_request_to_is_on_its_trial_there() -> None:
    edge = Stage()
    said = edge.service.settings._replace(
        breaker=BreakerSettings("member", 0.5, 0.0, 0.0, 4, 10.0, 1.0, 2.0, 2, tuple(range(500, 600)))
    )
    breaking: Any = edge.plane.registry.breaking("s", said, 0)
    edge.service.breaking = breaking
    edge.service.install(edge.plane.registry)
    edge.settle(0, 503)
    for _ in range(4):
        breaking.settle(edge.endpoints[1], 503, 0.05)
    edge.loop.advance(1.5)
    breaking.sweep(edge.plane.now)
    assert len(edge.ready) == 1  # the guard of the breaker, in the place of all
    for one in edge.endpoints[1:]:
        one.in_hand += 100
    clients = [edge.client(GET) for _ in range(3)]
    for one in edge.endpoints[1:]:
        one.in_hand -= 100
    assert sum(one.target.get("port") == 9000 for one in edge.attempts) == 1
    for client in clients:
        client.lose()
    edge.end()


def test_what_is_no_member_is_nobodys() -> None:
    edge = Stage()
    edge.service.outlying.settle(object(), 500, 0.1)
    assert edge.ready == ["9000", "9001", "9002"] and not edge.found
    edge.end()
