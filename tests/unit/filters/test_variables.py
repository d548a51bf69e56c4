"""Variables: what each takes from an exchange."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.filters.request_id import RequestId
from fastgw.filters.variables import MOST_VARIABLES, Template, names, note_bytes, problem
from fastgw.routing.pattern import parse_path
from fastgw.testing.edge import GET, OK, Edge, Spy
from tests.support.models import ModelEdge, post
from tests.support.traced import PARENT, TRACE, TracedEdge

HEAD = (
    b"POST /a/b?q=1&empty=&q=2&tok%3den=x HTTP/1.1\r\nHost: A.test:81\r\nContent-Length: 0\r\nX-Foo: one\r\nx-foo: two\r\n"
    b"X-Real-IP: forged\r\nX-Forwarded-For: 10.9.9.9\r\nX-Request-ID: id-1\r\nCookie: a=1; sid=s%3D; b=2\r\nVia: 1.0 x\r\n\r\n"
)


def filled(*variables: str, head: bytes = HEAD, before: Any = None, **options: Any) -> list[bytes]:
    """What the variables are to a request hook."""
    found: list[bytes] = []

    def look(exchange: Any) -> None:
        found.extend(Template((name,)).fill(exchange) for name in variables)

    edge = Edge(filters=[RequestId("id", {}), Spy("a", [], request=before), Spy("b", [], request=look)], **options)
    _, service = edge.pair(head)
    service.feed(OK)
    edge.end()
    return found


def rewrite_path(exchange: Any) -> None:
    exchange.request.rewrite(b"/x/y")


def test_a_parameter_of_the_path_is_that_of_the_route() -> None:
    pattern = parse_path("/{who}/b")
    assert filled("path.who", "path.other", route={"pattern": pattern}) == [b"a", b""]
    assert filled("path.who") == [b""]  # the route has none
    assert filled("path.who", before=rewrite_path, route={"pattern": pattern}) == [b"a"]  # it is what was asked for


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client.address", b"127.0.0.1"),
        ("listener.name", b"edge"),
        ("route.name", b"all"),
        ("request.authority", b"A.test:81"),
        ("request.host", b"a.test"),
        ("request.id", b"id-1"),
        ("request.method", b"POST"),
        ("request.original_path", b"/a/b"),
        ("request.path", b"/a/b"),
        ("request.query", b"q=1&empty=&q=2&tok%3den=x"),
        ("request.scheme", b"http"),
        ("request.target", b"/a/b?q=1&empty=&q=2&tok%3den=x"),
        ("header.X-Foo", b"one, two"),
        ("header.x-none", b""),
        ("header.host", b"A.test:81"),
        ("header.x-request-id", b"id-1"),
        ("header.via", b"1.0 x"),
        ("header.x-real-ip", b""),  # this client is not trusted: what it claims does not come back in by a variable
        ("header.x-forwarded-for", b""),
        ("cookie.sid", b"s%3D"),
        ("cookie.a", b"1"),
        ("cookie.id", b""),
        ("query.q", b"1"),
        ("query.empty", b""),
        ("query.none", b""),
        ("note.none", b""),
        ("note.none.below", b""),
    ],
)
def test_of_a_request(name: str, value: bytes) -> None:
    assert problem(name, is_answer=False) == ""
    assert filled(name) == [value]


def test_of_a_trusted_peer() -> None:
    head = HEAD.replace(b"Via:", b"X-Forwarded-Proto: https\r\nX-Forwarded-Host: pub.test\r\nVia:")
    names = ("header.x-forwarded-for", "header.x-forwarded-host", "request.scheme", "header.x-real-ip")
    assert filled(*names, head=head, trusted=["127.0.0.0/8"]) == [b"10.9.9.9", b"pub.test", b"https", b"forged"]


def test_what_a_listener_drops_is_not_there() -> None:
    assert filled("header.x-foo", listener={"drop_headers": ("x-foo",)}) == [b""]


def test_what_earlier_filters_did_is_seen() -> None:
    def before(exchange: Any) -> None:
        exchange.request.set_header(b"x-foo", b"new")
        exchange.request.rewrite(b"/v2")
        exchange.note("claims", {"sub": "me", "aud": ["a", "b"], "age": 7})
        exchange.note("raw", b"bytes")

    names = ("header.x-foo", "request.path", "request.target", "request.original_path")
    target = b"/v2?q=1&empty=&q=2&tok%3den=x"
    assert filled(*names, before=before) == [b"new", b"/v2", target, b"/a/b"]
    names = ("note.claims.sub", "note.claims.aud", "note.claims.age", "note.claims.none", "note.raw", "note.raw.x")
    assert filled(*names, before=before) == [b"me", b"a, b", b"7", b"", b"bytes", b""]


def test_of_an_answer() -> None:
    found: list[bytes] = []
    asked = ("response.status", "service.name", "endpoint.address", "response.header.Server", "response.header.x-none")

    def look(exchange: Any) -> None:
        found.extend(Template((name,)).fill(exchange) for name in asked)

    edge = Edge(filters=[Spy("a", [], response=look)])
    _, service = edge.pair()
    service.feed(OK.replace(b"\r\n\r\n", b"\r\nServer: x\r\n\r\n"))
    edge.end()
    assert found == [b"200", b"s", b"127.0.0.1:9000", b"x", b""]


def test_of_an_answer_without_a_service() -> None:
    found: list[bytes] = []
    template = Template((b"[", "service.name", b"|", "endpoint.address", b"]"))
    edge = Edge(filters=[Spy("a", [], response=lambda exchange: found.append(template.fill(exchange)))], path="/known")
    edge.client(HEAD)
    edge.end()
    assert found == [b"[|]"]


@pytest.mark.parametrize("is_answer", [False, True])
def test_every_name_that_is_shown_is_one(is_answer: bool) -> None:
    shown = names(is_answer=is_answer)
    assert sorted(shown) == list(shown) and len(shown) < MOST_VARIABLES
    for name in shown:
        assert problem(name.replace("NAME", "x"), is_answer=is_answer) == ""
    assert set(names(is_answer=False)) <= set(names(is_answer=True))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, b""),
        (True, b"true"),
        (False, b"false"),
        (1.5, b"1.5"),
        ("é", "é".encode()),
        ((1, "a"), b"1, a"),
        ([], b""),
    ],
)
def test_a_note_as_text(value: Any, text: bytes) -> None:
    assert note_bytes(value) == text


def test_blanks_around_a_value_go() -> None:
    assert filled("header.x-foo", before=lambda exchange: exchange.note("a", " b ")) == [b"one, two"]
    assert filled("note.a", before=lambda exchange: exchange.note("a", " b\t")) == [b"b"]


def test_the_trace_is_that_of_the_record_or_of_what_the_service_is_told() -> None:
    seen: list[bytes] = []
    fill = Template(("trace.id", b" ", "span.id")).fill
    spy = Spy("spy", [], request=lambda exchange: seen.append(fill(exchange)))
    edge = TracedEdge(filters=[spy], sample=0.5, numbers=[7, 1 << 55, 2, 3, 0, 4, 5])
    _, service = edge.pair(GET)
    service.feed(OK)
    edge.client(GET)
    [traced] = edge.recorded()
    assert seen == [b"%b %b" % (traced.id, traced.whole.id), b"%032x %016x" % (4, 5)]
    edge.end()


@pytest.mark.parametrize(
    ("lines", "value"), [(b"", b""), (b"traceparent: none\r\n", b""), (b"traceparent: " + PARENT + b"\r\n", TRACE)]
)
def test_without_traces_it_is_what_the_client_says(lines: bytes, value: bytes) -> None:
    seen: list[bytes] = []
    edge = Edge(filters=[Spy("spy", [], request=lambda exchange: seen.append(Template(("trace.id",)).fill(exchange)))])
    edge.client(GET[:-2] + lines + b"\r\n")
    assert seen == [value]
    edge.end()


def test_what_the_body_of_a_request_to_a_model_says() -> None:
    found: list[bytes] = []
    names = ("user", "n", "max_tokens", "stream", "model")

    def look(exchange: Any) -> None:
        found.extend(Template((f"note.asked_model.{name}",)).fill(exchange) for name in names)

    edge = ModelEdge(filters=[Spy("a", [], done=look)])
    edge.client(post(b'{"model":"small","user":"\\u0061nn","n":3,"max_tokens":1.5,"stream":true}'))
    edge.connect(port=9001).feed(OK)
    edge.client(GET)
    edge.end()
    assert found == [b"ann", b"3", b"", b"", b"small", *[b""] * 5]
    assert problem("note.asked_model.user", is_answer=False) == ""
    assert "is not known of a request to a model: model, stream" in problem("note.asked_model.usr", is_answer=False)
