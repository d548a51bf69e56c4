"""The gate of a service: who is admitted, who waits, who is turned away, and that every way out gives back what it had."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from fastgw.core import counters, labels
from fastgw.core.exchange.fallback import SERVICE, StandIn
from fastgw.core.live.board import Board
from fastgw.core.live.holds import settle
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, POST, SWITCHING, WEBSOCKET, Edge, Gate, Spy, body_of, head_of, statuses
from fastgw.testing.mock import MockTransport
from tests.support.bodies import gathering
from tests.unit.core.live.gate_stage import RANKED, Workers, ask, high, workers


@pytest.fixture
def stage() -> Iterator[Workers]:
    with workers() as found:
        yield found


def places(edge: Edge) -> tuple[int, int]:
    """Exchanges inside, and waiting."""
    return edge.of_service(counters.SERVICE_PLACES), edge.of_service(counters.SERVICE_QUEUED)


def shed(edge: Edge) -> dict[str, int]:
    """How many were turned away, by cause."""
    found = {cause: edge.of_service(counters.SERVICE_SHED + place) for place, cause in enumerate(labels.SHED_CAUSES)}
    return {cause: count for cause, count in found.items() if count}


def answer(client: MockTransport) -> tuple[int, str]:
    """Status and code of an error."""
    data = client.take()
    [status] = statuses(data)
    return status, json.loads(body_of(data))["type"].removeprefix("urn:fastgw:error:")


def serve(edge: Edge, service: MockTransport) -> bytes:
    """Let the service answer what it was asked; what that was."""
    asked = service.take()
    service.feed(OK)
    edge.run()
    return asked.split(b" ", 2)[1]


# --- without a queue


def test_no_more_than_the_limit_are_admitted(stage: Workers) -> None:
    edge = stage.worker(limit=2, retry_after=2.5)
    first, service = edge.pair()
    edge.pair()
    over = edge.client(GET)
    data = over.take()
    assert statuses(data) == [503]
    assert b"retry-after: 3\r\n" in head_of(data)
    assert json.loads(body_of(data))["type"] == "urn:fastgw:error:over_limit"
    assert (places(edge), shed(edge)) == ((2, 0), {"over_limit": 1})
    serve(edge, service)
    assert statuses(first.take()) == [200]
    assert places(edge) == (1, 0)
    over.feed(GET)
    edge.run()
    serve(edge, service)
    assert statuses(over.take()) == [200]
    edge.end()


def test_429_is_answered_where_the_file_says_so(stage: Workers) -> None:
    edge = stage.worker(status="429")
    edge.pair()
    assert answer(edge.client(GET)) == (429, "too_many_requests")
    edge.end()


def test_all_workers_count_together(stage: Workers) -> None:
    one, other = stage.worker(), stage.worker()
    _, service = one.pair()
    assert answer(other.client(GET)) == (503, "over_limit")
    serve(one, service)
    assert not other.client(GET).take()
    assert other.attempts


def test_a_worker_that_dies_leaves_its_places(stage: Workers) -> None:
    dead, alive = stage.worker(), stage.worker(queue_size=1)
    dead.pair()
    client = alive.client(GET)
    seat, dead.plane.seat = dead.plane.seat, None
    dead.plane.is_over = True
    seat.board.close()
    assert not alive.attempts
    board = Board(stage.fd)
    assert settle(board) == 1
    board.close()
    stage.loop.advance(0.01)
    alive.connect().feed(OK)
    assert statuses(client.take()) == [200]


# --- the queue


def test_who_waits_goes_on_when_a_place_is_free(stage: Workers) -> None:
    edge = stage.worker(queue_size=5)
    _, service = edge.pair()
    waiting = [edge.client(ask(path=b"/%d" % number)) for number in range(3)]
    assert places(edge) == (1, 3)
    serve(edge, service)
    stage.loop.advance(0.05)
    assert [serve(edge, service) for _ in range(3)] == [b"/0", b"/1", b"/2"]
    assert [statuses(one.take()) for one in waiting] == [[200]] * 3
    assert places(edge) == (0, 0)
    assert sum(edge.of_service(counters.SERVICE_WAITS_US + 1 + one) for one in range(22)) == 3
    assert edge.of_service(counters.SERVICE_WAITS_US) == pytest.approx(100_000, abs=5)
    edge.end()


def test_who_comes_behind_those_that_wait_does_not_pass_them(stage: Workers) -> None:
    one, other = stage.worker(queue_size=5), stage.worker(queue_size=5)
    _, service = one.pair()
    first = other.client(ask(path=b"/first"))
    serve(one, service)  # and the other worker has not looked yet
    other.client(ask(path=b"/second"))
    assert not other.attempts
    stage.loop.advance(0.01)
    assert serve(other, other.connect()) == b"/first"
    assert statuses(first.take()) == [200]


def test_a_full_queue_turns_away(stage: Workers) -> None:
    edge = stage.worker(queue_size=1)
    edge.pair()
    edge.client(GET)
    assert answer(edge.client(GET)) == (503, "queue_full")
    assert places(edge) == (1, 1)
    edge.end()


def test_who_waits_too_long_is_turned_away(stage: Workers) -> None:
    edge = stage.worker(queue_size=5, queue_timeout=0.1)
    _, service = edge.pair()
    client = edge.client(GET)
    stage.loop.advance(0.095)
    assert not client.take()
    stage.loop.advance(0.01)
    assert answer(client) == (503, "queue_timeout")
    assert (places(edge), shed(edge)) == ((1, 0), {"queue_timeout": 1})
    serve(edge, service)
    edge.end()


def test_nobody_is_admitted_behind_its_time(stage: Workers) -> None:
    edge = stage.worker(queue_size=5, queue_timeout=0.003)
    _, service = edge.pair()
    client = edge.client(GET)
    stage.loop.now += 0.0035  # later than that, and no timer has run
    serve(edge, service)
    assert answer(client) == (503, "queue_timeout")
    edge.end()


def test_the_deadline_of_the_whole_exchange_is_kept_in_the_queue(stage: Workers) -> None:
    edge = stage.worker({"route": {"timeout": 1.0}}, queue_size=5, queue_timeout=60.0)
    edge.pair()
    client = edge.client(GET)
    stage.loop.advance(1.5)
    assert answer(client) == (504, "timeout")
    assert places(edge) == (0, 0)
    edge.end()


def test_a_client_that_leaves_makes_room_at_once(stage: Workers) -> None:
    edge = stage.worker(queue_size=1)
    edge.pair()
    edge.client(GET).lose()
    edge.run()
    assert places(edge) == (1, 0)
    waits = edge.client(GET)
    assert not waits.take()
    edge.end()


def test_a_client_that_leaves_with_a_place_lets_the_next_in(stage: Workers) -> None:
    edge = stage.worker(queue_size=1)
    client, _ = edge.pair()
    edge.client(ask(path=b"/next"))
    client.lose()
    edge.run()
    assert serve(edge, edge.connect()) == b"/next"
    edge.end()


# --- bodies, tries, tunnels, copies


def test_a_slow_body_holds_no_place(stage: Workers) -> None:
    edge = stage.worker({"route": {"body_buffer": 100}}, queue_size=5)
    slow = edge.client(POST + b"ab")
    assert places(edge) == (0, 0)
    _, service = edge.pair()
    slow.feed(b"cde")
    edge.run()
    assert places(edge) == (1, 1)
    serve(edge, service)
    assert service.take().endswith(b"\r\n\r\nabcde")
    service.feed(OK)
    edge.run()
    assert statuses(slow.take()) == [200]
    edge.end()


def test_a_body_that_will_find_no_room_is_not_waited_for(stage: Workers) -> None:
    edge = stage.worker({"route": {"body_buffer": 100}}, queue_size=1)
    edge.pair()
    edge.client(GET)
    assert answer(edge.client(POST)) == (503, "queue_full")
    edge.end()


def test_a_body_that_comes_while_its_request_waits_goes_with_it(stage: Workers) -> None:
    edge = stage.worker(queue_size=5)  # the route reads along: it asks for its place without the body
    _, service = edge.pair()
    client = edge.client(POST + b"ab")
    assert places(edge) == (1, 1)
    client.feed(b"cde")
    edge.run()
    serve(edge, service)
    assert service.take().endswith(b"\r\n\r\nabcde")
    service.feed(OK)
    edge.run()
    assert statuses(client.take()) == [200]
    edge.end()


def test_one_place_is_held_through_all_tries(stage: Workers) -> None:
    edge = stage.worker({"endpoints": 2})
    client = edge.client(GET)
    edge.refuse()
    assert places(edge) == (1, 0)
    assert answer(edge.client(GET)) == (503, "over_limit")
    serve(edge, edge.connect())
    assert statuses(client.take()) == [200]
    edge.end()


def test_who_was_turned_away_with_its_body_has_tried_nothing(stage: Workers) -> None:
    edge = stage.worker({"route": {"body_buffer": 100}}, queue_size=5, queue_timeout=0.1)
    _, service = edge.pair()
    client = edge.client(POST + b"abcde")
    slow = edge.client(POST + b"ab")
    slow.feed(b"cde")
    edge.run()
    [waits] = [one.exchange for one in edge.plane.connections if one.exchange.ticket.is_late]
    assert waits.attempts == 0
    serve(edge, service)
    serve(edge, service)
    assert waits.attempts == 1
    serve(edge, service)
    assert statuses(client.take()) == statuses(slow.take()) == [200]
    edge.end()


def test_a_fallback_leaves_the_place_to_another(stage: Workers) -> None:
    edge = stage.worker({"endpoints": 2, "service": {"attempts": 1}}, queue_size=1)
    spare = usual.service("spare", (edge.endpoints[1],), edge.service.balancer, attempts=1)
    edge.service.members.ready = (edge.endpoints[0],)
    edge.service.fall_back(StandIn(SERVICE, spare, ("connect",), ()))
    edge.install(edge.listener, edge.service, spare)
    edge.service.members.ready = (edge.endpoints[0],)
    client = edge.client(GET)
    edge.refuse()
    assert places(edge) == (0, 0)
    serve(edge, edge.connect(port=9001))
    assert statuses(client.take()) == [200]
    edge.end()


def test_a_failure_gives_the_place_back(stage: Workers) -> None:
    edge = stage.worker(queue_size=1)
    client = edge.client(GET)
    edge.client(ask(path=b"/next"))
    edge.refuse()
    assert statuses(client.take()) == [502]
    assert serve(edge, edge.connect()) == b"/next"
    edge.end()


def test_a_tunnel_holds_its_place_until_it_ends(stage: Workers) -> None:
    edge = stage.worker({"route": {"upgrades": ("websocket",)}})
    client, service = edge.pair(WEBSOCKET)
    service.feed(SWITCHING)
    edge.run()
    assert places(edge) == (1, 0)
    client.lose()
    edge.run()
    assert places(edge) == (0, 0)
    edge.end()


@pytest.mark.no_cover
def test_what_fails_at_once_is_no_recursion(stage: Workers) -> None:
    edge = stage.worker({"pool": usual.pool(max_connections=1, max_pending=1)}, queue_size=2000)
    edge.pair()
    waiting = [edge.client(GET) for _ in range(1500)]
    stage.apply(edge, limit=3, queue_size=2000)  # there are places now, and no connection but one to wait for
    edge.run()
    assert {answer(one) for one in waiting[1:]} == {(503, "pool_full")}
    assert places(edge) == (2, 0)
    edge.end()


# --- a worker that is late


@pytest.mark.parametrize(("seconds", "outcome"), [(0.05, []), (0.15, [503])])
def test_a_late_loop_turns_away(stage: Workers, seconds: float, outcome: list[int]) -> None:
    edge = stage.worker(limit=10, shed_lag=0.1)
    edge.plane.lag = seconds
    client = edge.client(GET)
    assert statuses(client.take()) == outcome
    assert shed(edge) == ({"worker_busy": 1} if outcome else {})
    edge.end()


@pytest.mark.parametrize(("seconds", "outcome"), [(0.15, []), (0.25, [503])])
def test_the_first_class_is_spared_for_longer(stage: Workers, seconds: float, outcome: list[int]) -> None:
    edge = stage.worker(limit=10, shed_lag=0.1, **RANKED)
    edge.plane.lag = seconds
    assert statuses(edge.client(GET).take()) == [503]
    assert statuses(edge.client(high()).take()) == outcome
    edge.end()


# --- what operators see


def test_the_log_tells_once_when_it_begins_and_when_it_is_over(stage: Workers) -> None:
    edge = stage.worker()
    edge.pair()
    for _ in range(3):
        edge.client(GET)
    assert edge.events("requests are turned away") == [{"service": "s", "cause": "over_limit", "limit": 1}]
    stage.loop.advance(4)
    assert not edge.events("requests are no longer turned away")
    stage.loop.advance(2)
    assert edge.events("requests are no longer turned away") == [{"service": "s", "count": 3}]
    edge.client(GET)
    assert len(edge.events("requests are turned away")) == 2
    edge.end()


def test_metrics_know_the_limit(stage: Workers) -> None:
    edge = stage.worker(limit=7)
    stage.loop.advance(0.3)
    assert edge.of_service(counters.SERVICE_LIMIT) == 7
    edge.end()


# --- what one of them does to another


def _ends_all(clients: list[MockTransport]) -> Spy:
    """A filter: the end of one exchange is that of all clients."""

    def done(_: object) -> None:
        while clients:
            clients.pop().lose()

    return Spy("ends", [], done=done)


def test_the_end_of_one_whose_time_is_over_may_be_that_of_another(stage: Workers) -> None:
    clients: list[MockTransport] = []
    edge = stage.worker({"filters": [_ends_all(clients)]}, queue_size=5, queue_timeout=0.1)
    _, service = edge.pair()
    first = edge.client(GET)
    clients += [edge.client(GET), edge.client(GET)]
    edge.loop.advance(0.2)
    assert answer(first) == (503, "queue_timeout")
    assert places(edge) == (1, 0)
    serve(edge, service)
    edge.end()


def test_the_end_of_one_that_a_reload_leaves_no_room_may_be_that_of_another(stage: Workers) -> None:
    clients: list[MockTransport] = []
    edge = stage.worker({"filters": [_ends_all(clients)]}, queue_size=5)
    _, service = edge.pair()
    clients += [edge.client(GET), edge.client(GET)]
    last = edge.client(GET)
    stage.apply(edge, queue_size=1)
    assert answer(last) == (503, "queue_full")
    assert places(edge) == (1, 0)
    serve(edge, service)
    edge.end()


def test_a_key_with_more_waiting_finds_no_room_for_an_upload_either(stage: Workers) -> None:
    edge = stage.worker({"route": {"body_buffer": 100}}, discipline="fair", queue_size=2)
    edge.pair(ask(b"X-Key", b"a"))
    edge.client(ask(b"X-Key", b"a"))
    edge.client(ask(b"X-Key", b"a"))
    head = POST.replace(b"\r\n\r\n", b"\r\nX-Key: %b\r\n\r\n")
    assert answer(edge.client(head % b"a")) == (503, "queue_full")  # before its body
    light = edge.client(head % b"b")
    light.feed(b"abcde")
    assert places(edge) == (1, 2)
    assert light.take() == b""
    edge.plane.close()


def test_who_goes_on_without_a_gate_is_told_no_limit(stage: Workers) -> None:
    edge = stage.worker(limit=7)
    edge.plane.registry.sweep(edge.loop.time())
    assert edge.of_service(counters.SERVICE_LIMIT) == 7
    edge.service.gate = edge.service.terms = None
    edge.install(edge.listener)
    edge.plane.registry.sweep(edge.loop.time())
    assert edge.of_service(counters.SERVICE_LIMIT) == 0


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_hook_that_waits_for_a_body_holds_no_place(stage: Workers, is_whole: bool) -> None:
    hook = Gate(stage.loop, b"ABCDE")
    filters = [gathering("transform_request", hook)]
    edge = stage.worker({"filters": filters, "route": {"body_wait": 1.0}}, queue_size=1)
    body = b"abcde"
    client = edge.client(POST + body if is_whole else POST)
    if not is_whole:
        client.feed(body)
    edge.run()
    assert len(hook.waiting) == 1
    assert places(edge) == (0, 0)
    other, service = edge.pair()
    assert places(edge) == (1, 0)
    hook.open()
    assert places(edge) == (1, 1)
    serve(edge, service)
    assert service.take().endswith(b"ABCDE")
    service.feed(OK)
    assert statuses(other.take()) == statuses(client.take()) == [200]
    edge.end()
