"""What runs before a route is looked for: it sees every request, and what it answers has no route."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.exchange.reply import Reply
from fastgw.core.settings import FilterSettings
from fastgw.core.snapshot.chain import Chain, FailureMode
from fastgw.errors import DownstreamError
from fastgw.testing import usual
from fastgw.testing.edge import CHUNKED, GET, OK, Edge, Spy, statuses
from tests.unit.core.exchange.test_hooks import raising

NOWHERE = GET.replace(b"GET /", b"GET /nowhere/")
BUG = ValueError("a bug")


def routes(seen: list[str]) -> Any:
    """A hook that writes down which route its exchange has."""
    return lambda exchange: seen.append(exchange.route.name)


@pytest.mark.parametrize("head", [GET, NOWHERE], ids=["a route", "none"])
def test_it_sees_every_request_once_and_before_it_has_a_route(head: bytes) -> None:
    seen: list[str] = []
    journal: list[str] = []
    filters = [Spy("first", journal, request=routes(seen)), Spy("second", journal, request=routes(seen))]
    edge = Edge(filters=filters, before=1, path="/")
    client = edge.client(head)
    if head is GET:
        edge.connect().feed(OK)
    assert statuses(client.take()) == [200 if head is GET else 404]
    assert seen == ["fallback", "all" if head is GET else "fallback"]
    assert journal == [
        *("first.request", "second.request"),
        *("second.response", "first.response"),
        *("second.done", "first.done"),
    ]
    edge.end()


@pytest.mark.parametrize("answers", [lambda exchange: Reply(429), raising(DownstreamError(429, "slow_down", "no"))])
def test_what_it_answers_is_that_of_no_route(answers: Any) -> None:
    journal: list[str] = []
    filters = [Spy("log", journal), Spy("limit", journal, request=answers), Spy("other", journal)]
    edge = Edge(filters=filters, before=2)
    client = edge.client(GET + NOWHERE)
    assert statuses(client.take()) == [429, 429]  # and the connection is kept
    assert not edge.attempts
    assert journal[:6] == [
        *("log.request", "limit.request", "limit.response", "log.response"),
        *("limit.done", "log.done"),
    ]
    assert (edge.of_route(counters.ROUTE_STARTED, 0), edge.of_route(counters.ROUTE_STARTED, 1)) == (2, 0)
    edge.end()


def test_a_request_with_a_body_can_be_answered() -> None:
    edge = Edge(filters=[Spy("limit", [], request=lambda exchange: Reply(429))], before=1)
    client = edge.client(CHUNKED + b"2\r\nok\r\n")
    assert statuses(client.take()) == [429]
    edge.end()


def test_errors_have_the_form_of_the_route_that_would_have_been() -> None:
    limit = Spy("limit", [], request=raising(DownstreamError(429, "slow_down", "no")))
    edge = Edge(filters=[limit], before=1, path="/problems")
    chain = Chain(edge.filters, before=2)
    openai = usual.route("openai", 2, service=edge.service, chain=chain, errors="openai")
    edge.install(edge.listen(edge.route, openai))
    assert b"urn:fastgw:error:slow_down" in edge.client(GET.replace(b"GET /", b"GET /problems")).take()
    assert b'"code": "slow_down"' in edge.client(GET.replace(b"GET /", b"GET /openai/x")).take()
    edge.end()


def test_what_it_sets_is_seen_by_the_conditions_of_routes() -> None:
    def mark(exchange: Any) -> None:
        exchange.request.set_header(b"x-kind", b"new")

    from fastgw.routing import Router, Rule

    edge = Edge(filters=[Spy("mark", [], request=mark)], before=1)
    rule = Rule("all", "/*", "", frozenset({"GET"}), (("x-kind", "new"),), edge.route)
    edge.install(usual.listener("edge", Router([rule]), edge.fallback, timeouts=edge.timeouts, limits=edge.limits))
    client, service = edge.pair(GET.replace(b"\r\n\r\n", b"\r\nX-Kind: old\r\n\r\n"))
    assert b"x-kind: new\r\n" in service.take()
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


@pytest.mark.parametrize("mode", ["open", "closed"])
@pytest.mark.parametrize("kind", ["raises", "waits", "returns nonsense"])
def test_one_that_fails_does_what_its_mode_says(mode: str, kind: str) -> None:
    async def wait(exchange: Any) -> None:
        raise AssertionError("nobody waits for it")

    acts = {"raises": raising(BUG), "waits": wait, "returns nonsense": lambda exchange: 7}
    modes = {"bad": FailureMode(FilterSettings(mode, 1.0), 3)}
    edge = Edge(filters=[Spy("bad", [], request=acts[kind])], before=1, modes=modes)
    client = edge.client(GET)
    if mode == "open":
        edge.connect().feed(OK)
    assert statuses(client.take()) == [200 if mode == "open" else 500]
    assert edge.failures_of("bad") == [1, 0, 0]
    edge.errors.clear()
    edge.end()


def test_without_any_a_listener_has_no_stage() -> None:
    class Log:
        name = "log"

        def done(self, exchange: Any) -> None:
            """Nothing to do before routing."""

    edge = Edge(filters=[Spy("a", [])])
    assert edge.listener.before is None
    edge.end()
    edge = Edge(filters=[Log()], before=1)
    assert edge.listener.before is None and edge.route.chain.begin == 0
    edge.end()
