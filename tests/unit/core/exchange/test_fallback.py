"""What answers in the place of a service that cannot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from fastgw.adapters.replies import stand_in
from fastgw.core import counters
from fastgw.core.exchange.fallback import REPLY, SERVICE, StandIn, mark
from fastgw.core.labels import FALLBACK_CAUSES
from fastgw.core.settings import ReplySettings
from fastgw.errors import DownstreamError, InternalError
from fastgw.policy.fallback import CAUSES
from fastgw.testing import usual
from fastgw.testing.edge import GET, Edge, body_of, head_of, statuses
from tests.support.bodies import reading

_REPLY = ReplySettings(200, b"sorry", "text/plain", (("x-a", "1"),))
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"
_POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"


class _Told:
    """A filter that keeps what the access log would tell of each exchange."""

    name = "told"

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def done(self, exchange: Any) -> None:
        self.lines.append((exchange.service.name if exchange.service is not None else "", dict(exchange.notes or {})))


class _Edge(Edge):
    """A service at 9000, which another one at 9500, or a reply, stands in for."""

    def __init__(
        self,
        *steps: str,
        on: tuple[str, ...] = CAUSES,
        statuses: tuple[int, ...] = (),
        more: Sequence[Any] = (),
        service: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.told = _Told()
        super().__init__(service={"attempts": 1, **(service or {})}, filters=[self.told, *more], **options)
        self.endpoints.append(self.endpoint(9500, len(self.endpoints)))
        spare = usual.service("spare", (self.endpoints[-1],), self.service.balancer, attempts=1)
        found: StandIn | None = None
        for kind in reversed(steps):
            service = spare.standing_in(mark, found) if kind == SERVICE else stand_in(_REPLY)
            found = StandIn(kind, service, on, statuses, found)
        self.service.fall_back(found)
        self.install(self.listener, self.service, spare)

    @property
    def by_cause(self) -> dict[str, int]:
        found = {one: self.of_service(counters.SERVICE_FALLBACKS + place) for place, one in enumerate(FALLBACK_CAUSES)}
        return {cause: count for cause, count in found.items() if count}


def test_another_service_answers_and_says_so() -> None:
    edge = _Edge(SERVICE)
    client = edge.client(GET)
    edge.refuse()
    spare = edge.connect(port=9500)
    assert spare.take().startswith(b"GET / HTTP/1.1\r\n")
    spare.feed(_OK)
    answer = client.take()
    assert (statuses(answer), body_of(answer)) == ([200], b"ok")
    assert b"x-fastgw-fallback: service\r\n" in head_of(answer)
    assert edge.told.lines == [("spare", {"fallback": "service", "fallback_from": "s: connect_refused"})]
    assert edge.by_cause == {"connect": 1}
    edge.end()


class _Full:
    """A gate that turns everybody away."""

    def enter(self, exchange: Any, is_late: bool) -> bool:
        exchange.fail(InternalError(503, "queue_full", "too many"))
        return False


@pytest.mark.parametrize("body", [b"body", b"bo"], ids=["whole", "begun"])
def test_a_body_that_a_gate_has_turned_away_meets_the_hooks_first(body: bytes) -> None:
    watching = reading("read_request")
    edge = _Edge(SERVICE, more=[watching])
    gate: Any = _Full()
    edge.service.gate = gate
    client = edge.client(_POST[:-4] + body)
    client.feed(b"body"[len(body) :])
    spare = edge.connect(port=9500)
    assert spare.take().endswith(b"\r\n\r\nbody")
    assert [tape.data for tape in watching.seen] == [b"body"]
    spare.feed(_OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_a_written_answer_says_so_too_and_the_connection_is_kept() -> None:
    edge = _Edge(REPLY)
    client = edge.client(GET)
    edge.refuse()
    answer = client.take()
    assert (statuses(answer), body_of(answer)) == ([200], b"sorry")
    assert b"x-a: 1\r\n" in head_of(answer) and b"x-fastgw-fallback: reply\r\n" in head_of(answer)
    client.feed(GET)
    edge.refuse()
    assert statuses(client.take()) == [200]
    assert edge.by_cause == {"connect": 2}
    edge.end()


def test_the_steps_behind_one_that_fails_too_are_gone_through() -> None:
    edge = _Edge(SERVICE, REPLY)
    client = edge.client(GET)
    edge.refuse()
    edge.refuse()
    assert b"x-fastgw-fallback: reply\r\n" in head_of(client.take())
    assert edge.told.lines == [("reply", {"fallback": "reply", "fallback_from": "spare: connect_refused"})]
    edge.end()


def test_without_a_further_step_the_error_is_told() -> None:
    edge = _Edge(SERVICE)
    client = edge.client(GET)
    edge.refuse()
    edge.refuse()
    assert statuses(client.take()) == [502]
    edge.end()


def test_a_status_of_the_service_is_not_passed_on() -> None:
    edge = _Edge(SERVICE, on=(), statuses=(503,))
    client, service = edge.pair()
    service.feed(_BUSY)
    edge.connect(port=9500).feed(_OK)
    answer = client.take()
    assert (statuses(answer), body_of(answer)) == ([200], b"ok")
    assert edge.told.lines == [("spare", {"fallback": "service", "fallback_from": "s: 503"})]
    assert edge.by_cause == {"status": 1}
    assert edge.answers()[4] == 1  # it is the service's answer nevertheless
    edge.end()


def test_another_status_is_passed_on_and_so_is_what_stands_in_for_it() -> None:
    edge = _Edge(SERVICE, on=(), statuses=(503,))
    client, service = edge.pair()
    service.feed(_OK.replace(b"200 OK", b"500 No"))
    assert (statuses(answer := client.take()), b"fallback" in answer) == ([500], False)
    client.feed(GET)
    service.feed(_BUSY)
    edge.connect(port=9500).feed(_BUSY)
    assert statuses(answer := client.take()) == [503]
    assert b"x-fastgw-fallback: service\r\n" in head_of(answer)
    edge.end()


def test_the_status_that_an_error_would_have_counts_too() -> None:
    edge = _Edge(REPLY, on=(), statuses=(502,))
    client = edge.client(GET)
    edge.refuse()
    assert statuses(client.take()) == [200]
    edge.end()


def test_another_cause_is_told() -> None:
    edge = _Edge(REPLY, on=("timeout",))
    client = edge.client(GET)
    edge.refuse()
    assert statuses(client.take()) == [502]
    edge.end()


def test_what_has_begun_is_cut() -> None:
    edge = _Edge(REPLY)
    client, service = edge.pair()
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    service.lose()
    edge.run()
    answer = client.take()
    assert (statuses(answer), body_of(answer), client.is_closing()) == ([200], b"half", True)
    assert edge.by_cause == {}
    edge.end()


def test_a_body_that_has_not_left_goes_to_the_other_service() -> None:
    edge = _Edge(SERVICE)
    edge.client(_POST)
    edge.refuse()
    spare = edge.connect(port=9500)
    assert body_of(spare.take()) == b"body"
    spare.feed(_OK)
    edge.end()


@pytest.mark.parametrize("request_", [_POST, b"POST / HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_what_may_have_been_acted_on_is_not_sent_again_but_answered(request_: bytes) -> None:
    edge = _Edge(SERVICE, REPLY)
    client, service = edge.pair(request_)
    service.lose()
    edge.run()
    answer = client.take()
    assert b"x-fastgw-fallback: reply\r\n" in head_of(answer)
    assert edge.by_cause == {"reset": 1}
    edge.end()


@pytest.mark.parametrize("fails", ["cut", "busy", "minded"])
@pytest.mark.parametrize("request_", [_POST, b"POST / HTTP/1.1\r\nHost: a\r\n\r\n"], ids=["body", "none"])
def test_a_body_that_is_held_for_a_retry_serves_another_service_too(request_: bytes, fails: str) -> None:
    retry = {"on": ("connect", "reset", "502" if fails == "minded" else "503"), "methods": ("POST",), "max_body": 100}
    edge = _Edge(SERVICE, statuses=(503,), service={**retry, "attempts": 1 + (fails == "minded")})
    client, service = edge.pair(request_)
    service.take()
    if fails == "cut":
        service.lose()
        edge.run()
    else:
        service.feed(_BUSY)
    spare = edge.connect(port=9500)
    assert spare.take().endswith(request_.partition(b"\r\n\r\n")[2])
    spare.feed(_OK)
    assert statuses(client.take()) == [200]
    assert edge.plane.body_bytes == 0
    edge.end()


def test_a_body_that_is_larger_than_what_is_held_is_not_sent_to_another_service() -> None:
    retry = {"on": ("connect", "reset"), "methods": ("POST",), "max_body": 3}
    edge = _Edge(SERVICE, REPLY, service=retry)
    client, service = edge.pair(_POST)
    service.lose()
    edge.run()
    assert b"x-fastgw-fallback: reply\r\n" in head_of(client.take())
    edge.end()


def test_a_written_answer_does_not_wait_for_the_rest_of_a_body() -> None:
    edge = _Edge(REPLY)
    client = edge.client(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
    edge.refuse()
    answer = client.take()
    assert statuses(answer) == [200]
    assert b"connection: close\r\n" in head_of(answer)
    edge.end()


def test_when_time_is_over_no_service_is_asked() -> None:
    edge = _Edge(SERVICE, REPLY, route={"timeout": 2.0})
    client, _ = edge.pair()
    edge.loop.advance(2.5)
    assert b"x-fastgw-fallback: reply\r\n" in head_of(client.take())
    assert edge.by_cause == {"timeout": 1}
    edge.end()


def test_the_client_s_own_fault_is_told() -> None:
    edge = _Edge(REPLY, statuses=(413,), route={"max_body": 3})
    client = edge.client(_POST)
    assert statuses(client.take()) == [413]
    edge.end()


def test_a_body_that_a_hook_refuses_goes_to_nobody_in_the_place_of_the_one_that_is_full() -> None:
    class Refusing:
        name = "refusing"

        def read_request(self, exchange: Any) -> None:
            raise DownstreamError(403, "not_this", "not this body")

    edge = _Edge(SERVICE, more=[Refusing()])
    gate: Any = _Full()
    edge.service.gate = gate
    client = edge.client(_POST)
    assert statuses(client.take()) == [403] and not edge.attempts
    edge.end()


@pytest.mark.parametrize("is_ready", [True, False])
def test_a_step_that_has_nothing_for_a_request_is_passed_over(is_ready: bool) -> None:
    edge = _Edge(SERVICE)
    asked: list[Any] = []

    def ready(exchange: Any) -> bool:
        asked.append(exchange)
        return is_ready

    edge.service.fall_back(StandIn(REPLY, stand_in(_REPLY), CAUSES, (), edge.service.fallback, ready))
    edge.install(edge.listener, edge.service, generation=2)
    client = edge.client(GET)
    edge.refuse()
    assert len(asked) == 1
    if not is_ready:
        edge.connect(port=9500).feed(_OK)
    assert body_of(client.take()) == (b"sorry" if is_ready else b"ok")
    edge.end()


def test_a_client_that_was_held_for_a_slow_service_is_told_by_the_reply_in_its_place() -> None:
    """The service answers in front of the end of what it does not take."""
    edge = _Edge(REPLY, statuses=(503,))
    client = edge.client(_POST.replace(b": 4", b": 1000000"))
    service = edge.connect()
    service.capacity = 0
    client.feed(b"x" * 200_000)
    assert not client.is_reading()
    service.feed(_BUSY)
    answer = client.take()
    assert (statuses(answer), body_of(answer)) == ([200], b"sorry")
    assert client.is_reading()  # so that its end is seen
    edge.run()
    edge.end()
