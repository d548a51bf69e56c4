"""Who may be picked: what a reload says, less whom nobody can connect to."""

from __future__ import annotations

import errno

import pytest

from fastgw.core import counters
from fastgw.core.live.endpoint import EndpointKey
from fastgw.core.live.news import HEALTH, Finding
from fastgw.core.live.troubles import QUIET_SECONDS
from fastgw.core.settings import Address
from fastgw.policy.balancers import LeastRequest, RoundRobin
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, Edge, statuses
from fastgw.testing.mock import MockTransport

AFTER, BASE = 3, 1.0  # the defaults
CAUSE = "connect_refused"
FIRST = ("s", "127.0.0.1:9000", "127.0.0.1:9000")


class Stage(Edge):
    """An Edge that keeps what it finds of its members."""

    def __init__(self, endpoints: int = 2, **options: object) -> None:
        self.found: list[Finding] = []
        super().__init__(endpoints=endpoints, **options)  # type: ignore[arg-type]
        self.plane.on_finding = self.found.append

    @property
    def ready(self) -> list[int]:
        """Ports of the ready members."""
        return [one.key.address.port for one in self.service.members.ready]

    def fail(self, port: int, error: BaseException | None = None) -> None:
        """Let the oldest attempt there fail."""
        attempt = next(one for one in self.attempts if one.target.get("port") == port)
        attempt.fail(error or ConnectionRefusedError("refused"))
        self.run()

    def eject(self) -> list[MockTransport]:
        """Have the first member ejected by three requests, which the second one answers."""
        clients: list[MockTransport] = []
        service: MockTransport | None = None
        for _ in range(AFTER):
            self.endpoints[1].in_hand += 100
            client = self.client(GET)
            self.endpoints[1].in_hand -= 100
            self.fail(9000)
            service = service or self.connect(port=9001)
            service.feed(OK)
            clients.append(client)
        return clients


def test_a_member_that_cannot_be_connected_to_is_left_out() -> None:
    edge = Stage()
    edge.eject()
    assert edge.ready == [9001]
    [finding] = edge.found
    assert finding[:4] == (*FIRST, False)
    assert (finding.until, finding.cause) == (edge.plane.now + BASE, CAUSE)
    assert "refused" in finding.reason
    edge.end()


def test_what_is_at_rest_there_is_closed() -> None:
    edge = Stage()
    _, idle = edge.pair()
    idle.feed(OK)
    assert edge.endpoints[0].pool.idle
    edge.plane.hear([Finding(*FIRST, False, edge.plane.now + 1, CAUSE, "refused")])
    edge.run()
    assert idle.is_aborted and edge.ready == [9001]
    edge.end()


def test_who_waits_there_asks_elsewhere_at_once() -> None:
    """Also who has no connection on its way, because there are as many as there may be."""
    edge = Stage(pool=usual.pool(max_connections=1))
    edge.endpoints[1].in_hand += 100
    clients = [edge.client(GET) for _ in range(AFTER + 2)]
    edge.endpoints[1].in_hand -= 100
    for _ in range(AFTER):
        edge.fail(9000)
    assert not edge.endpoints[0].pool.waiters
    service = edge.connect(port=9001)
    for _ in clients:
        service.feed(OK)
    assert [statuses(one.take()) for one in clients] == [[200]] * len(clients)
    edge.end()


def test_one_trial_and_it_is_back() -> None:
    edge = Stage()
    edge.eject()
    edge.loop.advance(BASE - 0.3)
    assert not edge.attempts
    edge.loop.advance(0.6)
    [attempt] = edge.attempts
    edge.loop.advance(0.5)
    assert edge.attempts == [attempt]  # no second one beside it
    attempt.succeed(extra={"socket": None})
    edge.run()
    assert edge.ready == [9000, 9001]
    assert [one.is_up for one in edge.found] == [False, True]
    assert len(edge.endpoints[0].pool.idle) == 1
    edge.end()


def test_a_trial_that_fails_makes_the_time_longer() -> None:
    edge = Stage()
    edge.eject()
    edge.loop.advance(BASE + 0.3)
    edge.fail(9000)
    assert edge.ready == [9001]
    assert edge.found[-1].until == edge.plane.now + 2 * BASE
    edge.loop.advance(2 * BASE - 0.3)
    assert not edge.attempts
    edge.loop.advance(0.6)
    assert len(edge.attempts) == 1
    edge.end()


def test_where_all_are_ejected_all_are_asked() -> None:
    edge = Stage(endpoints=1)
    for _ in range(AFTER):
        client = edge.client(GET)
        edge.refuse()
        assert statuses(client.take()) == [502]
    assert edge.ready == [9000] and len(edge.found) == 1
    client, service = edge.pair()  # a request is its trial
    assert edge.found[-1].is_up
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_who_waits_where_all_are_ejected_goes_on_waiting() -> None:
    edge = Stage(endpoints=1, pool=usual.pool(max_connections=1))
    clients = [edge.client(GET) for _ in range(AFTER + 1)]
    for _ in range(AFTER):
        edge.refuse()
    service = edge.connect()
    service.feed(OK)
    assert [statuses(one.take()) for one in clients] == [[502]] * AFTER + [[200]]
    edge.end()


def test_a_retry_asks_an_ejected_member_where_no_other_is_left() -> None:
    edge = Stage()
    edge.eject()
    client = edge.client(GET)  # on the kept connection to the second
    [second] = [one for one in edge.plane.connections if one.exchange is not None]
    assert second.exchange is not None
    second.exchange.fail(usual_refusal())
    edge.connect(port=9000).feed(OK)
    assert statuses(client.take()) == [200]
    assert edge.ready == [9001]  # that was no trial
    edge.end()


def usual_refusal() -> Exception:
    from fastgw.core.causes import connect_error

    return connect_error(ConnectionRefusedError("refused"))


def test_an_answer_ends_the_row_of_failures() -> None:
    edge = Stage(endpoints=1)
    _, service = edge.pair()
    for _ in range(3 * AFTER):
        client = edge.client(GET)
        edge.refuse()
        assert statuses(client.take()) == [502]
        service.feed(OK)
        edge.client(GET)
    assert not edge.found
    edge.end()


@pytest.mark.parametrize("error", [OSError(errno.EMFILE, "too many open files"), None])
def test_our_own_want_and_bad_answers_eject_nobody(error: OSError | None) -> None:
    edge = Stage(endpoints=1)
    for _ in range(2 * AFTER):
        edge.client(GET)
        if error is not None:
            edge.refuse(error)
        else:
            edge.connect().feed(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    assert not edge.found
    edge.end()


def test_our_own_want_ends_a_trial_without_a_verdict() -> None:
    edge = Stage()
    edge.eject()
    edge.loop.advance(BASE + 0.3)
    edge.fail(9000, OSError(errno.EMFILE, "too many open files"))
    assert len(edge.found) == 1
    edge.loop.advance(0.3)
    edge.connect(port=9000)
    assert edge.found[-1].is_up
    edge.end()


def test_a_trial_waits_for_room() -> None:
    edge = Stage(pool=usual.pool(max_connections=1))
    _, busy = edge.pair()
    edge.plane.hear([Finding(*FIRST, False, edge.plane.now, CAUSE, "refused")])
    edge.loop.advance(1.0)
    assert not edge.attempts
    busy.feed(OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
    edge.loop.advance(0.5)
    edge.connect(port=9000)
    assert edge.ready == [9000, 9001]
    edge.end()


def test_warm_connections_wait_for_the_trial_too() -> None:
    edge = Stage(endpoints=1, pool=usual.pool(warm=2))
    for _ in range(4):
        edge.refuse()
        edge.loop.advance(0.3)
    assert edge.found and not edge.attempts
    edge.loop.advance(BASE)
    assert len(edge.attempts) == 1
    edge.connect()
    edge.loop.advance(0.3)
    assert len(edge.attempts) == 1  # the other warm one
    edge.end()


# --- what is told


def test_an_ejection_stands_for_the_troubles_before_it() -> None:
    edge = Stage()
    edge.eject()
    edge.loop.advance(QUIET_SECONDS + 40)
    assert not edge.log
    edge.end()


def test_a_trouble_that_ejects_nobody_is_told() -> None:
    edge = Stage()
    edge.endpoints[1].in_hand += 100
    edge.client(GET)
    edge.endpoints[1].in_hand -= 100
    edge.fail(9000)
    assert [line["cause"] for line in edge.failures()] == [CAUSE]
    edge.end()


# --- what other workers find


def test_what_another_worker_found_is_believed_until_the_trial() -> None:
    edge = Stage()
    finding = Finding(*FIRST, False, edge.plane.now + 2, CAUSE, "refused")
    edge.plane.hear([finding])
    assert edge.ready == [9001] and edge.found == [finding]
    edge.plane.hear([Finding(*FIRST, True)])  # and it has it back: tried now
    assert edge.ready == [9001]
    edge.loop.advance(0.3)
    edge.connect(port=9000)
    assert edge.ready == [9000, 9001] and edge.found[-1].is_up
    edge.end()


def test_what_is_known_already_or_unknown_is_no_news() -> None:
    edge = Stage()
    edge.eject()
    edge.plane.hear(
        [
            Finding(*FIRST, False, 1e9, CAUSE),
            Finding("s", "other:1", "other:1", False, 1e9, CAUSE),
        ]
    )
    assert len(edge.found) == 1
    assert edge.endpoints[0].ejection.until == edge.found[0].until
    edge.end()


def test_who_ejects_nobody_says_so_to_who_has_found_something() -> None:
    edge = Stage(service={"ejection": None})
    edge.plane.hear([Finding(*FIRST, False, 1e9, CAUSE)])
    assert edge.ready == [9000, 9001] and [one.is_up for one in edge.found] == [True]
    edge.end()


# --- reloads


def reload(edge: Stage, *endpoints: int, **settings: object) -> None:
    """Install the members of these numbers, with other settings, through the registry as a configuration does."""
    changed = usual.settings(**settings)
    keys = [EndpointKey("s", Address("127.0.0.1", 9000 + number), slot=number) for number in endpoints]
    old = edge.service
    edge.service = type(old)("s", old.members, tuple((key, changed) for key in keys), old.balancer, old.settings)
    route = usual.route("all", 1, service=edge.service, chain=edge.route.chain)
    edge.install(edge.listen(route), generation=2)


def test_a_reload_changes_settings_and_keeps_connections() -> None:
    edge = Stage(endpoints=1)
    client, service = edge.pair()
    service.feed(OK)
    reload(edge, 0, weight=7, pool=usual.pool(max_connections=5))
    assert (edge.endpoints[0].weight, edge.endpoints[0].pool.settings.max_connections) == (7, 5)
    client.feed(GET)
    service.feed(OK)
    assert statuses(client.take()) == [200, 200] and not service.is_closing()
    edge.end()


def test_a_reload_has_nobody_back() -> None:
    edge = Stage()
    edge.eject()
    reload(edge, 0, 1)
    assert edge.ready == [9001] and len(edge.found) == 1
    edge.end()


def test_ejection_switched_off_has_everybody_back() -> None:
    edge = Stage()
    edge.eject()
    edge.service.members.update(tuple((one, one.settings) for one in edge.endpoints), (), None, edge.plane.now)
    assert edge.ready == [9000, 9001] and edge.found[-1].is_up
    edge.end()


def test_who_is_no_member_any_more_is_not_ejected_and_reported_up() -> None:
    """Another endpoint of its name, with other TLS say, may have taken its place."""
    edge = Stage()
    edge.eject()
    reload(edge, 1)
    assert edge.found[-1] == Finding(*FIRST, True)
    late = len(edge.found)
    for _ in range(AFTER):
        edge.endpoints[0].unconnected(usual_refusal())  # type: ignore[arg-type]
    assert len(edge.found) == late
    edge.end()


def test_who_waits_at_a_member_that_a_reload_removes_asks_another() -> None:
    edge = Stage(pool=usual.pool(max_connections=1), service={"attempts": 1})
    edge.endpoints[1].in_hand += 100
    clients = [edge.client(GET), edge.client(GET)]
    edge.endpoints[1].in_hand -= 100
    reload(edge, 1)
    edge.run()
    assert edge.loop.attempts[0].is_cancelled  # nobody waits for it any more
    service = edge.connect(port=9001)
    for _ in clients:
        service.feed(OK)
    assert [statuses(one.take()) for one in clients] == [[200]] * 2
    edge.end()


def test_a_retry_asks_the_members_of_now() -> None:
    edge = Stage(endpoints=1)
    client = edge.client(GET)
    reload(edge, 0, 1)
    edge.fail(9000)
    edge.connect(port=9001).feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


@pytest.mark.parametrize("count", [2, 6])
def test_balancers_notice_a_changed_weight_at_once(count: int) -> None:
    for balancer in (RoundRobin(), LeastRequest(iter_random())):
        edge = Stage(endpoints=count)
        members = edge.service.members
        for _ in range(count // 2):
            balancer.pick(members.ready)  # in the middle of a round
        heavy = [(one, one.settings._replace(weight=1000 if one is edge.endpoints[0] else 1)) for one in edge.endpoints]
        members.update(tuple(heavy), (), None, 0.0)
        picks = [balancer.pick(members.ready) for _ in range(20)]
        assert picks.count(edge.endpoints[0]) >= 17, balancer
        edge.end()


def iter_random() -> object:
    from random import Random

    return Random(7).random


def test_in_hand_and_counters_are_as_before_when_all_is_over() -> None:
    edge = Stage()
    clients = edge.eject()
    assert [statuses(one.take()) for one in clients] == [[200]] * AFTER
    assert edge.of_endpoint(counters.ENDPOINT_CONNECT_FAILURES) == AFTER
    edge.end()


def test_who_is_unhealthy_is_left_out_while_another_is_not() -> None:
    edge = Stage()
    second = ("s", "127.0.0.1:9001", "127.0.0.1:9001")
    edge.plane.hear([Finding(*FIRST, False, 0.0, "status", "it answered 500", HEALTH)])
    assert edge.ready == [9001] and not edge.found
    edge.plane.hear([Finding(*second, False, 0.0, "status", "it answered 500", HEALTH)])
    assert edge.ready == [9000, 9001]  # all are asked where nobody is well
    edge.plane.hear([Finding(*second, True, kind=HEALTH)])
    assert edge.ready == [9001]
    edge.service.install(edge.plane.registry)  # a reload
    assert edge.ready == [9001]
    edge.plane.hear([Finding(*FIRST, True, kind=HEALTH)])
    assert edge.ready == [9000, 9001]
    edge.end()
