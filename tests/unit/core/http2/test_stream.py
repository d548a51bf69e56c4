"""Streams of HTTP/2: bodies both ways within their windows, trailers, resets, and who waits for whom."""

from __future__ import annotations

import h2.settings
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.core import counters
from fastgw.core.exchange.reply import Reply
from fastgw.core.http2.stream import RECEIVE
from fastgw.testing import usual
from fastgw.testing.edge import OK, Spy, body_of
from fastgw.wire.http2 import errors, frames
from fastgw.wire.http2.encoder import FieldEncoder
from fastgw.wire.http2.frame_kinds import DATA, END_STREAM, HEADERS, RST_STREAM, WINDOW_UPDATE
from fastgw.wire.http2.frames import frame
from tests.support.examples import examples
from tests.unit.core.http2.peer import HEAD, POST, Http2Edge, Peer, Raw

LARGE = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def post(length: int | None = None) -> bytes:
    lines = b"" if length is None else b"content-length: %d\r\n" % length
    return frames.headers(1, FieldEncoder().request(b"POST", b"http", b"a.test", b"/", lines), False)


# --- answers


def test_an_answer_without_a_body_is_one_frame() -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(frames.headers(1, FieldEncoder().request(b"GET", b"http", b"a.test", b"/", b""), True))
    edge.connect().feed(b"HTTP/1.1 204 No Content\r\n\r\n")
    raw.send(b"")
    assert [(kind, flags) for kind, flags, stream, _ in raw.frames if stream == 1] == [(HEADERS, 5)]
    edge.end()


def test_the_head_and_the_first_bytes_leave_in_one_write() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    peer.ask()
    peer.transport.writes.clear()
    edge.connect().feed(OK)
    edge.run()
    assert len(peer.transport.writes) == 1
    edge.end()


def test_events_leave_in_the_turn_in_which_they_come() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    number = peer.ask()
    service = edge.connect()
    service.feed(CHUNKED)
    peer.listen()
    assert peer.status(number) == "200"
    for event in (b"data: 1\n\n", b"data: 2\n\n"):
        service.feed(b"%x\r\n%b\r\n" % (len(event), event))
        peer.listen()
        assert peer.bodies[number].endswith(event)
    assert number not in peer.ended
    service.feed(b"0\r\n\r\n")
    peer.listen()
    assert peer.ended == {number} and peer.bodies[number] == b"data: 1\n\ndata: 2\n\n"
    edge.end()


def test_trailers_of_the_service_are_passed_on() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    number = peer.ask((*HEAD, ("te", "trailers")))
    service = edge.connect()
    assert b"te: trailers\r\n" in service.take()
    service.feed(CHUNKED + b"3\r\nabc\r\n0\r\ngrpc-status: 0\r\n\r\n")
    peer.listen()
    assert peer.trailers[number] == [("grpc-status", "0")]
    assert peer.bodies[number] == b"abc" and peer.ended == {number}
    edge.end()


def test_an_interim_answer_comes_before_the_other() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    number = peer.ask()
    edge.connect().feed(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + OK)
    peer.listen()
    assert peer.interims[number] == [(":status", "103"), ("link", "</a>")]
    assert peer.status(number) == "200"
    edge.end()


def test_head_has_no_body_and_keeps_its_length() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    number = peer.ask(((":method", "HEAD"), *HEAD[1:]))
    edge.connect().feed(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
    peer.listen()
    assert dict(peer.heads[number])["content-length"] == "5" and peer.ended == {number}
    edge.end()


def test_a_reply_is_an_answer_like_any_other() -> None:
    edge = Http2Edge(filters=[Spy("a", [], request=lambda _: Reply(403, b"no", "text/plain"))])
    peer = Peer(edge)
    number = peer.ask()
    assert (peer.status(number), peer.bodies[number]) == ("403", b"no")
    assert "connection" not in dict(peer.heads[number])
    edge.end()


def test_answers_of_many_streams_come_in_any_order() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    numbers = [peer.ask() for _ in range(3)]
    services = [edge.connect() for _ in range(3)]
    for place in (2, 0, 1):
        services[place].feed(b"HTTP/1.1 20%d OK\r\ncontent-length: 1\r\n\r\n%d" % (place, place))
        peer.listen()
    assert [peer.status(number) for number in numbers] == ["200", "201", "202"]
    assert [peer.bodies[number] for number in numbers] == [b"0", b"1", b"2"]
    edge.end()


def test_a_service_that_breaks_off_is_told_as_a_reset() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    number, other = peer.ask(), peer.ask()
    first, second = edge.connect(), edge.connect()
    first.feed(LARGE % 100 + b"abc")
    first.lose()
    second.feed(OK)
    peer.listen()
    assert peer.resets == {number: errors.INTERNAL_ERROR}
    assert peer.status(other) == "200"
    edge.end()


# --- windows


def test_a_body_waits_for_the_windows_and_the_service_for_it() -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(frames.headers(1, FieldEncoder().request(b"GET", b"http", b"a.test", b"/", b""), True))
    service = edge.connect()
    service.feed(LARGE % 200_000 + b"x" * 100_000)
    raw.send(b"")

    def got() -> int:
        return sum(len(payload) for kind, _, _, payload in raw.frames if kind == DATA)

    assert got() == 65_535
    service.feed(b"x" * 100_000)  # it is not read
    assert service.unread == 100_000
    raw.send(frames.window_update(0, 1_000_000))
    assert got() == 65_535
    raw.send(frames.window_update(1, 30_000))
    assert got() == 95_535 and service.unread
    raw.send(frames.window_update(1, 1_000_000))
    assert got() == 200_000 and not service.unread
    assert raw.frames[-1][1] == END_STREAM
    edge.end()


def test_one_stream_that_is_not_read_holds_up_no_other() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    peer.h2.increment_flow_control_window(2**30)
    peer.flush()
    slow = peer.ask()
    service = edge.connect()
    service.feed(LARGE % 100_000 + b"x" * 100_000)
    peer.listen()
    assert len(peer.bodies[slow]) == 65_535
    quick = peer.ask()
    service.feed(OK)
    peer.listen()
    assert peer.ended == {quick}
    peer.transport.lose()
    edge.end()


def test_another_first_window_changes_those_that_are_open() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    peer.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
    peer.flush()
    number = peer.ask()
    edge.connect().feed(OK)
    peer.listen()
    assert peer.status(number) == "200" and peer.bodies[number] == b""
    peer.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 10})
    peer.flush()
    assert peer.bodies[number] == body_of(OK) and peer.ended == {number}
    edge.end()


def test_a_client_that_opens_no_window_is_cut() -> None:
    edge = Http2Edge(timeouts=usual.timeouts(write=5.0))
    peer = Peer(edge)
    number = peer.ask()
    service = edge.connect()
    service.feed(LARGE % 100_000 + b"x" * 100_000)
    peer.listen()
    edge.loop.advance(12.0)
    peer.listen()
    assert peer.resets == {number: errors.CANCEL}
    assert not peer.transport.is_closing()
    edge.end()


@settings(max_examples=examples(200), deadline=None)
@given(
    st.lists(st.binary(max_size=40_000), max_size=6),
    st.sampled_from([0, 1, 100, 65_535, 200_000]),
    st.lists(st.integers(1, 60_000), max_size=12),
)
def test_bodies_arrive_whole_whatever_the_windows(parts: list[bytes], first: int, updates: list[int]) -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    peer.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: first})
    peer.flush()
    number = peer.ask()
    service = edge.connect()
    service.feed(CHUNKED)
    for part in parts:
        if part:
            service.feed(b"%x\r\n%b\r\n" % (len(part), part))
        if updates:
            peer.h2.increment_flow_control_window(updates.pop(), number)
            peer.flush()
    service.feed(b"0\r\n\r\n")
    peer.listen()
    peer.h2.increment_flow_control_window(10_000_000)
    if number not in peer.ended:
        peer.h2.increment_flow_control_window(10_000_000, number)
    peer.flush()
    assert peer.bodies[number] == b"".join(parts)
    assert peer.ended == {number} and not peer.resets
    edge.end()


# --- requests


def test_a_request_and_its_body_leave_in_one_write() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    peer.ask((*POST, ("content-length", "5")), b"hello")
    service = edge.connect()
    assert len(service.writes) == 1
    assert service.take().endswith(b"\r\n\r\nhello")
    peer.transport.lose()
    edge.end()


def test_a_body_of_no_known_length_is_sent_in_chunks() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    number = peer.ask(POST, b"abc", more=True)
    service = edge.connect()
    peer.h2.send_data(number, b"defg", end_stream=True)
    peer.flush()
    sent = service.take()
    assert b"transfer-encoding: chunked\r\n" in sent
    assert sent.endswith(b"4\r\ndefg\r\n0\r\n\r\n")
    service.feed(OK)
    peer.listen()
    assert peer.status(number) == "200" and not peer.resets
    edge.end()


def test_trailers_of_a_request_end_it() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    number = peer.ask(POST, b"abc", more=True)
    peer.h2.send_headers(number, [("x-sum", "1")], end_stream=True)
    peer.flush()
    service = edge.connect()
    assert service.take().endswith(b"3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n")
    service.feed(OK)
    peer.listen()
    assert peer.status(number) == "200"
    edge.end()


def test_an_answer_before_the_end_of_the_request_stops_it_kindly() -> None:
    edge = Http2Edge(filters=[Spy("a", [], request=lambda _: Reply(401))])
    peer = Peer(edge)
    number = peer.ask((*POST, ("content-length", "100")), b"abc", more=True)
    assert peer.status(number) == "401"
    assert number in peer.ended and peer.resets == {number: errors.NO_ERROR}
    peer.transport.feed(frame(DATA, 0, number, b"x" * 50))  # was under way
    edge.run()
    assert not peer.transport.is_closing()
    edge.end()


def test_a_body_that_nobody_takes_is_bounded_by_its_window() -> None:
    edge = Http2Edge(route={"body_buffer": 0})
    raw = Raw(edge)
    raw.send(post())
    raw.send(frame(DATA, 0, 1, b"x" * 16_000) * 4)
    updates = [one for one in raw.frames if one[0] == WINDOW_UPDATE and one[2] == 1]
    assert len(updates) <= 1  # for what waits for a connection it is not told of more
    raw.send(frame(DATA, 0, 1, b"x" * 16_000) * 4)
    assert raw.codes(RST_STREAM) == [errors.FLOW_CONTROL_ERROR]
    edge.end()


def test_an_upload_goes_on_as_the_service_takes_it() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    number = peer.ask((*POST, ("content-length", "300000")), b"x" * 16_000, more=True)
    service = edge.connect()
    left = 284_000
    while left:
        size = min(left, 16_000, peer.h2.local_flow_control_window(number))
        assert size > 0
        peer.h2.send_data(number, b"x" * size, end_stream=size == left)
        left -= size
        peer.flush()
    assert body_of(service.take()) == b"x" * 300_000
    service.feed(OK)
    peer.listen()
    assert peer.status(number) == "200"
    edge.end()


@pytest.mark.parametrize("length", [None, 100_000])
@pytest.mark.parametrize("buffer", [0, 1000, 20_000, 65_536, 200_000])
def test_a_body_stays_behind_its_head_however_much_is_held(buffer: int, length: int | None) -> None:
    edge = Http2Edge(route={"body_buffer": buffer, "body_wait": 1.0})
    peer = Peer(edge)
    number = peer.ask(POST if length is None else (*POST, ("content-length", str(length))), more=True)
    left, service = 100_000, None
    while left:
        for _ in range(4):
            size = min(left, 9_000, peer.h2.local_flow_control_window(number))
            if size:
                peer.h2.send_data(number, b"x" * size, end_stream=size == left)
                left -= size
        peer.flush()
        if service is None and edge.attempts:
            service = edge.connect()
            peer.listen()
        if service is None and not peer.h2.local_flow_control_window(number):
            edge.loop.advance(1.5)
    service = service or edge.connect()
    sent = service.take()
    assert sent.startswith(b"POST / HTTP/1.1\r\n")
    assert body_of(sent).replace(b"\r\n", b"").count(b"x") == 100_000
    service.feed(OK)
    peer.listen()
    assert peer.status(number) == "200"
    edge.end()


@pytest.mark.parametrize(
    ("length", "sent"),
    [
        pytest.param(5, [frame(DATA, END_STREAM, 1, b"abc")], id="shorter"),
        pytest.param(5, [frame(DATA, 0, 1, b"abcdef")], id="longer"),
        pytest.param(0, [frame(DATA, END_STREAM, 1, b"a")], id="none was told"),
        pytest.param(5, [frame(DATA, END_STREAM, 1, b"abcde"), frame(DATA, END_STREAM, 1, b"a")], id="behind the end"),
        pytest.param(5, [frames.headers(1, FieldEncoder().trailers(b"a: b\r\n"), True)], id="trailers too early"),
        pytest.param(
            None, [frames.headers(1, FieldEncoder().trailers(b"a: b\r\n"), False)], id="trailers that end nothing"
        ),
        pytest.param(None, [frame(HEADERS, 5, 1, b"\x84")], id="a path in trailers"),
    ],
)
def test_a_body_that_is_not_as_told_resets_its_stream(length: int | None, sent: list[bytes]) -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(post(length))
    for one in sent:
        raw.send(one)
    (code,) = raw.codes(RST_STREAM)
    assert code in (errors.PROTOCOL_ERROR, errors.STREAM_CLOSED)
    assert edge.of_route(counters.ROUTE_FINISHED) == 1
    assert not raw.transport.is_closing()
    edge.end()


def test_a_head_that_tells_of_a_body_and_ends_is_malformed() -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(
        frames.headers(1, FieldEncoder().request(b"POST", b"http", b"a.test", b"/", b"content-length: 5\r\n"), True)
    )
    assert raw.codes(RST_STREAM) == [errors.PROTOCOL_ERROR] and edge.begun == 0
    edge.end()


def test_padding_counts_and_is_given_back() -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(post())
    edge.connect()
    padded = frame(DATA, 8, 1, b"\xff" + b"x" + b"\0" * 255)
    for _ in range(RECEIVE // 257 * 3):
        raw.send(padded)
    given = sum(int.from_bytes(one[3], "big") for one in raw.frames if one[0] == WINDOW_UPDATE and one[2] == 1)
    assert given >= 2 * RECEIVE - 40_000 and not raw.codes(RST_STREAM)
    raw.transport.lose()
    edge.end()


def test_a_reset_aborts_the_exchange_at_once() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    number = peer.ask()
    service = edge.connect()
    peer.h2.reset_stream(number)
    peer.flush()
    assert service.is_closing()
    assert edge.of_route(counters.ROUTE_ABORTED) == 1 and edge.count(counters.HTTP2_RESETS) == 1
    edge.end()


def test_expectations_are_answered() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    number = peer.ask((*POST, ("content-length", "5"), ("expect", "100-continue")), more=True)
    service = edge.connect()
    assert b"expect: 100-continue\r\n" in service.take()
    service.feed(b"HTTP/1.1 100 Continue\r\n\r\n")
    peer.listen()
    assert peer.interims[number] == [(":status", "100")]
    peer.h2.send_data(number, b"hello", end_stream=True)
    peer.flush()
    assert service.take() == b"hello"
    service.feed(OK)
    peer.listen()
    assert peer.status(number) == "200"
    edge.end()
