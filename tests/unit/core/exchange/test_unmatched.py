"""Requests that no route takes: how their errors look, and ``OPTIONS *``."""

from __future__ import annotations

import json

from fastgw.core.snapshot.snapshot import Listener, Route
from fastgw.routing import Router, Rule
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, Edge, Spy, body_of, head_of, statuses

STAR = b"OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n"


def listener(edge: Edge, *rules: tuple[str, str, str], fallback: Route | None = None) -> Listener:
    """One whose routes are of path, methods and error format."""
    table = [
        Rule(
            name=f"r{number}",
            path=path,
            host="",
            methods=frozenset(methods.split()),
            headers=(),
            payload=usual.route(f"r{number}", 1, service=edge.service, errors=word, chain=edge.route.chain),
        )
        for number, (path, methods, word) in enumerate(rules)
    ]
    return usual.listener("edge", Router(table), fallback or edge.fallback)


def asked(edge: Edge, method: bytes, path: bytes) -> tuple[int, str]:
    """Status, and the shape of the body."""
    client = edge.client(b"%b %b HTTP/1.1\r\nHost: a.test\r\n\r\n" % (method, path))
    got = client.take()
    return statuses(got)[0], "openai" if "error" in json.loads(body_of(got)) else "problem"


def test_errors_have_the_shape_of_the_only_one_there_is() -> None:
    edge = Edge()
    edge.install(listener(edge, ("/v1/chat", "POST", "openai"), ("/v1/models", "", "openai")))
    assert asked(edge, b"GET", b"/") == (404, "openai")
    assert asked(edge, b"GET", b"/v1/chat") == (405, "openai")
    edge.end()


def test_errors_have_the_shape_of_the_nearest_routes() -> None:
    edge = Edge()
    edge.install(
        listener(edge, ("/v1/chat", "POST", "openai"), ("/v1/models/*", "", "openai"), ("/app", "GET", "problem"))
    )
    assert asked(edge, b"GET", b"/v1/chats") == (404, "openai")
    assert asked(edge, b"GET", b"/v1/chat") == (405, "openai")
    assert asked(edge, b"POST", b"/app") == (405, "problem")
    assert asked(edge, b"POST", b"/app/x") == (404, "problem")
    edge.end()


def test_what_has_no_path_has_the_shape_of_all_routes_or_is_a_problem() -> None:
    edge = Edge()
    edge.install(listener(edge, ("/v1/*", "", "openai")))
    assert asked(edge, b"GET", b"/^") == (400, "openai")
    edge.install(listener(edge, ("/v1/*", "", "openai"), ("/v2/*", "", "openai"), ("/app", "", "problem")))
    assert asked(edge, b"GET", b"/^") == (400, "problem")
    edge.end()


def test_a_listener_without_routes_answers_with_problems() -> None:
    edge = Edge()
    edge.install(listener(edge))
    assert asked(edge, b"GET", b"/") == (404, "problem")
    edge.end()


def test_every_fallback_counts_and_is_seen_by_the_hooks_as_one() -> None:
    journal: list[str] = []
    edge = Edge(filters=[Spy("a", journal)])
    found = listener(edge, ("/v1/*", "", "openai"), ("/app", "", "problem"))
    one, other = found.fallbacks.find(b"", b"/v1"), found.fallbacks.find(b"", b"/app/x")
    assert one is not other
    assert (one.name, one.slot, one.chain) == (other.name, other.slot, other.chain)
    edge.install(found)
    assert asked(edge, b"GET", b"/v2") == (404, "problem")
    assert journal == ["a.request", "a.response", "a.done"]
    edge.end()


# --- OPTIONS *


def test_options_of_the_whole_is_answered_here() -> None:
    """RFC 9110 section 9.3.7."""
    edge = Edge()
    client = edge.client(STAR + GET)
    got = client.take()
    assert statuses(got) == [204]
    assert b"\r\nallow: get, head, options, post, put, query\r\n" in head_of(got)
    assert b"content-length" not in head_of(got)
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_options_of_the_whole_goes_to_a_route_that_asks_for_it() -> None:
    edge = Edge(path="*")
    client = edge.client(STAR)
    service = edge.connect()
    assert service.take().startswith(b"OPTIONS * HTTP/1.1\r\n")
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()
