"""JSON of requests becomes messages: whole, or line by line; what does not fit is refused with its place, and never looks complete."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.testing.edge import body_of, statuses
from tests.support.bodies import Elsewhere, plain
from tests.support.transcoded import answer, ask, encoded, stage

UPLOAD = "POST /v1/books:upload"
LINES = "application/x-ndjson"


def sent(request: bytes, **options: Any) -> bytes:
    edge, _ = stage(**options)
    edge.client(request)
    return plain(edge.connect().take())


@pytest.mark.parametrize(
    ("line", "document", "name", "fields"),
    [
        (
            "POST /v1/shelves/1/books",
            {"title": "t"},
            "CreateBookRequest",
            {"parent": "shelves/1", "book": {"title": "t"}},
        ),
        ("POST /library.v1.Library/UpdateBook", {"title": "t"}, "Book", {"title": "t"}),
        ("POST /v1/rename/a%2Fb/c", "t", "RenameBookRequest", {"name": "a%2Fb/c", "title": "t"}),
        ("POST /library.v1.Library/GetBook", {"name": "x"}, "GetBookRequest", {"name": "x"}),
        ("POST /v1/shelves/1/books/2:archive", None, "GetBookRequest", {"name": "shelves/1/books/2"}),
        (UPLOAD, {"title": "one"}, "Book", {"title": "one"}),
    ],
)
def test_what_the_service_gets(line: str, document: Any, name: str, fields: dict[str, Any]) -> None:
    assert sent(ask(line, document)) == encoded(name, **fields)


def test_a_list_is_a_stream() -> None:
    request = ask(UPLOAD, [{"title": "one"}, {"title": "two"}])
    assert sent(request) == encoded("Book", title="one") + encoded("Book", title="two")


def test_bytes_are_what_they_are() -> None:
    request = ask("PUT /v1/covers/x", b"\xff\xd8", kind="image/jpeg")
    expected = encoded("CoverRequest", name="x", cover={"content_type": "image/jpeg", "data": b"\xff\xd8"})
    assert sent(request) == expected


@pytest.mark.parametrize(
    ("line", "document", "status", "code", "detail"),
    [
        ("POST /v1/shelves/1/books", {"authors": [{"name": 3}]}, 400, "message_misfit", "book.authors[0].name: expected a string"),
        ("POST /v1/rename/a", {"a": 1}, 400, "message_misfit", "title: expected a string, got an object"),
        (UPLOAD, [], 0, "", ""),
        (UPLOAD, [{}, 3], 400, "message_misfit", "the body: expected an object, got a number"),
        ("POST /library.v1.Library/UpdateBook", [], 400, "message_misfit", "the body: expected an object, got a list"),
        ("POST /v1/rename/a", b"{", 400, "json_malformed", "the body is no JSON: unexpected end of data, at character 2"),
        ("POST /v1/shelves/1/books/2:archive", {}, 400, "message_misfit", "the body: this method takes none"),
        ("POST /v1/rename/a", "x" * 10_001, 413, "json_too_large", "the body has more than the 10000 bytes"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(line: str, document: Any, status: int, code: str, detail: str) -> None:
    edge, _ = stage()
    client = edge.client(ask(line, document))
    told = client.take()
    if not status:
        assert edge.attempts
        return
    assert statuses(told) == [status]
    problem = orjson.loads(body_of(told))
    assert problem["type"] == f"urn:fastgw:error:{code}"
    assert detail in problem["detail"]
    assert not edge.attempts
    edge.end()


def test_lines_go_as_they_come() -> None:
    edge, _ = stage()
    head = f"{UPLOAD} HTTP/1.1\r\nHost: a.test\r\nContent-Type: {LINES}\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    client = edge.client(head.encode())
    service = edge.connect()
    assert b"expect" not in service.take()
    assert client.take() == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.feed(b'f\r\n{"title":"one"}\r\n4\r\n\n{"t\r\n')
    first = encoded("Book", title="one")
    assert first in service.take()
    client.feed(b'c\r\nitle":"two"}\r\n0\r\n\r\n')
    assert encoded("Book", title="two") in service.take()
    service.feed(answer(encoded("ListBooksResponse")))
    assert statuses(client.take()) == [200]
    edge.end()


@pytest.mark.parametrize(
    ("data", "status", "detail"),
    [
        (b'{}\n{"title":3}\n', 400, "line 2: title: expected a string, got a number"),
        (b"{}\n\n{\n", 400, "line 2: the body is no JSON"),
        (b"{}\n" + b'{"title":"' + b"x" * 10_001, 413, "a line has more than the 10000 bytes"),
    ],
)
def test_a_line_that_does_not_fit_ends_the_request(data: bytes, status: int, detail: str) -> None:
    edge, _ = stage()
    client = edge.client(ask(UPLOAD, data, kind=LINES))
    told = client.take()
    assert statuses(told) == [status]
    assert detail in orjson.loads(body_of(told))["detail"]


def test_what_is_large_is_made_elsewhere() -> None:
    elsewhere = Elsewhere()
    edge, _ = stage(submit=elsewhere, inline_bytes=5)
    edge.client(ask("POST /v1/rename/a", "long enough"))
    assert not edge.attempts
    elsewhere.do()
    edge.run()
    assert plain(edge.connect().take()) == encoded("RenameBookRequest", name="a", title="long enough")


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "book", "authors", "extra", "blob", "@type", "cover", "id"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@given(
    st.sampled_from(["POST /v1/shelves/1/books", "POST /library.v1.Library/UpdateBook", UPLOAD]),
    _VALUES,
    st.text("a=&%.1", max_size=6),
)
def test_whatever_a_client_says_it_is_a_call_or_is_refused(line: str, document: Any, query: str) -> None:
    edge, _ = stage()
    client = edge.client(ask(f"{line}?{query}", document))
    told = client.take()
    if edge.attempts:
        assert not told
        return
    assert statuses(told) == [400]
    assert not edge.events("a filter failed")
    edge.end()
