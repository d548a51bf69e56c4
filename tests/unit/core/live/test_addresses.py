"""Each address of a name is a member: which there are, who serves meanwhile, and what becomes of those that leave."""

from __future__ import annotations

import errno

import pytest

from fastgw.core import counters
from fastgw.core.live.addresses import members_of, name_problem
from fastgw.core.live.endpoint import EndpointKey
from fastgw.core.live.news import FAILING, NOT_FOUND, SILENT, USED, Answer, Finding, Standing
from fastgw.core.settings import Address
from fastgw.testing import usual
from fastgw.testing.edge import GET, NAME, OK, POST, Edge, Spy, named, statuses

ONE, TWO, THREE = "10.0.0.1", "10.0.0.2", "10.0.0.3"
REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "refused")


def ready(edge: Edge) -> list[str]:
    """The addresses that may be picked; of a waiting room its name."""
    return [one.key.address.host for one in edge.service.members.ready]


def asked(edge: Edge) -> list[str]:
    """The addresses that connections are being sought at."""
    return [attempt.target["host"] for attempt in edge.attempts]


def learn(edge: Edge, *hosts: str) -> None:
    edge.plane.learn({"a.test": Answer(hosts)})
    edge.run()


def answer(edge: Edge, host: str, error: BaseException | None = None) -> None:
    """Let the oldest attempt at ``host`` succeed, or fail."""
    attempt = next(one for one in edge.attempts if one.target["host"] == host)
    if error is None:
        attempt.succeed(extra={"socket": None})
    else:
        attempt.fail(error)
    edge.run()


def up(*hosts: str, **options: object) -> Edge:
    """An Edge whose name has these addresses, each with a connection at rest."""
    edge = named(*hosts, **options)
    client = edge.client(GET)
    for host in hosts:
        answer(edge, host)
    busy(edge)[0].feed(OK)
    client.lose()
    edge.run()
    return edge


def busy(edge: Edge) -> list:  # type: ignore[type-arg]
    """The connections to the service that carry an exchange, and are not lost."""
    found = [one.transport for one in edge.loop.attempts if one.transport is not None]
    return [one for one in found if not one.is_lost and one.protocol.exchange is not None]


# --- which members there are


def test_an_address_is_one_member_whatever_names_there_are() -> None:
    for address in (Address(ONE, 80), Address("::1", 80), Address(path="/run/x.sock")):
        key = EndpointKey("s", address)
        assert members_of(key, {"a.test": Answer((TWO,))}) == [key]


def test_each_address_of_a_name_is_one() -> None:
    key = EndpointKey("s", NAME, slot=3)
    found = members_of(key, {"a.test": Answer((ONE, "::1", ONE)), "b.test": Answer((TWO,))})
    assert [str(one.address) for one in found] == ["10.0.0.1:9000", "[::1]:9000"]
    assert all((one.configured, one.service, one.slot) == (NAME, "s", 3) for one in found)
    assert members_of(key, {}) == []


@pytest.mark.parametrize(
    ("known", "status", "code", "said"),
    [
        (Answer((), NOT_FOUND, "does not exist"), 502, "name_not_found", "a.test does not exist"),
        (Answer((), SILENT, "was not answered for"), 504, "name_timeout", "no name server has answered"),
        (Answer((), "failed", "cannot be looked up: SERVFAIL"), 502, "name_failed", "a.test cannot be looked up"),
    ],
)
def test_why_a_name_has_none(known: Answer, status: int, code: str, said: str) -> None:
    problem = name_problem("a.test", {"a.test": known})
    assert problem is not None
    assert (problem.status, problem.code) == (status, code)
    assert said in problem.reason
    assert "a.test" not in problem.detail  # which is for clients


@pytest.mark.parametrize("names", [{}, {"a.test": Answer(())}, {"a.test": Answer((ONE,))}])
def test_there_is_no_problem_while_an_answer_is_awaited_or_good(names: dict[str, Answer]) -> None:
    assert name_problem("a.test", names) is None


def test_names_that_no_endpoint_has_are_forgotten_with_the_next_configuration() -> None:
    edge = Edge()
    learn(edge, ONE)
    edge.install(edge.listen(), generation=2)
    assert edge.plane.names == {}


# --- all are used


def test_requests_go_to_all_addresses_and_each_has_a_pool_of_its_own() -> None:
    edge = up(ONE, TWO, THREE)
    assert ready(edge) == [ONE, TWO, THREE]
    clients = [edge.client(GET) for _ in range(3)]
    assert len(busy(edge)) == 3 and not edge.attempts  # one each: least_request
    for service in busy(edge):
        service.feed(OK)
    assert [statuses(one.take()) for one in clients] == [[200]] * 3
    assert edge.of_endpoint(counters.ENDPOINT_REQUESTS) == 4  # counted at the name
    edge.end()


def test_each_has_the_weight_of_its_name() -> None:
    edge = up(ONE, TWO)
    [(key, settings)] = edge.service.roster
    edge.service.roster = ((key, settings._replace(weight=5)),)
    learn(edge, ONE, TWO, THREE)
    assert [edge.at(host).weight for host in (ONE, TWO, THREE)] == [5, 5, 5]
    edge.end()


# --- the first connection


def test_nothing_is_opened_before_somebody_asks() -> None:
    edge = named(ONE, TWO)
    edge.loop.advance(10)
    assert not edge.attempts and ready(edge) == ["a.test"]
    edge.end()


def test_whoever_connects_first_takes_the_requests_that_wait() -> None:
    """A silent address and one that refuses cost nobody anything."""
    edge = named(ONE, TWO, THREE)
    clients = [edge.client(GET), edge.client(POST + b"hello")]
    assert asked(edge) == [ONE, TWO, THREE]
    answer(edge, TWO, REFUSED)
    assert ready(edge) == ["a.test"]
    answer(edge, THREE)
    assert ready(edge) == [THREE]
    answer(edge, THREE)  # the other one's
    for service in busy(edge):
        service.feed(OK)
    assert [statuses(one.take()) for one in clients] == [[200], [200]]
    assert asked(edge) == [ONE]
    answer(edge, ONE)
    assert ready(edge) == [ONE, THREE]
    assert edge.count(counters.RETRIES) == 0
    edge.end()


def test_the_first_request_has_the_first_connection() -> None:
    edge = named(ONE, TWO)
    edge.client(GET)
    answer(edge, ONE)
    assert asked(edge) == [TWO] and len(busy(edge)) == 1
    edge.end()


def test_an_address_that_cannot_be_reached_is_told_once_and_tried_again_later() -> None:
    edge = named(ONE, TWO)
    found: list[Finding] = []
    edge.plane.on_finding = found.append
    edge.client(GET)
    answer(edge, TWO)
    answer(edge, ONE, OSError(errno.ENETUNREACH, "Network is unreachable"))
    assert [(one.member, one.is_up, one.cause) for one in found] == [
        (("s", "a.test:9000", "10.0.0.1:9000"), False, "unreachable")
    ]
    edge.loop.advance(1.3)
    answer(edge, ONE)
    assert ready(edge) == [ONE, TWO] and found[-1].is_up
    edge.end()


def test_a_new_address_that_works_is_no_finding() -> None:
    edge = named(ONE, TWO)
    found: list[Finding] = []
    edge.plane.on_finding = found.append
    edge.client(GET)
    answer(edge, ONE)
    answer(edge, TWO)
    assert not found and not edge.log
    edge.end()


def test_where_none_can_be_reached_who_waits_is_told_and_all_are_asked() -> None:
    edge = named(ONE, TWO, service={"attempts": 1})
    client = edge.client(GET)
    answer(edge, ONE, REFUSED)
    answer(edge, TWO, REFUSED)
    assert statuses(client.take()) == [502]
    assert ready(edge) == [ONE, TWO]
    assert edge.of_endpoint(counters.ENDPOINT_FAILURES) == 1
    assert not edge.failures()  # that both are ejected says it
    edge.end()


def test_where_we_have_run_out_of_something_who_waits_is_told_and_it_is_tried_again() -> None:
    edge = named(ONE, TWO, service={"attempts": 1})
    client = edge.client(GET)
    answer(edge, ONE, OSError(errno.EMFILE, "too many open files"))
    assert statuses(client.take()) == [503]
    answer(edge, TWO, OSError(errno.EMFILE, "too many open files"))
    edge.client(GET)
    assert asked(edge) == [ONE, TWO] and ready(edge) == ["a.test"]
    edge.end()


def test_with_ejection_off_an_address_must_still_be_reached_once() -> None:
    edge = named(ONE, TWO, service={"ejection": None})
    edge.client(GET)
    answer(edge, ONE)
    answer(edge, TWO, REFUSED)
    assert ready(edge) == [ONE]
    edge.loop.advance(1.3)
    answer(edge, TWO)
    assert ready(edge) == [ONE, TWO]
    for _ in range(5):
        edge.at(TWO).unconnected(usual_refusal())
    assert ready(edge) == [ONE, TWO]
    edge.end()


def usual_refusal() -> Exception:
    from fastgw.core.causes import connect_error

    return connect_error(REFUSED)


def test_the_only_address_is_asked_like_any_endpoint() -> None:
    edge = named(ONE)
    assert ready(edge) == [ONE]
    client, service = edge.pair()
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_warm_connections_are_the_first_ones() -> None:
    edge = named(ONE, TWO, pool=usual.pool(warm=2))
    assert asked(edge) == [ONE, TWO]
    answer(edge, ONE)
    answer(edge, TWO)
    edge.loop.advance(0.3)
    assert asked(edge) == [ONE, TWO]
    edge.end()


# --- other answers


def test_an_address_more_serves_when_its_first_connection_is_there() -> None:
    edge = up(ONE, TWO)
    learn(edge, ONE, TWO, THREE)
    assert ready(edge) == [ONE, TWO] and asked(edge) == [THREE]
    answer(edge, THREE)
    assert ready(edge) == [ONE, TWO, THREE]
    edge.end()


def test_an_address_that_stays_keeps_its_connections_and_one_that_leaves_finishes() -> None:
    edge = up(ONE, TWO, THREE)
    kept = [edge.at(host) for host in (ONE, TWO)]
    clients = [edge.client(GET) for _ in range(3)]
    services = busy(edge)
    learn(edge, TWO, ONE)
    assert [edge.at(host) for host in (ONE, TWO)] == kept and ready(edge) == [TWO, ONE]
    assert not [one for one in services if one.is_closing()]
    for service in services:
        service.feed(OK)
    assert [statuses(one.take()) for one in clients] == [[200]] * 3
    edge.run()
    assert [one.is_aborted for one in services] == [False, False, True]
    edge.end()


def test_idle_connections_to_an_address_that_leaves_close() -> None:
    edge = up(ONE, TWO)
    connections = [one.transport for one in edge.loop.attempts]
    learn(edge, ONE)
    assert [one is not None and one.is_aborted for one in connections] == [False, True]
    edge.end()


def test_who_waits_at_an_address_that_leaves_asks_another_and_that_is_no_retry() -> None:
    edge = up(ONE, TWO, pool=usual.pool(max_connections=1), service={"attempts": 1})
    edge.at(ONE).in_hand += 100
    first, second = edge.client(GET), edge.client(GET)
    edge.at(ONE).in_hand -= 100
    learn(edge, ONE)
    for service in busy(edge):
        service.feed(OK)
    assert [statuses(one.take()) for one in (first, second)] == [[200], [200]]
    assert edge.count(counters.RETRIES) == edge.of_endpoint(counters.ENDPOINT_FAILURES) == 0
    edge.end()


def test_a_name_that_moves_as_a_whole_fails_nobody() -> None:
    edge = up(ONE)
    client = edge.client(GET)
    [old] = busy(edge)
    learn(edge, TWO, THREE)
    waiting = edge.client(GET)
    answer(edge, THREE)
    for service in busy(edge):
        service.feed(OK)
    assert [statuses(one.take()) for one in (client, waiting)] == [[200], [200]]
    edge.run()
    assert old.is_aborted
    edge.end()


def test_an_address_that_comes_back_begins_anew_while_the_old_one_ends() -> None:
    edge = up(ONE, TWO)
    old = edge.at(TWO)
    clients = [edge.client(GET), edge.client(GET)]
    learn(edge, ONE)
    learn(edge, ONE, TWO)
    assert edge.at(TWO) is not old
    answer(edge, TWO)
    for service in busy(edge):
        service.feed(OK)
    assert [statuses(one.take()) for one in clients] == [[200], [200]]
    edge.end()


def test_one_that_leaves_ejected_is_told_up_and_what_comes_late_is_not() -> None:
    edge = up(ONE, TWO)
    found: list[Finding] = []
    told: list[Standing] = []
    edge.plane.on_finding, edge.plane.on_standing = found.append, told.append
    edge.plane.hear([Finding("s", "a.test:9000", f"{TWO}:9000", False, 1e9, "connect_refused", "refused")])
    gone = edge.at(TWO)
    assert ready(edge) == [ONE]
    learn(edge, ONE)
    assert [one.is_up for one in found] == [False, True]
    gone.unconnected(usual_refusal())
    assert len(found) == 2 and not told
    edge.end()


def test_a_reload_keeps_what_is_known_of_addresses() -> None:
    edge = up(ONE, TWO)
    members = [edge.at(host) for host in (ONE, TWO)]
    edge.install(edge.listen(), generation=2)
    assert [edge.at(host) for host in (ONE, TWO)] == members and ready(edge) == [ONE, TWO]
    assert not edge.attempts
    edge.end()


def test_addresses_that_only_change_their_order_move_nothing() -> None:
    edge = named("10.0.0.1", "10.0.0.2")
    _, service = edge.pair()
    service.feed(OK)
    edge.plane.learn({"a.test": Answer(("10.0.0.2", "10.0.0.1"))})
    edge.run()
    assert not service.is_aborted
    edge.end()


# --- what is told


def test_how_connecting_went_is_told_when_it_changes() -> None:
    edge = named(ONE, TWO)
    told: list[Standing] = []
    edge.plane.on_standing = told.append
    edge.client(GET)
    answer(edge, ONE)
    answer(edge, TWO, REFUSED)
    edge.client(GET)
    edge.run()
    answer(edge, ONE)
    assert told == [
        Standing("s", "a.test:9000", "10.0.0.1:9000", USED),
        Standing("s", "a.test:9000", "10.0.0.2:9000", FAILING, "connect_refused", "Connection refused"),
    ]
    edge.end()


def test_filters_and_the_access_log_see_which_address_answered() -> None:
    seen: list[str] = []
    edge = named(ONE, filters=[Spy("log", [], done=lambda exchange: seen.append(exchange.asked))])
    _, service = edge.pair()
    service.feed(OK)
    assert seen == ["10.0.0.1:9000"]
    edge.end()


def test_the_log_names_the_address() -> None:
    edge = named(ONE)
    edge.client(GET)
    answer(edge, ONE, REFUSED)
    [line] = edge.failures()
    assert (line["endpoint"], line["address"], line["cause"]) == ("a.test:9000", "10.0.0.1:9000", "connect_refused")
    edge.end()
