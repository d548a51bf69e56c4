"""Bodies of answers pass hooks of filters: in reverse, in every framing, with heads that wait and trailers behind them."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.exchange.reply import Reply
from fastgw.errors import DownstreamError
from fastgw.testing.edge import (
    GET,
    HEAD,
    OK,
    Edge,
    Gate,
    Spy,
    body_of,
    head_of,
    new_loop,
    statuses,
)
from tests.support.bodies import Later, Taped, Watching, doubled, plain, reading, upper

CHUNKED_OK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"
GET_10 = b"GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n"
GET_TE = b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: TE\r\nTE: trailers\r\n\r\n"


# --- answers


ANSWERS = [
    (OK, False),
    (CHUNKED_OK + b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n", False),
    (UNTIL_CLOSE + b"ok", True),
]


@pytest.mark.parametrize(("answer", "closes"), ANSWERS, ids=["length", "chunked", "until close"])
@pytest.mark.parametrize("ask", [GET, GET_10], ids=["1.1", "1.0"])
@pytest.mark.parametrize("kind", ["read_response", "transform_response"])
@pytest.mark.parametrize("size", [1, 1000], ids=["bytes", "whole"])
def test_answers_in_every_framing(answer: bytes, closes: bool, ask: bytes, kind: str, size: int) -> None:
    watching = reading(kind, upper)
    edge = Edge(filters=[watching])
    client, service = edge.pair(ask)
    for at in range(0, len(answer), size):
        service.feed(answer[at : at + size])
    if closes:
        service.feed_eof()
    got = client.take()
    edge.run()
    assert plain(got) == b"OK"
    assert watching.seen[0].data == b"ok" and watching.seen[0].tape.count(None) == 1
    keeps_length = answer is OK and kind == "read_response"
    assert (b"content-length: 2\r\n" in head_of(got)) is keeps_length
    assert client.is_lost is (ask is GET_10 and not keeps_length)
    assert (b"transfer-encoding: chunked" in head_of(got)) is (ask is GET and not keeps_length)
    edge.end()


def test_hooks_of_an_answer_run_in_reverse() -> None:
    outer = Watching("a", ["read_response", "transform_response"], lambda exchange: Taped(upper))
    inner = reading("transform_response", doubled)
    edge = Edge(filters=[outer, inner])
    client, service = edge.pair()
    service.feed(OK)
    assert plain(client.take()) == b"OKOK!"
    assert [tape.data for tape in outer.seen] == [b"okok!", b"OKOK!"]  # it reads what the client gets
    edge.end()


def test_who_was_not_entered_sees_no_answer() -> None:
    watching = reading("read_response")
    edge = Edge(filters=[Spy("a", [], request=lambda exchange: Reply(200, b"mine")), watching])
    assert body_of(edge.client(GET).take()) == b"mine"
    assert watching.seen == []
    edge.end()


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified", b"200 OK"])
def test_an_answer_without_a_body_is_nobodys(status: bytes) -> None:
    watching = reading("transform_response", doubled)
    edge = Edge(filters=[watching])
    client, service = edge.pair(HEAD if status == b"200 OK" else GET)
    service.feed(b"HTTP/1.1 " + status + b'\r\nETag: "a"\r\nX-A: b\r\n\r\n')
    assert b'etag: "a"' in client.take().lower()
    assert watching.seen == []
    edge.end()


def test_not_this_one_leaves_the_chunks_as_they_came() -> None:
    edge = Edge(filters=[Watching("a", ["read_response", "transform_response"], lambda exchange: None)])
    client, service = edge.pair()
    service.feed(CHUNKED_OK + b"1\r\no\r\n1\r\nk\r\n0\r\nX-Sum: 1\r\n\r\n")
    assert body_of(client.take()) == b"1\r\no\r\n1\r\nk\r\n0\r\nX-Sum: 1\r\n\r\n"
    edge.end()


@pytest.mark.parametrize("wants", [True, False])
def test_chunks_that_come_while_a_response_hook_waits_are_seen(wants: bool) -> None:
    loop = new_loop()
    gate = Gate(loop)
    watching = Watching("a", ["transform_response"], lambda exchange: Taped(upper) if wants else None)
    edge = Edge(filters=[watching, Spy("b", [], response=gate)], loop=loop)
    client, service = edge.pair()
    service.feed(CHUNKED_OK + b"1\r\no\r\n")
    gate.open()
    service.feed(b"1\r\nk\r\n0\r\n\r\n")
    assert plain(client.take()) == (b"OK" if wants else b"ok")
    edge.end()


@pytest.mark.parametrize("where", ["opening", "feed", "finish"])
@pytest.mark.parametrize(("answer", "closes"), ANSWERS, ids=["length", "chunked", "until close"])
@pytest.mark.parametrize("is_meant", [True, False], ids=["refusal", "bug"])
def test_an_answer_whose_hook_fails_is_cut(where: str, answer: bytes, closes: bool, is_meant: bool) -> None:
    def fail(data: bytes | None) -> bytes:
        if (data is None) is (where == "finish"):
            raise DownstreamError(422, "no", "not this one") if is_meant else ValueError("a bug")
        return data or b""

    def opened(exchange: Any) -> Any:
        return fail(b"") if where == "opening" else Taped(fail)

    seen: list[Any] = []
    spy = Spy("spy", [], done=lambda exchange: seen.append(exchange.error.code))
    edge = Edge(filters=[spy, Watching("bad", ["read_response"], opened)])
    client, service = edge.pair()
    service.feed(answer[:-7] if closes is False and b"chunked" in answer else answer[:-1])  # the head goes
    service.feed(answer[-7:] if closes is False and b"chunked" in answer else answer[-1:])
    if closes and not service.is_lost:
        service.feed_eof()
    got = client.take()
    edge.run()
    if where == "opening":  # as any hook in front of the head
        assert statuses(got) == [500] and not client.is_lost
    else:
        assert client.is_lost and b"0\r\n\r\n" not in got
        with pytest.raises(AssertionError):
            plain(got)
    assert service.is_lost
    is_bug = not is_meant or where == "opening"
    assert seen == ["internal" if is_bug else "no"]
    assert [line["hook"] for line in edge.events("a filter failed")] == (["read_response"] if is_bug else [])
    edge.errors.clear()
    edge.end()


def test_a_client_that_reads_slowly_holds_the_service_and_gets_all_of_it() -> None:
    edge = Edge(filters=[reading("transform_response", upper)])
    client = edge.client(GET, capacity=0)
    service = edge.connect()
    service.feed(CHUNKED_OK)
    for _ in range(3):
        service.feed(b"a000\r\n" + b"x" * 0xA000 + b"\r\n")
    assert not service.is_reading()
    client.drain()
    assert service.is_reading()
    service.feed(b"0\r\n\r\n")
    assert plain(client.take()) == b"X" * 0x1E000
    edge.end()


def test_silence_of_the_service_is_silence_whatever_hooks_hand_on() -> None:
    edge = Edge(filters=[reading("transform_response", Later())], route={"stream_idle_timeout": 3.0})
    client, service = edge.pair()
    service.feed(CHUNKED_OK)
    for _ in range(4):
        edge.loop.advance(2.0)
        service.feed(b"1\r\nx\r\n")
    assert client.is_reading() and not client.is_lost
    edge.loop.advance(4.0)
    assert client.is_lost
    edge.end()


# --- heads that wait


@pytest.mark.parametrize(("answer", "closes"), ANSWERS, ids=["length", "chunked", "until close"])
def test_a_gathered_answer_has_a_length_and_the_last_word_about_its_head(answer: bytes, closes: bool) -> None:
    class Counted(Taped):
        def finish(self) -> bytes:
            if not exchanges[0].is_head_sent:
                exchanges[0].response.set_header(b"x-size", b"%d" % len(self.data))
            return b"!"

    exchanges: list[Any] = []
    edge = Edge(
        filters=[
            Watching("a", ["transform_response"], lambda exchange: exchanges.append(exchange) or Counted(gather=100))
        ]
    )
    client, service = edge.pair()
    service.feed(answer[:-7] if b"chunked" in answer else answer[:-1])
    assert client.take() == b""
    service.feed(answer[-7:] if b"chunked" in answer else answer[-1:])
    if closes:
        service.feed_eof()
    got = client.take()
    assert b"content-length: 3\r\n" in head_of(got) and b"x-size: 2\r\n" in head_of(got)
    assert b"transfer-encoding" not in head_of(got) and body_of(got) == b"ok!"
    edge.end()


def test_more_than_is_gathered_goes_on() -> None:
    sent: list[bool] = []

    class Late(Taped):
        def finish(self) -> bytes:
            sent.append(exchanges[0].is_head_sent)
            return b""

    exchanges: list[Any] = []
    edge = Edge(
        filters=[Watching("a", ["read_response"], lambda exchange: exchanges.append(exchange) or Late(gather=3))]
    )
    client, service = edge.pair()
    service.feed(CHUNKED_OK + b"3\r\nabc\r\n")
    assert client.take() == b""
    service.feed(b"1\r\nd\r\n")
    assert client.take().endswith(b"\r\n\r\n4\r\nabcd\r\n")
    service.feed(b"0\r\n\r\n")
    assert client.take() == b"0\r\n\r\n" and sent == [True]
    edge.end()


@pytest.mark.parametrize("how", ["reset", "silence", "bug", "client gone"])
def test_what_goes_wrong_while_the_head_waits_is_an_answer(how: str) -> None:
    def fail(data: bytes | None) -> bytes:
        if data == b"bad":
            raise ValueError("a bug")
        return data or b""

    edge = Edge(filters=[reading("read_response", fail, gather=100)], endpoints=2, route={"stream_idle_timeout": 3.0})
    client, service = edge.pair()
    service.feed(CHUNKED_OK + b"3\r\nabc\r\n")
    match how:
        case "reset":
            service.lose(ConnectionResetError())
        case "silence":
            edge.loop.advance(4.0)
        case "bug":
            service.feed(b"3\r\nbad\r\n")
        case _:
            client.lose()
    edge.run()
    expected = {"reset": [502], "silence": [504], "bug": [500], "client gone": []}[how]
    assert statuses(client.take()) == expected and service.is_lost and not edge.attempts
    edge.errors.clear()
    edge.end()


# --- trailers of hooks


def trailing(**attributes: Any) -> Watching:
    """A filter that sends a trailer field."""
    return reading("read_response", trailer_names=(b"x-sum",), trailers=((b"x-sum", b"1"),), **attributes)


@pytest.mark.parametrize(("answer", "closes"), ANSWERS, ids=["length", "chunked", "until close"])
def test_trailers_go_to_those_who_want_them(answer: bytes, closes: bool) -> None:
    for ask in (GET_TE, GET, GET_TE.replace(b"/1.1", b"/1.0")):
        edge = Edge(filters=[trailing()])
        client, service = edge.pair(ask)
        service.feed(answer)
        if closes:
            service.feed_eof()
        got = client.take()
        assert plain(got) == b"ok"
        assert got.endswith(b"\r\n0\r\nx-sum: 1\r\n\r\n") is (ask is GET_TE)
        assert (b"trailer: x-sum\r\n" in head_of(got)) is (ask is GET_TE)
        assert (b"x-sum: 1" in got) is (ask is GET_TE)
        edge.end()


def test_trailers_of_the_service_stay() -> None:
    edge = Edge(filters=[trailing()])
    client, service = edge.pair(GET_TE)
    service.feed(CHUNKED_OK + b"2\r\nok\r\n0\r\nX-Own: 2\r\nSet-Cookie: a\r\n\r\n")
    assert body_of(client.take()) == b"2\r\nok\r\n0\r\nX-Own: 2\r\nx-sum: 1\r\n\r\n"
    client.feed(GET_TE)  # none of them is of the next answer
    service.feed(OK)
    assert body_of(client.take()) == b"2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n"
    edge.end()


@pytest.mark.parametrize("trailer", [(b"set-cookie", b"a"), (b"x-a", b"b\r\nc: d"), (b"transfer-encoding", b"x")])
def test_a_trailer_that_may_not_be_one_is_a_bug(trailer: tuple[bytes, bytes]) -> None:
    edge = Edge(filters=[reading("read_response", trailer_names=(b"x-a",), trailers=(trailer,))])
    client, service = edge.pair(GET_TE)
    service.feed(OK)
    edge.run()
    assert client.is_lost and b"0\r\n" not in body_of(client.take())
    assert [line["hook"] for line in edge.events("a filter failed")] == ["read_response"]
    edge.errors.clear()
    edge.end()


@pytest.mark.parametrize("name", [b"x-a\r\nx-evil: 1", b"x a", b"", b"x\0"])
@pytest.mark.parametrize("te", [b"TE: trailers\r\n", b""], ids=["taken", "dropped"])
def test_what_is_no_name_of_a_trailer_never_reaches_a_head(name: bytes, te: bytes) -> None:
    edge = Edge(filters=[reading("read_response", trailer_names=(name,))])
    client, service = edge.pair(GET.replace(b"\r\n\r\n", b"\r\nConnection: TE\r\n" + te + b"\r\n"))
    service.feed(OK)
    got = client.take()
    assert statuses(got) == [500] and b"x-evil" not in got
    edge.errors.clear()
    edge.end()
