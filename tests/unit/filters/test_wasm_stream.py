"""An exchange as a guest sees it."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.filters.wasm_stream import PROPERTIES, ExchangeStream
from fastgw.testing.edge import Edge, statuses

OK, BAD = 0, 2
REQUEST, REQUEST_TRAILERS, RESPONSE, RESPONSE_TRAILERS = range(4)
GET = b"GET /a/b?q=1 HTTP/1.1\r\nHost: A.test:80\r\nX-A: 1\r\nx-a: 2\r\nCookie: c=d\r\nUser-Agent: u\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-B: 1\r\n\r\nok"


class Look:
    """Calls a test with what it sees."""

    name = "look"

    def __init__(self, request: Any = None, answer: Any = None) -> None:
        self._on_request, self._on_answer = request, answer
        self.seen = 0

    def request(self, exchange: Any) -> None:
        if self._on_request:
            self.seen += 1
            self._on_request(ExchangeStream(exchange, "look"))

    def response(self, exchange: Any) -> None:
        if self._on_answer:
            self.seen += 1
            self._on_answer(ExchangeStream(exchange, "look"))


def passed(request: Any = None, answer: Any = None) -> tuple[bytes, bytes, Edge]:
    """What the service and the client got."""
    look = Look(request, answer)
    edge = Edge(filters=[look])
    client, service = edge.pair(GET)
    got = service.take()
    service.feed(ANSWER)
    told = client.take()
    assert look.seen == bool(request) + bool(answer)
    edge.end()
    return got, told, edge


def test_pseudo_fields_stand_in_front() -> None:
    def look(stream: ExchangeStream) -> None:
        pairs = stream.pairs(REQUEST)
        assert pairs is not None and stream.count(REQUEST) == len(pairs)
        assert pairs[:4] == [
            *((b":method", b"GET"), (b":path", b"/a/b?q=1"), (b":authority", b"A.test:80"), (b":scheme", b"http"))
        ]
        assert (b"x-a", b"1") in pairs and (b"x-a", b"2") in pairs
        assert stream.value(REQUEST, b":method") == b"GET" and stream.value(REQUEST, b"x-a") == b"1, 2"
        assert stream.value(REQUEST, b":none") is None and stream.value(REQUEST, b"none") is None
        assert stream.pairs(RESPONSE) is None and stream.value(RESPONSE, b"x-b") is None
        assert stream.pairs(REQUEST_TRAILERS) == [] and stream.pairs(RESPONSE_TRAILERS) is None
        assert stream.pairs(7) is None and stream.value(7, b"a") is None
        assert stream.edit(RESPONSE, (), ((b"a", b"b"),)) == BAD and stream.put(RESPONSE, ()) == BAD
        assert stream.can_reply

    def look_again(stream: ExchangeStream) -> None:
        assert stream.pairs(RESPONSE) == [(b":status", b"200"), (b"content-length", b"2"), (b"x-b", b"1")]
        assert stream.count(RESPONSE) == 3 and stream.value(RESPONSE, b":status") == b"200"
        assert stream.edit(REQUEST, (), ((b"a", b"b"),)) == BAD  # it has gone
        assert stream.value(REQUEST, b"x-a") == b"1, 2"

    passed(look, look_again)


@pytest.mark.parametrize(
    ("removed", "added", "status"),
    [
        ((b"x-a",), (), OK),
        ((), ((b"x-n", b"1"),), OK),
        ((), ((b"x-n", b"1\r\nevil: 1"),), BAD),
        ((), ((b"x n", b"1"),), BAD),
        ((), ((b"x-n", b"a" * 70_000),), BAD),
        ((b"content-length",), (), OK),  # nothing happens
        ((), ((b"transfer-encoding", b"chunked"),), OK),
        ((b"host",), ((b"host", b"b.test"),), BAD),
        ((), ((b"x-forwarded-for", b"1.2.3.4"),), BAD),
        ((b":authority",), ((b":authority", b"b.test"),), BAD),
        ((b":authority",), ((b":authority", b"A.test:80"),), OK),  # it says so already
        ((b":method",), ((b":method", b"PUT"),), BAD),
        ((b":path",), (), BAD),
        ((b":path",), ((b":path", b"/c"),), OK),
        ((b":path",), ((b":path", b"/c?q=1"),), OK),
        ((b":path",), ((b":path", b"c"),), BAD),
        ((b":path",), ((b":path", b"/../.."),), BAD),
        ((b":path",), ((b":path", b"/c?a b"),), BAD),
        ((b":path",), ((b":path", b"c?x"),), BAD),
        ((b":path",), ((b":path", b"/c\r\nevil: 1"),), BAD),
        ((b":path",), ((b":path", b"/c#d"),), BAD),
        ((b":path",), ((b":path", b"/a/b?q=1"),), OK),
        ((b":path",), ((b":path", b"/" + b"c" * 9000),), BAD),
    ],
)
def test_what_may_be_changed_of_a_request(
    removed: tuple[bytes, ...], added: tuple[tuple[bytes, bytes], ...], status: int
) -> None:
    found: list[int] = []
    got, _, _ = passed(lambda stream: found.append(stream.edit(REQUEST, removed, added)))
    assert found == [status] and b"evil" not in got and b"b.test" not in got
    if status == OK and removed == (b"x-a",):
        assert b"X-A" not in got
    if added and added[0][1] == b"/c":
        assert got.startswith(b"GET /c HTTP/1.1\r\n")
    if status == BAD:
        assert got.startswith(b"GET /a/b?q=1 HTTP/1.1\r\n")


def test_what_may_be_changed_of_an_answer() -> None:
    def look(stream: ExchangeStream) -> None:
        assert stream.edit(RESPONSE, (b"x-b",), ((b"x-b", b"2"),)) == OK
        assert stream.edit(RESPONSE, (b":status",), ((b":status", b"418"),)) == OK
        assert stream.edit(RESPONSE, (b":status",), ((b":status", b"204"),)) == BAD  # it has a body
        assert stream.edit(RESPONSE, (b":status",), ((b":status", b"xx"),)) == BAD
        assert stream.edit(RESPONSE, (b"date",), ()) == BAD

    _, told, _ = passed(answer=look)
    assert statuses(told) == [418] and b"x-b: 2\r\n" in told


def test_all_fields_at_once() -> None:
    def look(stream: ExchangeStream) -> None:
        pairs = [*(stream.pairs(REQUEST) or ())]
        kept = [one for one in pairs if one[0] != b"x-a"]
        assert stream.put(REQUEST, [*kept, (b"x-n", b"1"), (b"host", b"b.test"), (b"content-length", b"9")]) == OK
        assert stream.put(REQUEST, [(b":method", b"PUT")]) == BAD
        assert stream.put(REQUEST, [(b"x-n", b"\n")]) == BAD

    got, _, _ = passed(look, lambda stream: stream.put(RESPONSE, [(b":status", b"200"), (b"x-n", b"2")]))
    assert b"x-n: 1\r\n" in got and b"X-A" not in got and b"b.test" not in got and b"cookie: c=d\r\n" in got.lower()


def test_all_of_an_answer_at_once() -> None:
    _, told, _ = passed(answer=lambda stream: stream.put(RESPONSE, [(b":status", b"201"), (b"x-n", b"2")]))
    assert statuses(told) == [201] and b"x-n: 2\r\n" in told and b"X-B" not in told and b"Content-Length: 2\r\n" in told


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("source.address", b"127.0.0.1"),
        ("request.path", b"/a/b?q=1"),
        ("request.url_path", b"/a/b"),
        ("request.query", b"q=1"),
        ("request.method", b"GET"),
        ("request.host", b"A.test:80"),
        ("request.scheme", b"http"),
        ("request.protocol", b"HTTP/1.1"),
        ("request.id", None),
        ("request.size", b"\0" * 8),
        ("request.useragent", b"u"),
        ("request.referer", None),
        ("request.headers.x-a", b"1, 2"),
        ("response.headers.x-b", None),
        ("response.code", None),
        ("response.size", b"\0" * 8),
        ("upstream.address", None),
        ("cluster_name", None),
        ("route_name", b"all"),
        ("listener_name", b"edge"),
        ("no.such", None),
    ],
)
def test_properties(path: str, value: bytes | None) -> None:
    found: list[bytes | None] = []
    passed(lambda stream: found.append(stream.known(path.encode().split(b"."))))
    assert found == [value]


def test_properties_of_an_answer() -> None:
    def look(stream: ExchangeStream) -> None:
        assert stream.known([b"response", b"code"]) == (200).to_bytes(8, "little")
        assert stream.known([b"cluster_name"]) == b"s" and stream.known([b"upstream", b"address"])
        for path in PROPERTIES:
            stream.known(path.encode().split(b"."))

    passed(answer=look)


def test_a_line_names_the_filter() -> None:
    _, _, edge = passed(lambda stream: stream.log("warning", "hm"))
    assert edge.log == [("warning", "a filter says", {"filter": "look", "text": "hm"})]
