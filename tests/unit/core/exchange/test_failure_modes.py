"""What becomes of a request whose filter fails: refused where it is closed, on its way without it where it is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.exchange.filter import BodyHook
from fastgw.core.exchange.reply import Reply
from fastgw.core.settings import FilterSettings
from fastgw.core.snapshot.chain import FailureMode
from fastgw.errors import DownstreamError, FilterUnavailableError
from fastgw.testing.edge import CHUNKED, GET, OK, POST, Edge, Gate, Spy, new_loop, statuses
from tests.support.bodies import Taped, plain
from tests.unit.core.exchange.test_hooks import raising

OPEN = {"bad": FailureMode(FilterSettings("open", 3.0), 1)}
CLOSED = {"bad": FailureMode(FilterSettings("closed", 3.0), 1)}
GONE = FilterUnavailableError(503, "authority_gone", "who decides does not answer", reason="10.0.0.1 refused")
BUG = ValueError("a bug")

Fails = Callable[[Any], Any]


def later(error: Exception) -> Fails:
    async def fail(exchange: Any) -> None:
        raise error

    return fail


@pytest.mark.parametrize("fails", [raising, later], ids=["at once", "later"])
@pytest.mark.parametrize(("error", "counts"), [(BUG, [1, 0, 0]), (GONE, [0, 1, 0])], ids=["bug", "unavailable"])
def test_a_request_goes_on_without_an_open_filter(
    fails: Callable[[Exception], Fails], error: Exception, counts: list[int]
) -> None:
    journal: list[str] = []
    bad = Spy("bad", journal, request=fails(error))
    edge = Edge(filters=[bad, Spy("next", journal)], modes=OPEN)
    client = edge.client(GET)
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    # it was entered, so it sees the end
    assert journal == ["bad.request", "next.request", "next.response", "bad.response", "next.done", "bad.done"]
    assert edge.failures_of("bad") == counts
    [line] = edge.events("a filter failed")
    assert (line["filter"], line["route"], line["hook"], line["on_failure"]) == ("bad", "all", "request", "open")
    assert line["cause"] == ("error" if error is BUG else "unavailable")
    assert line["error"] == (BUG if error is BUG else "10.0.0.1 refused")
    edge.errors.clear()
    edge.end()


@pytest.mark.parametrize("fails", [raising, later], ids=["at once", "later"])
@pytest.mark.parametrize(("error", "status", "code"), [(BUG, 500, b"internal"), (GONE, 503, b"authority_gone")])
def test_a_closed_filter_that_fails_refuses(
    fails: Callable[[Exception], Fails], error: Exception, status: int, code: bytes
) -> None:
    edge = Edge(filters=[Spy("bad", [], request=fails(error))], modes=CLOSED)
    client = edge.client(GET)
    edge.run()
    got = client.take()
    assert statuses(got) == [status] and b"urn:fastgw:error:" + code in got
    assert not edge.attempts and b"refused" not in got
    assert sum(edge.failures_of("bad")) == 1
    edge.errors.clear()
    edge.end()


@pytest.mark.parametrize("fails", [raising, later], ids=["at once", "later"])
def test_an_open_filter_still_refuses_whom_it_means(fails: Callable[[Exception], Fails]) -> None:
    hook = Spy("bad", [], request=fails(DownstreamError(403, "forbidden", "not you")))
    edge = Edge(filters=[hook], modes=OPEN)
    client = edge.client(GET)
    edge.run()
    assert statuses(client.take()) == [403]
    assert edge.failures_of("bad") == [0, 0, 0] and not edge.events("a filter failed")
    edge.end()


@pytest.mark.parametrize("place", ["request", "response"])
@pytest.mark.parametrize("modes", [OPEN, CLOSED], ids=["open", "closed"])
def test_a_hook_that_does_not_decide_in_time_has_failed(place: str, modes: dict[str, FailureMode]) -> None:
    loop = new_loop()
    gate = Gate(loop)
    hook: dict[str, Any] = {place: gate}
    # no deadline of the route holds: that of the filter does
    edge = Edge(filters=[Spy("bad", [], **hook)], modes=modes, loop=loop, route={"answer_timeout": 0.0})
    client = edge.client(GET)
    if place == "response":
        edge.connect().feed(OK)
    edge.loop.advance(2.6)
    assert client.take() == b"" and edge.failures_of("bad") == [0, 0, 0]
    edge.loop.advance(0.7)
    assert gate.waiting[0].cancelled()
    if modes is OPEN:
        if place == "request":
            edge.connect().feed(OK)
        assert statuses(client.take()) == [200]
    else:
        got = client.take()
        assert statuses(got) == [504] and b"filter_timeout" in got
    assert edge.failures_of("bad") == [0, 0, 1]
    [line] = edge.events("a filter failed")
    assert line["cause"] == "timeout" and "within 3 s" in str(line["error"])
    edge.errors.clear()
    edge.end()


def test_the_next_filter_is_waited_for_anew() -> None:
    loop = new_loop()
    gates = Gate(loop), Gate(loop)
    filters = [Spy("bad", [], request=gates[0]), Spy("slow", [], request=gates[1])]
    modes = {**OPEN, "slow": FailureMode(FilterSettings("closed", 2.0), 2)}
    edge = Edge(filters=filters, modes=modes, loop=loop)
    client = edge.client(GET)
    edge.loop.advance(3.3)
    assert len(gates[1].waiting) == 1
    edge.loop.advance(1.0)
    gates[1].open()
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    edge.errors.clear()
    edge.end()


def test_the_route_is_not_kept_up_by_a_filter() -> None:
    loop = new_loop()
    edge = Edge(filters=[Spy("bad", [], request=Gate(loop))], modes=OPEN, loop=loop, route={"timeout": 2.0})
    client = edge.client(GET)
    edge.loop.advance(2.6)
    got = client.take()
    assert statuses(got) == [504] and b"error:timeout" in got
    assert edge.failures_of("bad") == [0, 0, 0]
    edge.end()


def test_a_client_that_goes_on_sending_does_not_prolong_a_response_hook() -> None:
    loop = new_loop()
    gate = Gate(loop)
    edge = Edge(filters=[Spy("bad", [], response=gate)], modes=CLOSED, loop=loop, route={"answer_timeout": 0.0})
    client = edge.client(CHUNKED)
    edge.connect().feed(OK)
    for _ in range(4):
        client.feed(b"2\r\nok\r\n")
        edge.loop.advance(0.9)
    assert statuses(client.take()) == [504]
    edge.errors.clear()
    edge.end()


@pytest.mark.parametrize("modes", [OPEN, CLOSED], ids=["open", "closed"])
def test_an_answer_goes_on_without_an_open_filter(modes: dict[str, FailureMode]) -> None:
    journal: list[str] = []
    edge = Edge(filters=[Spy("next", journal), Spy("bad", journal, response=raising(BUG))], modes=modes)
    client, service = edge.pair()
    service.feed(OK)
    assert statuses(client.take()) == [200 if modes is OPEN else 500]
    assert ("next.response" in journal) == (modes is OPEN)
    assert edge.failures_of("bad") == [1, 0, 0]
    edge.errors.clear()
    edge.end()


class Bodies:
    """Wants to see bodies, and fails before it has, or while they pass."""

    name = "bad"

    def __init__(self, kind: str, hook: BodyHook | None = None, error: Exception = BUG) -> None:
        self._hook = hook
        self._error = error
        setattr(self, kind, self._open)

    def _open(self, exchange: Any) -> BodyHook | None:
        if self._hook is None:
            raise self._error
        return self._hook


class Broken(BodyHook):
    """Fails in the middle."""

    def feed(self, data: bytes) -> bytes:
        raise BUG


@pytest.mark.parametrize("kind", ["read_request", "transform_request", "transform_response", "read_response"])
@pytest.mark.parametrize("modes", [OPEN, CLOSED], ids=["open", "closed"])
@pytest.mark.parametrize("error", [BUG, GONE], ids=["bug", "unavailable"])
def test_a_body_passes_by_an_open_filter_that_failed_before_it(
    kind: str, modes: dict[str, FailureMode], error: Exception
) -> None:
    edge = Edge(filters=[Bodies(kind, error=error)], modes=modes)
    client = edge.client(POST + b"hello")
    if modes is OPEN or kind.endswith("response"):
        service = edge.connect()
        assert service.take().endswith(b"hello")
        service.feed(OK)
    got = client.take()
    assert statuses(got) == [200 if modes is OPEN else 503 if error is GONE else 500]
    assert edge.failures_of("bad") == ([1, 0, 0] if error is BUG else [0, 1, 0])
    edge.errors.clear()
    edge.end()


def test_what_has_begun_to_change_a_body_cannot_be_left_out() -> None:
    edge = Edge(filters=[Bodies("transform_request", Broken())], modes=OPEN)
    client = edge.client(POST + b"hello")
    assert statuses(client.take()) == [500]
    assert edge.failures_of("bad") == [1, 0, 0]
    edge.errors.clear()
    edge.end()


@pytest.mark.parametrize("modes", [OPEN, CLOSED], ids=["open", "closed"])
@pytest.mark.parametrize("owes", [False, True], ids=["passes", "keeps"])
@pytest.mark.parametrize("at", ["feed", "finish"])
def test_what_only_reads_is_left_out_if_it_keeps_nothing_of_the_body(
    modes: dict[str, FailureMode], owes: bool, at: str
) -> None:
    def act(data: bytes | None) -> bytes:
        if data is None or (data == b"lo" and at == "feed"):
            raise BUG
        return b"" if owes else data

    edge = Edge(filters=[Bodies("read_request", Taped(act))], modes=modes)
    client = edge.client(POST + b"hel")
    service = edge.connect()
    client.feed(b"lo")
    edge.run()
    if modes is OPEN and not owes:
        assert plain(service.take()) == b"hello"
        service.feed(OK)
        assert statuses(client.take()) == [200]
    else:
        assert statuses(client.take()) == [500] and b"hello" not in service.take()
    assert edge.failures_of("bad") == [1, 0, 0]
    edge.errors.clear()
    edge.end()


def test_what_is_no_reply_is_a_failure_when_it_comes_late_too() -> None:
    async def decide(exchange: Any) -> Any:
        return True

    edge = Edge(filters=[Spy("bad", [], request=decide)], modes=CLOSED)
    client = edge.client(GET)
    edge.run()
    assert statuses(client.take()) == [500]
    edge.errors.clear()
    edge.end()


def test_a_hook_whose_own_work_was_cancelled_has_failed() -> None:
    loop = new_loop()
    gate = Gate(loop)
    edge = Edge(filters=[Spy("bad", [], request=gate)], modes=CLOSED, loop=loop)
    client = edge.client(GET)
    edge.run()
    gate.waiting[0].cancel()
    edge.run()
    assert statuses(client.take()) == [500]
    assert edge.failures_of("bad") == [1, 0, 0]
    edge.errors.clear()
    edge.end()


def test_a_reply_that_comes_late_is_sent() -> None:
    loop = new_loop()
    gate = Gate(loop, Reply(204))
    edge = Edge(filters=[Spy("bad", [], request=gate)], modes=OPEN, loop=loop)
    client = edge.client(GET)
    gate.open()
    assert statuses(client.take()) == [204]
    edge.end()


@pytest.mark.parametrize("kind", ["done", "refused"])
def test_what_fails_at_the_end_is_counted(kind: str) -> None:
    hook = Spy("bad", [], done=raising(BUG))
    if kind == "refused":
        hook.refused = lambda connection, error: raising(BUG)(None)  # type: ignore[attr-defined]
    edge = Edge(filters=[hook], modes=CLOSED)
    client = edge.client(GET if kind == "done" else b"GET  / HTTP/1.1\r\n\r\n")
    if kind == "done":
        edge.connect().feed(OK)
    assert statuses(client.take()) == [200 if kind == "done" else 400]
    assert edge.failures_of("bad") == [1, 0, 0]
    assert edge.of_route(counters.ROUTE_FAULT_INTERNAL) == 0
    edge.errors.clear()
    edge.end()
