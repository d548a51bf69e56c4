"""``cors``: preflights, what answers say, and that nothing a service says of it is left."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.exchange.reply import Reply
from fastgw.core.labels import DENIERS
from fastgw.filters.cors import Cors, Origins
from fastgw.testing.edge import Edge, Spy, body_of, head_of, statuses

DENIED = counters.ROUTE_DENIED + DENIERS.index("cors")
OPTIONS: dict[str, Any] = {
    "origins": ("https://app.example", "https://*.edge.example:8443"),
    "methods": ("GET", "PUT"),
    "headers": ("authorization", "x-a"),
    "expose": ("x-b", "x-c"),
    "credentials": True,
    "max_age": 600.0,
    "refuse_others": False,
}
ANY = OPTIONS | {"origins": ("*",), "credentials": False}
SERVED = (
    b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nAccess-control-allow-Credentials: true\r\n"
    b"Access-Control-Expose-Headers: x-secret\r\nAccess-Control-Allow-Origin: https://evil.example\r\n"
    b"Access-Control-Allow-Methods: *\r\nAccess-Control-Allow-Headers: *\r\nAccess-Control-Max-Age: 9\r\n"
    b"Vary: accept-encoding\r\nContent-Length: 2\r\n\r\nok"
)


def asked(origin: str | None = "https://app.example", *fields: str, method: str = "GET") -> bytes:
    lines = [f"{method} / HTTP/1.1", "Host: a.test", *([f"Origin: {origin}"] if origin is not None else []), *fields]
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


def preflight(origin: str = "https://app.example") -> bytes:
    wanted = ("Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-a")
    return asked(origin, *wanted, method="OPTIONS")


def said(data: bytes) -> dict[str, str]:
    """What an answer says of CORS, and of caches; each field once."""
    found = re.findall(r"\r\n(access-control-[a-z-]*|vary): ([^\r]*)", head_of(data).decode())
    assert len(dict(found)) == len(found), found
    return dict(found)


def answer(options: dict[str, Any], request: bytes, served: bytes = SERVED) -> bytes:
    edge = Edge(filters=[Cors("cors", options)])
    client, service = edge.pair(request)
    service.feed(served)
    edge.run()
    data = client.take()
    edge.end()
    return data


def test_a_preflight_is_answered_here() -> None:
    edge = Edge(filters=[Cors("cors", OPTIONS)])
    client = edge.client(preflight())
    data = client.take()
    assert statuses(data) == [204] and not edge.attempts
    assert said(data) == {
        "access-control-allow-origin": "https://app.example",
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "get, put",
        "access-control-allow-headers": "authorization, x-a",
        "access-control-max-age": "600",
        "vary": "origin",
    }
    client.feed(preflight())
    edge.run()
    assert statuses(client.take()) == [204]  # on the same connection
    edge.end()


def test_filters_behind_it_see_no_preflight() -> None:
    edge = Edge(filters=[Cors("cors", OPTIONS), Spy("auth", [], request=lambda _: Reply(401))])
    assert statuses(edge.client(preflight()).take()) == [204]
    refused = edge.client(asked()).take()
    assert statuses(refused) == [401]
    assert said(refused)["access-control-allow-origin"] == "https://app.example"  # the page can read why
    edge.end()


@pytest.mark.parametrize(
    "request_",
    [
        asked(method="OPTIONS"),
        asked("https://app.example", "Access-Control-Request-Method: PUT"),
        asked(None, "Access-Control-Request-Method: PUT", method="OPTIONS"),
    ],
)
def test_what_is_no_preflight_goes_to_the_service(request_: bytes) -> None:
    assert statuses(answer(OPTIONS, request_)) == [200]


def test_a_preflight_of_another_origin_is_refused() -> None:
    told: list[str] = []
    spy = Spy("spy", [], done=lambda exchange: told.append(exchange.error.reason))
    edge = Edge(filters=[spy, Cors("cors", OPTIONS)])
    data = edge.client(preflight("https://evil.example")).take()
    assert statuses(data) == [403]
    assert json.loads(body_of(data))["type"] == "urn:fastgw:error:origin_denied"
    assert said(data) == {"vary": "origin"}
    assert edge.of_route(DENIED) == 1
    assert told == ["pages of this origin may not ask here: 'https://evil.example', says the filter 'cors'"]
    edge.end()


def test_nothing_is_left_of_what_the_service_says_of_it() -> None:
    assert said(answer(OPTIONS, asked()).replace(b"vary: origin", b"x-vary: origin")) == {
        "access-control-allow-origin": "https://app.example",
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "x-b, x-c",
        "vary": "accept-encoding",
    }
    for request in (asked("https://evil.example"), asked(None)):
        data = answer(OPTIONS, request)
        assert statuses(data) == [200]
        assert said(data.replace(b"vary: origin", b"x-vary: origin")) == {"vary": "accept-encoding"}


@pytest.mark.parametrize(
    ("vary", "is_added"),
    [("", True), ("Vary: accept", True), ("Vary: x-origin", True), ("Vary: a, ORIGIN", False), ("Vary: *", False)],
)
@pytest.mark.parametrize("origin", ["https://app.example", "https://evil.example", None])
def test_caches_know_that_the_answer_is_for_one_origin(vary: str, is_added: bool, origin: str | None) -> None:
    lines = f"{vary}\r\n" if vary else ""
    served = f"HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\n\r\n".encode()
    data = answer(OPTIONS, asked(origin), served)
    assert (b"\r\nvary: origin\r\n" in data) == is_added


def test_every_origin_is_a_star_and_no_matter_of_caches() -> None:
    for request in (asked("https://evil.example"), asked(None)):
        assert said(answer(ANY, request)) == {
            "access-control-allow-origin": "*",
            "access-control-expose-headers": "x-b, x-c",
            "vary": "accept-encoding",
        }


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (asked("https://evil.example"), [403]),
        (asked("null"), [403]),
        (asked(), []),
        (asked(None), []),  # no page: a client of another kind
    ],
)
def test_others_are_refused_if_that_is_wanted(request_: bytes, expected: list[int]) -> None:
    edge = Edge(filters=[Cors("cors", OPTIONS | {"refuse_others": True})])
    assert statuses(edge.client(request_).take()) == expected
    edge.end()


def test_the_origin_counts_that_the_client_has_sent() -> None:
    """Whatever a filter behind takes out of what the service gets."""
    edge = Edge(
        filters=[Cors("cors", OPTIONS), Spy("spy", [], request=lambda one: one.request.remove_header(b"origin"))]
    )
    client, service = edge.pair(asked())
    service.feed(SERVED)
    edge.run()
    assert b"access-control-allow-origin: https://app.example\r\n" in client.take()
    edge.end()


@pytest.mark.parametrize(
    ("origin", "is_in"),
    [
        ("https://app.example", True),
        ("https://app.example:443", False),
        ("https://APP.example", False),  # no browser says so
        ("http://app.example", False),
        ("https://app.example.evil.example", False),
        ("https://a.edge.example:8443", True),
        ("https://a.b-c.edge.example:8443", True),
        ("https://edge.example:8443", False),
        ("https://.edge.example:8443", False),
        ("https://a..edge.example:8443", False),
        ("https://a.edge.example", False),
        ("https://evil.example/.edge.example:8443", False),
        ("https://evil.example:1.edge.example:8443", False),
        ("https://user@a.edge.example:8443", False),
        ("https://evil-edge.example:8443", False),
        ("null", False),
        ("", False),
        ("*", False),
        ("https://app.example, https://app.example", False),
    ],
)
def test_which_origins_are_meant(origin: str, is_in: bool) -> None:
    assert (origin.encode() in Origins(OPTIONS["origins"])) == is_in


def test_no_origin_takes_long() -> None:
    """In proportion to its length, and no more: the time of a thousand is that of a few microseconds each."""
    origins = Origins(("https://*.edge.example",))
    evil = [b"https://" + b"a." * 140 + b"!.edge.example", b"https://" + b"a" * 270 + b"!.edge.example", b"a." * 30000]
    begun = time.process_time()
    assert not any(one in origins for one in evil * 1000)
    assert time.process_time() - begun < 1
