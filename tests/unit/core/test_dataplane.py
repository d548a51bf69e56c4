"""The worker's whole: admission, snapshots, time, draining, ending, and what is counted."""

from __future__ import annotations

import mmap
from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.core import counters, dataplane
from fastgw.core.dataplane import EXPIRED_AT_ONCE, SWEEP_SECONDS, DataPlane
from fastgw.core.exchange.reply import Reply
from fastgw.core.protocols import client_factory, make_pool
from fastgw.core.slab import Counters
from fastgw.core.snapshot.chain import Chain
from fastgw.core.snapshot.snapshot import Snapshot
from fastgw.errors import GatewayError
from fastgw.steps import whole
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, POST, Edge, Spy, new_loop, statuses


def local(**options: Any) -> Edge:
    """An edge that answers everything by itself."""
    return Edge(filters=[Spy("a", [], request=lambda exchange: Reply(200, b"{}"))], **options)


# --- admission


def test_connections_are_bounded() -> None:
    edge = local(limits=usual.limits(connections=2))
    first, second, third = edge.client(), edge.client(), edge.client()
    assert third.is_aborted
    assert not second.is_closing()
    edge.run()
    assert edge.count(counters.CONNECTIONS) == 3
    assert edge.count(counters.CONNECTIONS_OPEN) == 2
    assert edge.count(counters.CONNECTIONS_REFUSED) == 1
    assert edge.events("a connection was refused") == [
        {"client": "127.0.0.1", "listener": "edge", "limit": "connections"}
    ]
    first.lose()
    assert statuses(edge.client(GET).take()) == [200]
    edge.end()


def test_refused_connection_is_not_listened_to() -> None:
    edge = local(limits=usual.limits(connections=0))
    client = edge.client()
    protocol: Any = client.protocol
    protocol.data_received(GET)
    edge.run()
    assert edge.begun == 0
    edge.end()


def peer(address: str) -> dict[str, Any]:
    return {"peername": (address, 1)}


def test_connections_of_one_address_are_bounded() -> None:
    edge = local(limits=usual.limits(connections_per_address=2))
    first = edge.client(extra=peer("1.1.1.1"))
    edge.client(extra=peer("1.1.1.1"))
    assert edge.client(extra=peer("1.1.1.1")).is_aborted
    assert edge.count(counters.ADDRESS_REFUSED) == 1
    [line] = edge.events("a connection was refused")
    assert (line["client"], line["limit"]) == ("1.1.1.1", "connections_per_address")
    assert not edge.client(extra=peer("2.2.2.2")).is_closing()
    first.lose()
    assert not edge.client(extra=peer("1.1.1.1")).is_closing()
    assert edge.client(extra=peer("1.1.1.1")).is_aborted
    edge.end()


def test_connections_from_before_a_limit_count() -> None:
    edge = local()
    before = [edge.client() for _ in range(2)]
    edge.install(edge.listen(limits=usual.limits(connections_per_address=2)))
    assert edge.client().is_aborted
    before[0].lose()
    assert not edge.client().is_closing()
    assert edge.client().is_aborted
    edge.end()


# --- counting


def test_answers_are_counted_by_class_and_duration() -> None:
    edge = Edge()
    for status, wait in ((200, 0.0), (204, 0.02), (304, 0.2), (404, 2.0), (503, 20.0)):
        client = edge.client(GET)
        service = edge.connect()
        edge.loop.advance(wait)
        service.feed(b"HTTP/1.1 %d \r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)
        client.lose()
        edge.run()
    assert [edge.of_route(counters.ROUTE_STATUS + number) for number in range(5)] == [0, 2, 1, 1, 1]
    buckets = [edge.of_route(counters.ROUTE_BUCKETS + number) for number in range(counters.HISTOGRAM_SIZE - 1)]
    assert sum(buckets) == 5
    assert all(buckets[counters.bucket_of(micros)] == 1 for micros in (0, 20_000, 200_000, 2_000_000, 20_000_000))
    assert edge.of_route(counters.ROUTE_DURATION_US) == pytest.approx(22.22e6, rel=1e-6)
    assert edge.of_route(counters.ROUTE_STARTED) == edge.of_route(counters.ROUTE_FINISHED) == 5
    edge.end()


def test_status_that_is_no_class_is_not_counted() -> None:
    edge = Edge()
    _, service = edge.pair()
    service.feed(b"HTTP/1.1 799 Odd\r\nContent-Length: 0\r\n\r\n")
    assert [edge.of_route(counters.ROUTE_STATUS + number) for number in range(5)] == [0] * 5
    assert edge.of_route(counters.ROUTE_FINISHED) == 1
    edge.end()


def test_nobody_has_to_listen_to_the_log() -> None:
    loop = new_loop()
    plane = DataPlane(loop, Counters(memoryview(mmap.mmap(-1, counters.SLAB_BYTES))), lambda: 0.0, make_pool=make_pool)
    edge = Edge()
    edge.fallback = usual.route(
        "fallback", 0, chain=Chain([SimpleNamespace(name="bad", request=lambda exchange: 1 / 0)])
    )
    listener = edge.listen()
    plane.install(Snapshot(1, {"edge": listener}))
    client = loop.accept(client_factory(plane, "edge"))
    client.feed(b"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n" + b"\0")
    assert statuses(client.take()) == [500, 400]
    plane.close()
    edge.end()


def test_no_more_exchanges_are_kept_than_may_be_of_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataplane, "FREE_EXCHANGES_MAX", 1)
    edge = Edge()
    pairs = [edge.pair() for _ in range(3)]
    for _, service in pairs:
        service.feed(OK)
    first, second = edge.plane.take(), edge.plane.take()
    edge.plane.give_back(second)
    edge.plane.give_back(first)
    assert edge.plane.take() is second
    edge.end()


# --- no task, no timer


def test_plain_requests_make_no_task_and_no_timer() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(OK)
    made = edge.loop.tasks_made, edge.loop.timers_made
    for _ in range(50):
        client.feed(POST)
        client.feed(b"hello")
        service.feed(OK[:10])
        service.feed(OK[10:])
    assert (edge.loop.tasks_made, edge.loop.timers_made) == made
    assert len(statuses(client.take())) == 51
    edge.end()


def test_no_timer_outlives_its_connection() -> None:
    edge = Edge()
    for _ in range(5):
        client, service = edge.pair()
        service.feed(OK[:-1])
        client.lose()
        edge.client(GET).lose()
    edge.run()
    for attempt in edge.attempts:
        attempt.fail(OSError())
    edge.run()
    assert len(edge.loop.timers) == 1  # the sweep
    edge.plane.close()
    assert not edge.loop.timers
    edge.end()


# --- time


def test_lateness_of_the_loop_is_measured() -> None:
    edge = Edge()
    edge.loop.advance(SWEEP_SECONDS)
    assert edge.count(counters.LOOP_LAG_US) == 0
    edge.loop.now += 0.5  # something kept the loop busy
    edge.loop.advance(0.0)
    assert edge.count(counters.LOOP_LAG_US) == pytest.approx(250_000, abs=10)
    edge.end()


def test_each_sweep_is_a_sign_of_life() -> None:
    edge = Edge()
    for _ in range(3):
        assert edge.count(counters.HEARTBEAT_MS) == int(edge.loop.now * 1e3)
        edge.loop.advance(SWEEP_SECONDS)
    edge.loop.now += 10  # stuck
    assert edge.count(counters.HEARTBEAT_MS) == int((edge.loop.now - 10) * 1e3)
    edge.end()


def test_thousands_that_expire_together_are_spread_over_turns_of_the_loop() -> None:
    edge = Edge()
    clients = [edge.client(b"GET / HTTP/1.1\r\n") for _ in range(3 * EXPIRED_AT_ONCE)]
    turns: list[int] = []
    call_soon = edge.loop.call_soon

    def watched(callback: Any, *arguments: Any) -> Any:
        turns.append(sum(one.is_eof_written for one in clients))
        return call_soon(callback, *arguments)

    edge.loop.call_soon = watched  # type: ignore[method-assign]
    edge.loop.advance(11)
    edge.loop.call_soon = call_soon  # type: ignore[method-assign]
    assert [statuses(one.take()) for one in clients] == [[408]] * len(clients)
    assert EXPIRED_AT_ONCE in turns
    edge.end()


def test_descriptors_bound_the_connections_whatever_the_configuration_says() -> None:
    edge = local()
    edge.plane.connections_max = 1
    first, second = edge.client(), edge.client()
    assert not first.is_closing()
    assert second.is_closing()
    assert [line["limit"] for line in edge.events("a connection was refused")] == ["descriptors"]
    edge.end()


def test_sweep_goes_on_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    edge = local(timeouts=usual.timeouts(head=1))
    edge.client()
    real_abort = edge.loop.time
    edge.loop.time = lambda: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        edge.loop.advance(0.25)
    edge.loop.time = real_abort  # type: ignore[method-assign]
    edge.loop.advance(2)
    assert not edge.plane.connections
    edge.end()


# --- snapshots


def test_installing_sets_the_generation() -> None:
    edge = Edge()
    edge.install(edge.listener, generation=7)
    assert edge.count(counters.GENERATION) == 7
    assert edge.plane.snapshot.generation == 7
    edge.end()


def test_exchange_ends_as_it_began() -> None:
    journal: list[str] = []
    edge = Edge(filters=[Spy("old", journal)])
    client, service = edge.pair()
    new = usual.route("all", 1, service=edge.service, chain=Chain([edge.filters[0], Spy("new", journal)]))
    edge.install(edge.listen(new), generation=2)
    service.feed(OK)
    client.feed(GET)
    service.feed(OK)
    assert journal == ["old.request", "old.response", "old.done", "new.request", "new.response", "new.done"]
    assert statuses(client.take()) == [200, 200]
    edge.end()


class Owner:
    """A filter that owns something."""

    def __init__(self, name: str, journal: list[str], error: OSError | None = None) -> None:
        self.name = name
        self._journal = journal
        self._error = error

    def start(self, loop: object) -> None:
        """Take it, or fail."""
        self._journal.append(f"start {self.name}")
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Let go of it."""
        self._journal.append(f"stop {self.name}")


def test_filters_are_started_before_and_stopped_after_their_snapshot() -> None:
    journal: list[str] = []
    edge = Edge()
    plain = SimpleNamespace(name="plain")
    old, new = (
        Snapshot(n, {"edge": edge.listener}, (edge.service,), filters=(plain, Owner(str(n), journal))) for n in (2, 3)
    )
    edge.plane.prepare(old)
    edge.plane.install(old)
    edge.plane.prepare(new)
    assert journal == ["start 2", "start 3"]
    edge.plane.install(new)
    assert journal[2:] == ["stop 2"]
    edge.end()
    assert journal[3:] == ["stop 3"]


def test_snapshot_whose_filters_cannot_start_leaves_nothing_started() -> None:
    journal: list[str] = []
    edge = Edge()
    filters = (Owner("a", journal), Owner("b", journal, OSError("no")), Owner("c", journal))
    with pytest.raises(OSError, match=r"^filters\.b: no$"):
        edge.plane.prepare(Snapshot(2, {"edge": edge.listener}, (edge.service,), filters=filters))
    assert journal == ["start a", "start b", "stop a"]
    edge.end()


def test_discarded_snapshot_leaves_nothing() -> None:
    journal: list[str] = []
    edge = Edge()
    unused = edge.endpoint(9999, 9)
    snapshot = Snapshot(2, {"edge": edge.listener}, (edge.service,), filters=(Owner("a", journal),))
    edge.plane.prepare(snapshot)
    whole(edge.plane.discard(snapshot))
    assert journal == ["start a", "stop a"]
    assert unused.pool.is_retired
    assert not edge.endpoints[0].pool.is_retired
    edge.end()


# --- the end


def test_drain_closes_the_idle_and_waits_for_the_others() -> None:
    edge = Edge()
    ended: list[bool] = []
    edge.plane.on_idle = lambda: ended.append(True)
    idle = edge.client()
    begun = edge.client(GET[:10])
    busy, service = edge.pair()
    edge.plane.drain()
    edge.run()
    assert idle.is_lost
    assert not busy.is_closing()
    service.feed(OK)
    edge.run()
    assert busy.is_lost
    assert not ended
    begun.feed(GET[10:])
    service.feed(OK)
    edge.run()
    assert statuses(begun.take()) == [200]
    assert begun.is_lost
    assert ended == [True]
    edge.end()


def test_drain_of_nothing_is_over_at_once() -> None:
    edge = Edge()
    ended: list[bool] = []
    edge.plane.on_idle = lambda: ended.append(True)
    edge.plane.drain()
    assert ended == [True]
    edge.plane.on_idle = None
    edge.plane.drain()
    edge.end()


def test_who_is_cut_off_by_our_end_has_not_left() -> None:
    ends: list[GatewayError | None] = []
    edge = Edge(filters=[Spy("end", [], done=lambda exchange: ends.append(exchange.error))])
    begun, service = edge.pair()
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    begun.take()
    waiting = edge.client(GET)
    idle = edge.client()
    edge.plane.drain()
    edge.plane.cut_off()
    edge.run()
    answer = waiting.take()
    assert statuses(answer) == [503] and b"urn:fastgw:error:drained" in answer
    assert begun.take() == b""  # a visible cut
    assert all(one.is_lost for one in (waiting, begun, idle, service))
    assert [(one.code, one.fault) for one in ends if one is not None] == [("drained", "internal")] * 2
    assert (edge.of_route(counters.ROUTE_ABORTED), edge.of_route(counters.ROUTE_FAULT_INTERNAL)) == (0, 2)
    assert edge.of_endpoint(counters.ENDPOINT_FAILURES) == 0
    edge.end()


def test_a_tunnel_that_is_cut_off_is_told_apart_from_one_that_ended() -> None:
    ends: list[GatewayError | None] = []
    edge = Edge(filters=[Spy("end", [], done=lambda exchange: ends.append(exchange.error))])
    edge.route.upgrades = frozenset({b"echo"})
    client, service = edge.pair(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
    service.feed(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
    edge.plane.cut_off()
    edge.run()
    assert client.is_lost and service.is_lost
    assert [one.code for one in ends if one is not None] == ["drained"]
    edge.end()


def test_a_refused_filter_hook_that_fails_stops_nobody() -> None:
    refused: list[str] = []
    edge = local()
    bad = SimpleNamespace(name="bad", refused=lambda connection, error: 1 / 0)
    good = SimpleNamespace(name="good", refused=lambda connection, error: refused.append(error.code))
    edge.listener.fallbacks.first.chain = Chain([bad, good])
    client = edge.client(b"GET / HTTP/1.1\r\n\r\n")
    assert statuses(client.take()) == [400]
    assert refused == ["malformed"]
    [line] = edge.events("a filter failed")
    assert (line["filter"], line["hook"], type(line["error"])) == ("bad", "refused", ZeroDivisionError)
    edge.end()


def test_close_cuts_everything_and_may_be_repeated() -> None:
    edge = Edge()
    waiting = edge.client(GET)
    client, service = edge.pair()
    edge.plane.close()
    edge.plane.close()
    edge.run()
    assert client.is_lost
    assert waiting.is_lost
    assert service.is_lost
    edge.end()


def test_what_waits_to_be_told_is_told_before_the_worker_ends() -> None:
    edge = Edge()
    client = edge.client(GET)
    edge.connect().lose(ConnectionResetError())
    edge.run()
    client.take()
    assert not edge.events("an endpoint fails")
    edge.plane.close()
    assert edge.events("an endpoint fails")
    edge.run()
