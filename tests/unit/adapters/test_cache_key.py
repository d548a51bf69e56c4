"""By what an answer is known."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.adapters.cache_key import digest_of
from fastgw.testing.edge import body_of
from fastgw.wire.messages import Request
from tests.unit.adapters.cached import CachedEdge, answer, asks


class _Knowing:
    """A filter that finds out who asks, from what no cache can know of."""

    name = "knowing"

    def __init__(self, *, notes: bool) -> None:
        self._notes = notes

    def request(self, exchange: Any) -> None:
        who = exchange.request.header(b"x-badge")
        if who is not None and self._notes:
            exchange.note("badge", who)
        elif who is not None:
            exchange.request.set_header(b"x-user", who)


def test_what_filters_find_out_of_who_asks_is_in_the_key() -> None:
    for notes in (True, False):
        edge = CachedEdge(filters=[_Knowing(notes=notes)])
        edge.ask(asks("/x", "X-Badge: a"), answer(b"a"))
        edge.ask(asks("/x", "X-Badge: b"), answer(b"b"))
        assert [body_of(edge.ask(asks("/x", f"X-Badge: {one}"))) for one in "ab"] == [b"a", b"b"]
        edge.end()


def test_a_field_that_is_named_is_in_the_key_whoever_asks() -> None:
    edge = CachedEdge(cache={"shared": True, "vary": ("x-tenant",)})
    edge.ask(asks("/x", "X-Tenant: a"), answer(b"a"))
    edge.ask(asks("/x", "X-Tenant: b"), answer(b"b"))
    assert body_of(edge.ask(asks("/x", "X-Tenant: a", "Cookie: c"))) == b"a"
    edge.end()


def test_a_digest_is_of_the_body_and_of_what_is_said_of_it() -> None:
    request = Request()
    request.method, request.content_length = b"POST", 1
    found = {digest_of(request, b"a"), digest_of(request, b"b")}
    request.fields = b"content-type: text/plain\r\n"
    found.add(digest_of(request, b"a"))
    request.fields = b"content-encoding: text/plain\r\n"
    found.add(digest_of(request, b"a"))
    assert len(found) == 4
    assert digest_of(Request(), b"") == b""


class Asking:
    """A filter that lets requests pass by a field, and tells nobody what it has found."""

    name = "asking"
    decides_by = (b"x-session",)

    def request(self, exchange: Any) -> None:
        """Everybody passes."""


@pytest.mark.parametrize("is_shared", [False, True])
def test_what_a_filter_decides_by_says_who_asks(is_shared: bool) -> None:
    edge = CachedEdge(filters=[Asking()], cache={"shared": is_shared})
    edge.ask(asks("/me", "X-Session: a"), answer(b"of a"))
    assert body_of(edge.ask(asks("/me", "X-Session: a"))) == b"of a"
    if is_shared:
        assert body_of(edge.ask(asks("/me", "X-Session: b"))) == b"of a"
    else:
        assert body_of(edge.ask(asks("/me", "X-Session: b"), answer(b"of b"))) == b"of b"
        assert body_of(edge.ask(asks("/me"), answer(b"of nobody"))) == b"of nobody"
    edge.end()
