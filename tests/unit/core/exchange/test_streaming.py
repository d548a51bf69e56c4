"""Hooks that C calls past Python are hooks like any other."""

from __future__ import annotations

import pytest

from fastgw.core.exchange.filter import BodyHook
from fastgw.core.exchange.streaming import StreamingHook
from fastgw.core.settings import FilterSettings
from fastgw.core.snapshot.chain import FailureMode
from fastgw.errors import InternalError
from fastgw.testing.edge import OK, Edge, statuses
from tests.support.bodies import Watching, plain


class Shouting(StreamingHook):
    """In capitals, with an end."""

    def feed(self, data: bytes) -> bytes:
        return data.upper()

    def finish(self) -> bytes:
        return b"!"


class Failing(StreamingHook):
    """Fails at once."""

    def feed(self, data: bytes) -> bytes:
        raise RuntimeError("no")


def test_it_promises_what_a_body_hook_does() -> None:
    hook, known = StreamingHook(), BodyHook()
    names = [name for name in vars(BodyHook) if not name.startswith("_") and not callable(getattr(known, name))]
    assert {name: getattr(hook, name) for name in names} == {name: getattr(known, name) for name in names}
    assert (hook.feed(b"a"), hook.finish(), hook.broken(InternalError(500, "x", "x"))) == (b"a", b"", None)


def test_what_it_makes_goes_on() -> None:
    edge = Edge(filters=[Watching("a", ["transform_response"], lambda exchange: Shouting())])
    client, service = edge.pair()
    service.feed(OK[:-1])
    service.feed(OK[-1:])
    assert plain(client.take()) == b"OK!"
    edge.end()


@pytest.mark.parametrize("mode", ["open", "closed"])
def test_one_that_fails_is_passed_over_where_its_filter_is_open(mode: str) -> None:
    modes = {"bad": FailureMode(FilterSettings(mode, 3.0), 1)}
    edge = Edge(filters=[Watching("bad", ["read_response"], lambda exchange: Failing())], modes=modes)
    client, service = edge.pair()
    service.feed(OK)
    got = client.take()
    assert (statuses(got), b"ok" in got) == (([200], True) if mode == "open" else ([200], False))
    assert edge.failures_of("bad") == [1, 0, 0]
    edge.errors.clear()
    edge.end()
