"""``rewrite``: the path that the service is asked for."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.config.patterns import read as read_pattern
from fastgw.filters.rewrite import Rewrite
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, Edge, Spy, statuses
from fastgw.wire.target import split_target
from tests.support.examples import examples


def rewrite(**options: Any) -> Rewrite:
    """The filter with these options, as the file has them."""
    if "pattern" in options:
        options["pattern"] = read_pattern(options["pattern"]).text
        options["to"] = tuple(
            int(one) if one.isdigit() else one for one in re.split(r"\$([0-9])", options["to"]) if one
        )
    return Rewrite("r", options)


def target(asked: str, /, *filters: Any, **options: Any) -> str | int:
    """The target that the service gets, or the status of the answer where it gets none."""
    edge = Edge(filters=filters or [rewrite(**options)])
    client = edge.client(GET.replace(b"GET / ", b"GET " + asked.encode() + b" "))
    if not edge.attempts:
        edge.end()
        return statuses(client.take())[0]
    service = edge.connect()
    found: str = service.take().split(b" ")[1].decode()
    service.feed(OK)
    edge.end()
    return found


@pytest.mark.parametrize(
    ("options", "path", "expected"),
    [
        ({"strip_prefix": "/api"}, "/api/x?q=/api", "/x?q=/api"),
        ({"strip_prefix": "/api"}, "/api", "/"),
        ({"strip_prefix": "/api"}, "/api?q", "/?q"),
        ({"strip_prefix": "/api"}, "/api/", "/"),
        ({"strip_prefix": "/api"}, "/apis/x", "/apis/x"),  # whole segments
        ({"strip_prefix": "/api"}, "/x/api", "/x/api"),
        ({"strip_prefix": "/api"}, "/%61pi/x", "/x"),  # in its normal form
        ({"strip_prefix": "/api"}, "/api//x", "//x"),
        ({"add_prefix": "/v2"}, "/x?q", "/v2/x?q"),
        ({"add_prefix": "/v2"}, "/", "/v2/"),
        ({"strip_prefix": "/api", "add_prefix": "/v2"}, "/api/x", "/v2/x"),
        ({"strip_prefix": "/api", "add_prefix": "/v2"}, "/x", "/x"),
        ({"path": "/one"}, "/any/path?q=1", "/one?q=1"),
        ({"pattern": "/models/([^/]+)/(.*)", "to": "/v2/$2/of/$1"}, "/models/m/predict?x", "/v2/predict/of/m?x"),
        ({"pattern": "/models/([^/]+)/(.*)", "to": "/v2/$2/of/$1"}, "/other", "/other"),
        ({"pattern": "/a(/.*)?", "to": "/b$1"}, "/a", "/b"),
        ({"pattern": "/a(/.*)?", "to": "/b$1"}, "/a/c", "/b/c"),
        ({"pattern": "/a(/.*)", "to": "$1"}, "/a/c", "/c"),
        ({"pattern": "/(.*)", "to": "/$1"}, "/%C3%a9/%2F", "/%C3%A9/%2F"),
        ({"pattern": "/(.*)%(.)(.*)", "to": "/$1%$3"}, "/a%2fzb", 404),  # cuts an escape
        ({"pattern": "/(.*)x(.*)", "to": "/$1$2"}, "/.x./b", 404),  # leaves the root
        ({"pattern": "/(.*)x(.*)", "to": "/$1$2"}, "/a/b/.x./c", "/a/c"),
    ],
)
def test_what_the_service_is_asked_for(options: Any, path: str, expected: str | int) -> None:
    assert target(path, **options) == expected


def test_one_behind_the_other() -> None:
    assert (
        target("/api/v1/x?q", rewrite(strip_prefix="/api"), rewrite(strip_prefix="/v1", add_prefix="/v2")) == "/v2/x?q"
    )


@pytest.mark.parametrize(
    ("head", "before", "expected"),
    [
        ("GET /api/x?q", 1, b"GET /v2/x?q HTTP/1.1"),
        ("GET /v2/x", 1, b"GET /v2/x HTTP/1.1"),
        ("GET /api/x", 0, 404),
        ("GET /other", 1, 404),
        ("GET /api/../x", 1, 404),
        ("DELETE /api/x", 1, 405),  # by the path that was made
        ("GET /v2/x", 2, 404),  # the second has moved it away from its route
    ],
)
def test_before_routing_it_is_the_path_that_routes_match(head: str, before: int, expected: bytes | int) -> None:
    filters = [rewrite(strip_prefix="/api", add_prefix="/v2"), Rewrite("away", {"strip_prefix": "/v2"})]
    edge = Edge(filters=filters[: before or 1], before=before, path="/v2/*")
    client = edge.client(GET.replace(b"GET /", head.encode()))
    if isinstance(expected, int):
        assert statuses(client.take()) == [expected]
    else:
        service = edge.connect()
        assert service.take().startswith(expected)
        service.feed(OK)
        assert statuses(client.take()) == [200]
    edge.end()


def test_what_a_route_matches_is_known_behind_its_own_rewrites() -> None:
    paths: list[tuple[bytes, bytes, bytes]] = []

    def look(exchange: Any) -> None:
        request = exchange.request
        paths.append((request.original_path, request.matched_path, request.path))

    filters = [rewrite(strip_prefix="/api"), Rewrite("own", {"path": "/own"}), Spy("look", [], request=look)]
    edge = Edge(filters=filters, before=1)
    _, service = edge.pair(GET.replace(b"GET /", b"GET /api/x") + GET)
    service.feed(OK)
    service.feed(OK)
    assert paths == [(b"/api/x", b"/x", b"/own"), (b"/", b"/", b"/own")]
    edge.end()


def test_the_route_stays() -> None:
    seen: list[Any] = []
    spy = Spy("s", [], done=lambda exchange: seen.append((exchange.route.name, exchange.response.status)))
    edge = Edge(filters=[spy, rewrite(add_prefix="/nowhere")], path="/known/*")
    _, service = edge.pair(GET.replace(b"GET /", b"GET /known/x"))
    service.feed(OK)
    edge.end()
    assert seen == [("all", 200)]


def test_the_whole_of_options_stays() -> None:
    edge = Edge(filters=[rewrite(add_prefix="/v2")])
    client = edge.client(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    assert statuses(client.take()) == [204]
    edge.end()


def test_what_cannot_be_rewritten_is_told() -> None:
    edge = Edge(filters=[rewrite(pattern="/(.*)x(.*)", to="/$1$2")])
    client = edge.client(GET.replace(b"GET /", b"GET /.x."))
    answer = client.take()
    assert statuses(answer) == [404] and b"rewrite_failed" in answer
    edge.end()


def test_a_target_that_grows_too_long_is_refused() -> None:
    edge = Edge(filters=[rewrite(pattern="/(.*)", to="/$1/$1/$1")], limits=usual.limits(uri_length=256))
    client = edge.client(GET.replace(b"GET /", b"GET /" + b"a" * 100))
    answer = client.take()
    assert statuses(answer) == [414] and b"uri_too_long" in answer
    edge.end()


PIECE = st.sampled_from(["a", "b", ".", "..", "x", "/", "//", "%2F", "%41", "~", "%C3%A9", "x.", ".x"])
OPTIONS = st.sampled_from(
    [
        {"strip_prefix": "/a"},
        {"add_prefix": "/v.2"},
        {"strip_prefix": "/a", "add_prefix": "/b"},
        {"path": "/fixed"},
        {"pattern": "/(.*)x(.*)", "to": "/$1$2"},
        {"pattern": "/(.*)(.)(.)", "to": "/$3$1$2"},
        {"pattern": "(.*)/(.)(.*)", "to": "/.$2/$3"},
    ]
)


@settings(max_examples=examples(200), deadline=None)
@given(pieces=st.lists(PIECE, max_size=8), query=st.sampled_from(["", "?", "?a=b&c", "?/../x"]), options=OPTIONS)
def test_a_rewritten_target_is_always_one(pieces: list[str], query: str, options: dict[str, str]) -> None:
    try:
        split_target(("/" + "".join(pieces)).encode())
    except Exception:
        return
    found = target("/" + "".join(pieces) + query, **dict(options))
    if isinstance(found, int):
        assert found == 404
        return
    path, kept = split_target(found.encode())
    assert (path + kept).decode() == found and kept.decode() == query
