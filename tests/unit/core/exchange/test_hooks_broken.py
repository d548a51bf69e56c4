"""Hooks that do not decide in time, and hooks that raise: what the client and the log are told."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.exchange.reply import Reply
from fastgw.core.settings import FilterSettings
from fastgw.core.snapshot.chain import FailureMode
from fastgw.errors import RETRY_ALWAYS, UpstreamError
from fastgw.filters.request_id import RequestId
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, Edge, Gate, Spy, head_of, new_loop, statuses
from tests.unit.core.exchange.test_hooks import raising

SEVEN = {"a": FailureMode(FilterSettings("closed", 7.0), 1)}

# --- what a waiting hook has for a deadline, and what is told of a broken one


@pytest.mark.parametrize("is_kept", [False, True], ids=["first", "kept"])
def test_a_request_hook_waits_as_long_as_its_filter_may(is_kept: bool) -> None:
    loop = new_loop()
    timeouts = usual.timeouts(head=2, idle=3)
    gate = Gate(loop)
    hook = Spy("a", [], request=lambda exchange: gate(exchange) if exchange.request.path == b"/" else Reply(204))
    edge = Edge(filters=[hook], modes=SEVEN, loop=loop, timeouts=timeouts)
    client = edge.client()
    if is_kept:  # the deadline of an idle connection is another
        client.feed(GET.replace(b"/ ", b"/quick "))
        assert statuses(client.take()) == [204]
    client.feed(GET)
    edge.loop.advance(6.7)
    assert client.take() == b""
    edge.loop.advance(0.6)
    got = client.take()
    assert statuses(got) == [504] and b"filter_timeout" in got
    assert (edge.of_route(counters.ROUTE_FAULT_INTERNAL), edge.of_route(counters.ROUTE_FAULT_UPSTREAM)) == (1, 0)
    edge.end()


def test_a_response_hook_waits_as_long_and_the_service_is_not_blamed() -> None:
    loop = new_loop()
    gate = Gate(loop)
    route = {"answer_timeout": 70.0, "stream_idle_timeout": 1.0}
    hook = Spy("a", [], response=gate)
    edge = Edge(filters=[hook], modes=SEVEN, route=route, loop=loop, timeouts=usual.timeouts(head=2, idle=3))
    client, service = edge.pair()
    edge.loop.advance(6.0)
    service.feed(OK)  # the hook's own time begins here
    edge.loop.advance(6.7)
    assert client.take() == b""
    edge.loop.advance(0.6)
    assert statuses(client.take()) == [504]
    assert edge.of_endpoint(counters.ENDPOINT_FAILURES) == 0
    assert (edge.of_route(counters.ROUTE_FAULT_INTERNAL), edge.of_route(counters.ROUTE_FAULT_UPSTREAM)) == (1, 0)
    edge.end()


@pytest.mark.parametrize("waits", [False, True], ids=["at once", "later"])
@pytest.mark.parametrize("kind", ["request", "response", "done"])
def test_a_broken_filter_is_named_with_the_request(kind: str, waits: bool) -> None:
    if kind == "done" and waits:
        pytest.skip("a done hook cannot wait")
    loop = new_loop()
    gate = Gate(loop, ValueError("a bug"))
    act: Any = {kind: gate if waits else raising(ValueError("a bug"))}
    filters = [RequestId("id", {}, bytes(16)), Spy("good", []), Spy("bad", [], **act), Spy("other", [])]
    edge = Edge(filters=filters, loop=loop)
    client = edge.client(GET)
    if kind != "request":
        edge.connect().feed(OK)
    gate.open()
    identity = "0" * 29 + "100"
    [line] = edge.events("a filter failed")
    assert isinstance(line.pop("error"), ValueError)
    said = {"filter": "bad", "hook": kind, "route": "all", "request_id": identity}
    assert line == {**said, "cause": "error", "on_failure": "closed"}
    assert edge.failures_of("bad") == [1, 0, 0]
    got = client.take()
    if kind != "done":
        assert statuses(got) == [500]
        assert b"the filter 'bad' of the gateway failed" in got
        assert f"urn:request:{identity}".encode() in got
        assert f"x-request-id: {identity}\r\n".encode() in head_of(got)
    edge.end()


@pytest.mark.parametrize("is_awaited", [False, True], ids=["at once", "awaited"])
def test_an_error_of_a_response_hook_is_a_bug_of_the_filter_whatever_its_kind(is_awaited: bool) -> None:
    """The service has answered: it is neither blamed, nor asked again, nor is the client told that it was at fault."""
    error = UpstreamError(502, "upstream_reset", "no", retry=RETRY_ALWAYS)

    async def later(exchange: Any) -> None:
        raise error

    edge = Edge(filters=[Spy("a", [], response=later if is_awaited else raising(error))], endpoints=2)
    client = edge.client(GET)
    edge.connect().feed(OK)
    edge.run()
    got = client.take()
    assert statuses(got) == [500] and b"urn:fastgw:error:internal" in got
    assert [line["hook"] for line in edge.events("a filter failed")] == ["response"]
    assert edge.of_endpoint(counters.ENDPOINT_FAILURES, 0) == 0
    edge.errors.clear()
    edge.end()
