"""Which endpoint is asked, which one after it, and when none may be."""

from __future__ import annotations

import errno
import json
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.causes import OTHER, PLACES
from fastgw.core.labels import CAUSES
from fastgw.core.snapshot.snapshot import Service
from fastgw.errors import DownstreamError, GatewayError, InternalError, UpstreamError
from fastgw.policy.balancers import RoundRobin
from fastgw.routing import ByName, Split
from fastgw.routing.pattern import parse_path
from fastgw.testing import usual
from fastgw.testing.edge import GET, HEAD, OK, POST, Edge, Spy, body_of, statuses

PUT = b"PUT / HTTP/1.1\r\nHost: a.test\r\n\r\n"


def reused(edge: Edge, ask: bytes) -> tuple[Any, Any]:
    """A client whose second request, ``ask``, is carried by a connection that has carried another before."""
    client, service = edge.pair()
    service.feed(OK)
    client.take()
    service.take()
    client.feed(ask)
    return client, service


# --- splits


def split(edge: Edge, **options: Any) -> None:
    """Route half of the requests to the endpoint of port 9000, half to that of port 9001."""
    services = [usual.service(str(number), (one,), RoundRobin()) for number, one in enumerate(edge.endpoints)]
    weighted = Split([(services[0], 1), (services[1], 1)])
    edge.install(edge.listen(usual.route("split", 1, split=weighted, chain=edge.route.chain, **options)), *services)


@pytest.mark.parametrize(("chance", "port"), [(0.0, 9000), (0.7, 9001)])
def test_split_by_chance(chance: float, port: int) -> None:
    edge = Edge(endpoints=2)
    split(edge)
    edge.chance = chance
    edge.client(GET)
    assert edge.attempts[0].target["port"] == port
    edge.end()


@pytest.mark.parametrize(
    ("sticky", "field"),
    [("header:x-user", b"X-User: %d"), ("cookie:sid", b"Cookie: a=b; sid=%d; c"), ("cookie:sid", b"Cookie: sid=%d")],
)
def test_split_by_a_sticky_key(sticky: str, field: bytes) -> None:
    edge = Edge(endpoints=2)
    split(edge, sticky=sticky)
    ports: dict[int, int] = {}
    for number in range(20):
        for chance in (0.0, 0.9):
            edge.chance = chance
            edge.client(GET[:-2] + field % number + b"\r\n\r\n")
            port = edge.attempts[-1].target["port"]
            assert ports.setdefault(number, port) == port
    assert set(ports.values()) == {9000, 9001}
    edge.end()


@pytest.mark.parametrize("sticky", ["header:x-user", "cookie:sid"])
def test_split_without_the_sticky_key_is_by_chance(sticky: str) -> None:
    edge = Edge(endpoints=2)
    split(edge, sticky=sticky)
    edge.chance = 0.9
    edge.client(GET[:-2] + b"Cookie: other=1\r\n\r\n")
    assert edge.attempts[0].target["port"] == 9001
    edge.end()


# --- retries


def test_connect_failure_asks_another_endpoint() -> None:
    edge = Edge(endpoints=2)
    client = edge.client(POST + b"hello")
    edge.refuse()
    service = edge.connect(port=9001)
    assert service.take().endswith(b"hello")
    service.feed(OK)
    assert statuses(client.take()) == [200]
    assert edge.count(counters.RETRIES) == 1
    assert edge.of_endpoint(counters.ENDPOINT_FAILURES, 0) == 1
    assert edge.of_endpoint(counters.ENDPOINT_CONNECT_FAILURES, 0) == 1
    assert edge.of_route(counters.ROUTE_FAULT_UPSTREAM) == 0
    edge.end()


def test_attempts_are_bounded() -> None:
    edge = Edge(endpoints=3)
    client = edge.client(GET)
    edge.refuse()
    edge.refuse()
    assert statuses(client.take()) == [502]
    assert edge.count(counters.RETRIES) == 1
    assert not edge.attempts
    edge.end()


def test_every_endpoint_is_tried_once_at_most() -> None:
    edge = Edge(endpoints=2, service={"attempts": 5})
    client = edge.client(GET)
    edge.refuse()
    edge.refuse()
    assert statuses(client.take()) == [502]
    assert edge.count(counters.RETRIES) == 1
    edge.end()


@pytest.mark.parametrize("on", [(), ("reset",)])
def test_connect_failure_is_told_when_retries_are_off(on: tuple[str, ...]) -> None:
    edge = Edge(endpoints=2, service={"on": on})
    client = edge.client(GET)
    edge.refuse()
    assert statuses(client.take()) == [502]
    edge.end()


def test_full_pool_asks_another_endpoint() -> None:
    edge = Edge(endpoints=2, pool=usual.pool(max_pending=0))
    client = edge.client(GET)
    assert statuses(client.take()) == [503]
    assert edge.count(counters.RETRIES) == 1
    assert edge.of_endpoint(counters.ENDPOINT_FAILURES, 1) == 1
    edge.end()


@pytest.mark.parametrize("ask", [GET, HEAD, PUT])
@pytest.mark.parametrize("ending", ["eof", "reset"])
def test_reset_of_a_reused_connection_is_retried(ask: bytes, ending: str) -> None:
    edge = Edge()
    client, service = reused(edge, ask)
    if ending == "eof":
        service.feed_eof()
    else:
        service.lose(ConnectionResetError())
    edge.run()
    again = edge.connect()
    assert again.take().startswith(ask[:4])
    again.feed(OK if ask != HEAD else OK[:-2])
    assert statuses(client.take()) == [200]
    assert edge.count(counters.RETRIES) == 1
    edge.end()


@pytest.mark.parametrize("ask", [POST + b"hello", POST.replace(b": 5", b": 0")])
def test_reset_of_a_reused_connection_is_not_retried_for_a_post(ask: bytes) -> None:
    edge = Edge()
    client, service = reused(edge, ask)
    service.lose(ConnectionResetError())
    edge.run()
    assert statuses(client.take()) == [502]
    assert not edge.attempts
    assert edge.count(counters.RETRIES) == 0
    edge.end()


@pytest.mark.parametrize("ask", [GET, HEAD])
@pytest.mark.parametrize("is_kept", [False, True])
def test_reset_is_asked_of_an_endpoint_that_was_not_tried(ask: bytes, is_kept: bool) -> None:
    edge = Edge(endpoints=2)
    client, service = reused(edge, ask) if is_kept else edge.pair(ask)
    service.lose(ConnectionResetError())
    edge.connect(port=9001).feed(OK if ask != HEAD else OK[:-2])
    assert statuses(client.take()) == [200]
    assert not edge.attempts
    edge.end()


def test_no_exchange_is_lost_with_an_endpoint() -> None:
    edge = Edge(endpoints=2)
    edge.endpoints[1].in_hand += 100  # busier than the one that dies, whose load falls as it does
    pairs = [edge.pair() for _ in range(10)]
    edge.endpoints[1].in_hand -= 100
    for _, service in pairs:
        service.lose(ConnectionResetError())
    edge.run()
    for service in [edge.connect(port=9001) for _ in pairs]:
        service.feed(OK)
    assert [statuses(client.take()) for client, _ in pairs] == [[200]] * 10
    edge.end()


@pytest.mark.parametrize("ask", [PUT, POST.replace(b": 5", b": 0"), PUT[:-2] + b"Content-Length: 1\r\n\r\na"])
def test_reset_of_a_new_connection_is_not_retried_for_what_changes_something(ask: bytes) -> None:
    edge = Edge(endpoints=2)
    client, service = edge.pair(ask)
    service.lose(ConnectionResetError())
    edge.run()
    assert statuses(client.take()) == [502]
    assert edge.count(counters.RETRIES) == 0
    edge.end()


def test_reset_of_a_new_connection_is_not_asked_of_the_same_endpoint() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.lose(ConnectionResetError())
    edge.run()
    assert statuses(client.take()) == [502]
    assert edge.count(counters.RETRIES) == 0
    edge.end()


def test_a_dead_kept_connection_is_no_attempt() -> None:
    edge = Edge(service={"attempts": 1})
    client, service = reused(edge, GET)
    service.lose(ConnectionResetError())
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_dead_kept_connections_are_attempts_from_the_second_on() -> None:
    edge = Edge(service={"attempts": 2})
    busy = [edge.pair()[1] for _ in range(3)]
    client, carrier = reused(edge, GET)
    for one in busy[:2]:
        carrier.lose(ConnectionResetError())
        assert not client.take()
        one.feed(OK)  # becomes free before a new connection is there
        carrier = one
    carrier.lose(ConnectionResetError())
    assert statuses(client.take()) == [502]
    assert edge.count(counters.RETRIES) == 2
    edge.end()


def test_where_every_kept_connection_is_dead_a_new_one_is_asked() -> None:
    edge = Edge(endpoints=2)
    kept = [edge.pair(port=9000), edge.pair(port=9001)]
    for one, service in kept:
        service.feed(OK)
        service.take()
        one.take()
    client = edge.client(GET)
    kept[0][1].lose(ConnectionResetError())
    edge.run()
    kept[1][1].lose(ConnectionResetError())
    edge.connect(port=9001).feed(OK)
    assert statuses(client.take()) == [200]
    assert edge.count(counters.RETRIES) == 2
    edge.end()


def test_reset_is_not_retried_when_that_is_off() -> None:
    edge = Edge(service={"on": ("connect",)})
    client, service = reused(edge, GET)
    service.lose(ConnectionResetError())
    assert statuses(client.take()) == [502]
    edge.end()


@pytest.mark.parametrize("data", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_reset_after_a_byte_of_the_answer_is_never_retried(data: bytes) -> None:
    edge = Edge()
    client, service = reused(edge, GET)
    service.feed(data)
    service.lose(ConnectionResetError())
    assert statuses(client.take())[-1] == 502
    assert edge.count(counters.RETRIES) == 0
    edge.end()


def test_reset_closes_the_other_idle_connections_too() -> None:
    """The service was probably started again: they are dead as well."""
    edge = Edge()
    pairs = [edge.pair() for _ in range(3)]
    for _, service in pairs:
        service.feed(OK)
    client = edge.client(GET)
    carrier = next(service for _, service in pairs if service.take().count(b"GET / ") == 2)
    carrier.lose(ConnectionResetError())
    edge.run()
    assert all(service.is_lost for _, service in pairs)
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


# --- which error is told


def told(client: Any) -> str:
    """The code in the client's answer."""
    code: str = json.loads(body_of(client.take()))["type"].rpartition(":")[2]
    return code


def blamed() -> tuple[list[str], Spy]:
    """The endpoints that ``done`` hooks see, and the filter that writes them down."""
    seen: list[str] = []
    return seen, Spy("log", [], done=lambda exchange: seen.append(f"{exchange.asked} {exchange.error.code}"))


def test_the_error_of_the_first_is_told_when_all_failed() -> None:
    seen, spy = blamed()
    edge = Edge(filters=[spy], endpoints=2)
    client, service = edge.pair()
    service.lose(ConnectionResetError())
    edge.refuse()
    assert told(client) == "upstream_reset"
    assert seen == ["127.0.0.1:9000 upstream_reset"]
    edge.end()


def test_the_first_of_equal_errors_is_told() -> None:
    seen, spy = blamed()
    edge = Edge(filters=[spy], endpoints=3, service={"attempts": 3})
    client = edge.client(GET)
    edge.refuse(TimeoutError())
    edge.refuse()
    edge.refuse()
    assert told(client) == "connect_timeout"
    assert seen == ["127.0.0.1:9000 connect_timeout"]
    edge.end()


def test_a_request_that_may_have_been_acted_on_is_not_told_as_refused() -> None:
    seen, spy = blamed()
    edge = Edge(filters=[spy], endpoints=2)
    client = edge.client(POST + b"hello")
    edge.refuse()
    edge.connect(port=9001).lose(ConnectionResetError())
    edge.run()
    assert told(client) == "upstream_reset"
    assert seen == ["127.0.0.1:9001 upstream_reset"]
    edge.end()


def test_an_answer_that_breaks_off_is_told_of_the_endpoint_that_gave_it() -> None:
    seen, spy = blamed()
    edge = Edge(filters=[spy], endpoints=2)
    client = edge.client(GET)
    edge.refuse()
    service = edge.connect(port=9001)
    service.feed(OK[:-1])
    service.lose(ConnectionResetError())
    edge.run()
    assert client.is_lost
    assert seen == ["127.0.0.1:9001 upstream_reset"]


@pytest.mark.parametrize(
    ("error", "place", "is_told"),
    [
        (UpstreamError(504, "answer_timeout", "slow"), PLACES["answer_timeout"], True),
        (UpstreamError(502, "bad_upgrade", "strange"), OTHER, True),
        (InternalError(503, "no_resources", "no room"), PLACES["no_resources"], True),
        (InternalError(500, "internal", "a bug"), -1, False),
        (DownstreamError(408, "body_timeout", "slow client"), -1, False),
    ],
)
def test_an_endpoint_is_blamed_for_what_is_its_own(error: GatewayError, place: int, is_told: bool) -> None:
    edge = Edge()
    edge.pair()
    [connection] = edge.plane.connections
    assert connection.exchange is not None
    connection.exchange.fail(error)
    counted = [edge.of_endpoint(counters.ENDPOINT_CAUSES + one) for one in range(len(CAUSES))]
    assert counted == [one == place for one in range(len(CAUSES))]
    assert edge.of_endpoint(counters.ENDPOINT_FAILURES) == is_told
    assert [line["cause"] for line in edge.failures()] == ([error.code] if is_told else [])
    edge.end()


def test_a_lack_of_ours_is_tried_elsewhere_where_a_connection_may_be_open() -> None:
    edge = Edge(endpoints=2)
    client = edge.client(GET)
    first = edge.attempts[0].target["port"]
    edge.refuse(OSError(errno.EMFILE, "too many open files"))
    assert edge.attempts[0].target["port"] != first
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    assert edge.of_route(counters.ROUTE_FAULT_INTERNAL) == 0
    edge.end()


# --- by name


def test_the_service_that_the_path_names() -> None:
    edge = Edge(endpoints=2, path="/s/{name}")
    services = {str(at): usual.service(str(at), (one,), RoundRobin()) for at, one in enumerate(edge.endpoints)}
    by_name = ByName(parse_path("/s/{name}"), "name", services)
    route = usual.route("named", 1, by_name=by_name, chain=edge.route.chain)
    edge.install(edge.listen(route), *services.values())
    assert list(route.services) == list(services.values())
    client = edge.client(GET.replace(b"GET /", b"GET /s/1"))
    assert edge.attempts[0].target["port"] == 9001
    edge.connect().feed(OK)
    client.feed(GET.replace(b"GET /", b"GET /s/2") + POST.replace(b"POST /", b"POST /s/2"))
    answers = client.take()
    assert statuses(answers) == [200, 404, 404]
    assert answers.count(b"unknown_service") == 2
    edge.end()


# --- by a key


def test_a_balancer_that_asks_for_the_exchange_gets_it() -> None:
    edge = Edge(endpoints=3)
    asked: list[tuple[int, bytes]] = []

    def pick_for(candidates: Any, exchange: Any) -> Any:
        asked.append((len(candidates), exchange.request.header(b"x-session")))
        return candidates[-1]

    service = edge.service
    keyed = Service("s", service.members, service.roster, service.balancer, service.settings, pick_for=pick_for)
    edge.install(edge.listen(usual.route("keyed", 1, service=keyed, chain=edge.route.chain)), keyed)
    edge.client(GET.replace(b"\r\n\r\n", b"\r\nX-Session: a\r\n\r\n"))
    assert edge.attempts[0].target["port"] == 9002
    edge.refuse()  # and so of those that are left
    assert [one.target["port"] for one in edge.attempts] == [9001]
    assert asked == [(3, b"a"), (2, b"a")]
    assert keyed.without_retries().pick_for is pick_for
    edge.connect().feed(OK)
    edge.end()
