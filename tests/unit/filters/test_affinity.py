"""The cookie of a service: bytes in, bytes out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from fastgw.core.exchange.reply import Reply
from fastgw.filters.affinity import AffinityCookie, AffinityFilter
from fastgw.testing.edge import Edge, Spy

SECRET = "s" * 16
OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Stuck:
    """A balancer that always takes the same."""

    place = 0

    def pick(self, candidates: Any) -> Any:
        return candidates[self.place]


def edge_of(affinity: AffinityCookie, *filters: Any, **options: Any) -> Edge:
    edge = Edge(filters=[*filters, AffinityFilter({"s": affinity})], endpoints=3, **options)
    stuck = Stuck()
    edge.service.balancer = stuck
    edge.service.pick_for = affinity.around(lambda candidates, _: stuck.pick(candidates))
    return edge


def asked(edge: Edge, cookie: bytes = b"", more: bytes = b"", answer: bytes = OK) -> tuple[int, list[bytes]]:
    """The port of who got the request, and the cookies of its answer."""
    line = b"Cookie: a=1; stay=" + cookie + b"\r\n" if cookie else b""
    client = edge.client(b"GET / HTTP/1.1\r\nHost: a.test\r\n" + line + more + b"Connection: close\r\n\r\n")
    (attempt,) = edge.attempts
    service = edge.connect()
    service.feed(answer)
    edge.run()
    return attempt.target["port"], re.findall(rb"(?mi)^set-cookie: *(.*)\r$", client.take())


def affinity(**options: Any) -> AffinityCookie:
    return AffinityCookie(**{"service": "s", "cookie": "stay", "secrets": (SECRET,), "ttl": 0, **options})


def value(cookie: bytes) -> bytes:
    return cookie.partition(b";")[0].removeprefix(b"stay=")


@pytest.fixture
def edge() -> Iterator[Edge]:
    found = edge_of(affinity())
    yield found
    found.end()


def test_a_client_comes_back_to_who_has_answered_it(edge: Edge) -> None:
    edge.service.balancer.place = 2  # type: ignore[attr-defined]
    port, (cookie,) = asked(edge)
    assert port == 9002
    assert re.fullmatch(rb"stay=[A-Za-z0-9_-]{22}; Path=/; HttpOnly; SameSite=Lax", cookie)
    edge.service.balancer.place = 0  # type: ignore[attr-defined]
    assert asked(edge, value(cookie)) == (9002, [])  # there, and told nothing that it knows


@pytest.mark.parametrize("cookie", [b"127.0.0.1:9002", b"x" * 22, b"%00", b"x" * 4000])
def test_what_is_forged_chooses_nobody_and_is_replaced(edge: Edge, cookie: bytes) -> None:
    port, (told,) = asked(edge, cookie)
    assert port == 9000 and value(told) != cookie


def test_who_is_ejected_is_left_for_another_and_so_is_the_cookie(edge: Edge) -> None:
    edge.service.balancer.place = 2  # type: ignore[attr-defined]
    _, (cookie,) = asked(edge)
    edge.service.balancer.place = 0  # type: ignore[attr-defined]
    edge.service.members.ready = tuple(edge.endpoints[:2])
    port, (other,) = asked(edge, value(cookie))
    assert port == 9000 and value(other) != value(cookie)
    edge.service.members.ready = tuple(edge.endpoints)
    assert asked(edge, value(other)) == (9000, [])


def test_who_answers_instead_is_who_is_named(edge: Edge) -> None:
    """The first endpoint refuses: the cookie is that of the second."""
    client = edge.client(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
    edge.refuse()
    (attempt,) = edge.attempts
    edge.connect().feed(OK)
    edge.run()
    (cookie,) = re.findall(rb"(?mi)^set-cookie: *(.*)\r$", client.take())
    assert asked(edge, value(cookie)) == (attempt.target["port"], [])


def test_it_is_secure_where_the_client_speaks_tls_and_kept_as_long_as_is_said() -> None:
    found = edge_of(affinity(ttl=3600), trusted=["127.0.0.0/8"])
    _, (cookie,) = asked(found, more=b"X-Forwarded-Proto: https\r\n")
    assert cookie.endswith(b"; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600; Secure")
    found.end()
    found = edge_of(affinity(), trusted=["127.0.0.0/8"], listener={"scheme": b"https"})
    assert asked(found)[1][0].endswith(b"; Secure")
    found.end()


def test_what_the_gateway_answers_itself_sets_none() -> None:
    found = edge_of(affinity(), Spy("a", [], request=lambda _: Reply(403, b"no")))
    client = found.client(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    assert b"set-cookie" not in client.take().lower()
    found.end()
    found = edge_of(affinity())
    client = found.client(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    for _ in range(2):
        found.refuse()
    assert b" 502 " in (answer := client.take()) and b"set-cookie" not in answer.lower()
    found.end()


def test_cookies_of_the_service_stay(edge: Edge) -> None:
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: own=1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    _, cookies = asked(edge, answer=answer)
    assert len(cookies) == 2 and b"own=1" in cookies
