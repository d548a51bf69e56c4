"""``headers``: bytes in, bytes out."""

from __future__ import annotations

import re
from typing import Any

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.core.exchange.reply import Reply
from fastgw.filters.headers import Headers
from fastgw.filters.request_id import RequestId
from fastgw.filters.rewrite import Rewrite
from fastgw.testing.edge import CHUNKED, GET, OK, SWITCHING, WEBSOCKET, Edge, Spy, statuses
from tests.support.examples import examples

ASKED = b"GET /a?b=c HTTP/1.1\r\nHost: a.test\r\nX-A: 1\r\nx-a: 2\r\nX-B: 3\r\nX-Real-IP: forged\r\nX-Forwarded-For: 10.9.9.9\r\n\r\n"


def headers(request: Any = None, response: Any = None) -> Headers:
    def pairs(side: Any) -> Any:
        return tuple((key, tuple(one.items()) if isinstance(one, dict) else one) for key, one in (side or {}).items())

    return Headers("h", {"request": pairs(request), "response": pairs(response)})


def sent(*filters: Any, head: bytes = ASKED, **options: Any) -> bytes:
    """What the service gets."""
    edge = Edge(filters=filters, **options)
    _, service = edge.pair(head)
    found = service.take()
    service.feed(OK)
    edge.end()
    return found


def lines(data: bytes, name: bytes) -> list[bytes]:
    """The values of a field's lines."""
    return [found.strip() for found in re.findall(rb"(?mi)^%b:(.*)\r$" % name, data)]


def test_set_replaces_every_line() -> None:
    got = sent(headers({"set": {"x-a": (b"new",), "x-c": (b"more",)}}))
    assert (lines(got, b"x-a"), lines(got, b"x-b"), lines(got, b"x-c")) == ([b"new"], [b"3"], [b"more"])


def test_add_keeps_what_is_there_and_repeats() -> None:
    got = sent(headers({"add": {"x-a": ((b"3",), (b"4",))}}))
    assert lines(got, b"x-a") == [b"1", b"2", b"3", b"4"]


def test_remove_takes_every_line() -> None:
    got = sent(headers({"remove": ("x-a", "x-none")}))
    assert (lines(got, b"x-a"), lines(got, b"x-b")) == ([], [b"3"])


def test_variables_are_filled_in() -> None:
    value = (b"for=", "client.address", b";host=", "request.host", b";path=", "request.path")
    got = sent(headers({"set": {"x-real-ip": ("client.address",), "forwarded": value}}))
    assert lines(got, b"x-real-ip") == [b"127.0.0.1"]  # and not what the client claims
    assert lines(got, b"forwarded") == [b"for=127.0.0.1;host=a.test;path=/a"]


def test_a_value_without_anything_is_not_sent_nor_what_it_replaces() -> None:
    got = sent(headers({"set": {"x-a": ("header.x-none",)}, "add": {"x-b": (("header.x-none",),)}}))
    assert (lines(got, b"x-a"), lines(got, b"x-b")) == ([], [b"3"])


def test_a_value_is_that_before_any_change() -> None:
    """Values are filled in first: one may be made of a field that the same filter removes."""
    got = sent(headers({"set": {"x-new": ("header.x-a",)}, "remove": ("x-a",)}))
    assert (lines(got, b"x-new"), lines(got, b"x-a")) == ([b"1, 2"], [])


def test_later_filters_see_it() -> None:
    got = sent(headers({"set": {"x-a": (b"new",)}}), headers({"set": {"x-copy": ("header.x-a",)}}))
    assert lines(got, b"x-copy") == [b"new"]


def test_with_the_other_filters() -> None:
    rewrite = Rewrite("r", {"strip_prefix": None, "add_prefix": "/v2", "path": None, "pattern": None, "to": None})
    value = ("request.id", b" ", "request.original_path", b" ", "request.path")
    got = sent(RequestId("id", {}, bytes(16)), rewrite, headers({"set": {"x-log": value}}))
    assert got.startswith(b"GET /v2/a?b=c HTTP/1.1\r\n")
    assert lines(got, b"x-log") == [lines(got, b"x-request-id")[0] + b" /a /v2/a"]


def test_with_fields_a_listener_drops() -> None:
    """What a client may not send, a filter may."""
    options = {"drop_headers": ("x-a",)}
    assert lines(sent(headers({"add": {"x-a": ((b"ours",),)}}), listener=options), b"x-a") == [b"ours"]


def test_what_the_gateway_says_of_the_client_stays() -> None:
    got = sent(headers({"set": {"x-forwarded-prefix": (b"/a",)}}))
    assert lines(got, b"x-forwarded-for") == [b"127.0.0.1"]
    assert lines(got, b"x-forwarded-prefix") == [b"/a"]


def test_a_chunked_body_goes_with_it() -> None:
    edge = Edge(filters=[headers({"set": {"x-a": (b"1",)}})])
    client, service = edge.pair(CHUNKED)
    client.feed(b"2\r\nhi\r\n0\r\n\r\n")
    got = service.take()
    assert lines(got, b"transfer-encoding") == [b"chunked"] and got.endswith(b"\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
    service.feed(OK)
    edge.end()


def test_an_answer_is_changed_too() -> None:
    changes = {
        "set": {"server": (b"edge",), "x-by": ("service.name", b" ", "response.status")},
        "add": {"set-cookie": ((b"c=3",),)},
        "remove": ("x-powered-by",),
    }
    edge = Edge(filters=[headers(None, changes)])
    client, service = edge.pair()
    service.feed(
        OK.replace(b"\r\n\r\n", b"\r\nServer: s\r\nX-Powered-By: p\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n")
    )
    answer = client.take()
    assert (lines(answer, b"server"), lines(answer, b"x-powered-by")) == ([b"edge"], [])
    assert lines(answer, b"set-cookie") == [b"a=1", b"b=2", b"c=3"]
    assert lines(answer, b"x-by") == [b"s 200"]
    assert answer.endswith(b"\r\n\r\nok")
    edge.end()


@pytest.mark.parametrize("made", [Reply(200, b"x", headers=(("cache-control", "max-age=9"),)), None])
def test_answers_of_the_gateway_are_changed_alike(made: Reply | None) -> None:
    changes = headers(None, {"set": {"cache-control": (b"no-store",)}, "remove": ("content-type",)})
    edge = Edge(filters=[changes, Spy("a", [], request=lambda exchange: made)])
    client = edge.client(GET)
    if made is None:
        edge.refuse()
    answer = client.take()
    assert lines(answer, b"cache-control") == [b"no-store"]
    assert lines(answer, b"content-type") == []
    assert len(lines(answer, b"content-length")) == 1
    edge.end()


def test_an_answer_that_opens_a_tunnel_is_changed() -> None:
    edge = Edge(filters=[headers(None, {"set": {"x-by": (b"edge",)}})])
    client, service = edge.pair(WEBSOCKET)
    service.feed(SWITCHING)
    answer = client.take()
    assert statuses(answer) == [101] and lines(answer, b"x-by") == [b"edge"]
    client.feed_eof()
    edge.end()


def test_a_side_without_changes_has_no_hook() -> None:
    assert headers({"remove": ("a",)}).response is None
    assert headers(None, {"remove": ("a",)}).request is None


def test_a_note_that_would_end_its_line_ends_the_exchange() -> None:
    note = Spy("n", [], request=lambda exchange: exchange.note("a", "x\r\nx-evil: 1"))
    edge = Edge(filters=[note, headers({"set": {"x-a": ("note.a",)}})])
    client = edge.client(GET)
    assert statuses(client.take()) == [500]
    assert not edge.attempts
    (line,) = edge.events("a filter failed")
    assert (line["filter"], line["hook"]) == ("h", "request")
    edge.end()


@settings(max_examples=examples(150), deadline=None)
@given(
    note=st.binary(max_size=30) | st.text(max_size=20),
    field=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20),
    side=st.sampled_from(["request", "response"]),
)
def test_no_value_splits_a_head(note: bytes | str, field: str, side: str) -> None:
    """Whatever variables hold: a message goes out whole, with one more field, or not at all."""
    value = (b"<", "note.n", b"|", "header.x-in", b">")
    noting = Spy("n", [], request=lambda exchange: exchange.note("n", note))
    edge = Edge(
        filters=[headers(**{side: {"set": {"x-out": value}}}), noting]
        if side == "response"
        else [noting, headers({"set": {"x-out": value}})]
    )
    client = edge.client(b"GET / HTTP/1.1\r\nHost: a\r\nX-In: " + field.encode() + b"\r\n\r\n")
    if edge.attempts:
        service = edge.connect()
        reader = h11.Connection(h11.SERVER)
        reader.receive_data(service.take())
        asked = reader.next_event()
        assert isinstance(asked, h11.Request)
        assert [name for name, _ in asked.headers].count(b"x-out") == (side == "request")
        assert isinstance(reader.next_event(), h11.EndOfMessage) and not reader.trailing_data[0]
        service.feed(OK)
    answers = h11.Connection(h11.CLIENT)
    answers.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
    answers.send(h11.EndOfMessage())
    answers.receive_data(client.take())
    answer = answers.next_event()
    assert isinstance(answer, h11.Response)
    bad = bytes(set(note.encode() if isinstance(note, str) else note) & {*range(9), *range(10, 32), 127})
    assert answer.status_code == (500 if bad else 200)
    assert [name for name, _ in answer.headers].count(b"x-out") == (side == "response" and not bad)
    edge.end()
