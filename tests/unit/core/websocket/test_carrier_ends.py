"""How requests to a service that speaks WebSocket only end before their time, and who is told what."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.plane import LEAVING_SECONDS
from fastgw.core.websocket_counters import CLOSE_CODES, CLOSES, CODES, ENDS
from fastgw.wire.websocket_frames import CLOSE, TEXT, WebSocketFrames, close_payload, frame_of, read_close
from tests.unit.core.websocket.test_carrier import Asked, post


@pytest.mark.parametrize("name", ["lose", "deadline"])
def test_a_service_is_told_at_once_that_nobody_waits(name: str) -> None:
    asked = Asked(post(b"x"), route={"answer_timeout": 10.0})
    asked.open()
    if name == "lose":
        asked.client.lose()
    else:
        asked.edge.loop.advance(11)
    asked.heard()
    assert (asked.socket.code, asked.socket.reason) == (
        1001,
        "nobody waits for the answer",
    ) and asked.service.is_eof_written
    if name == "deadline":
        assert asked.answered()[0] == 504
    asked.end()


def test_a_client_that_leaves_in_the_handshake_ends_the_connection() -> None:
    asked = Asked(post(b"x"))
    asked.client.lose()
    asked.edge.run()
    assert asked.service.is_closing() and asked.service.take() == b""
    asked.end()


@pytest.mark.parametrize(("code", "status"), [(1008, 403), (1009, 413), (1011, 502), (1013, 503), (1000, 502)])
def test_a_close_before_the_answer_is_a_status(code: int, status: int) -> None:
    asked = Asked(post(b"x"))
    asked.open()
    asked.service.feed(frame_of(CLOSE, close_payload(code, "why")))
    assert asked.answered()[0] == status
    assert asked.edge.of_route(CODES + CLOSE_CODES.index(str(code))) == 1
    asked.end()


def test_a_close_in_the_middle_of_a_stream_is_a_cut() -> None:
    asked = Asked(post(b"x", b"Accept: application/x-ndjson\r\n"))
    asked.open()
    asked.say("1")
    asked.service.feed(frame_of(CLOSE, close_payload(1011)))
    assert not asked.client.take().endswith(b"0\r\n\r\n") and asked.client.is_closing()
    asked.end()


@pytest.mark.parametrize(
    ("frame", "code", "told"),
    [
        (frame_of(TEXT, b"x", b"mask"), 1002, "websocket_failed"),
        (frame_of(TEXT, b"\xff"), 1007, "websocket_failed"),
        (frame_of(TEXT, b"x" * 1001), 1009, "answer_too_large"),
        (frame_of(CLOSE, b"\x03"), 1002, "websocket_failed"),
    ],
    ids=["mask", "text", "size", "close"],
)
def test_a_service_that_breaks_a_rule_is_told_and_so_is_the_client(frame: bytes, code: int, told: str) -> None:
    asked = Asked(post(b"x"))
    asked.open()
    asked.service.feed(frame)
    (last,) = WebSocketFrames(200, 200, is_masked=True).feed(asked.service.take())
    assert read_close(last.payload)[0] == code
    status, body = asked.answered()
    assert status == 502 and told.encode() in body and asked.edge.of_route(CLOSES + ENDS.index("broken")) == 1
    asked.end()


def test_too_many_messages_are_502() -> None:
    asked = Asked(post(b"x"), messages=0)
    asked.open()
    asked.say(*["1"] * 6)
    status, body = asked.answered()
    assert status == 502 and b"answer_too_large" in body
    asked.end()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [(b"\xff", 400, b"body_not_text"), (b"x" * 1001, 413, b"websocket_message_too_large")],
)
def test_a_body_that_is_no_message_is_the_fault_of_the_client(body: bytes, status: int, code: bytes) -> None:
    asked = Asked(post(body, b"Content-Type: text/plain\r\n"))
    asked.open()
    asked.edge.run()
    asked.heard()
    told = asked.answered()
    assert told[0] == status and code in told[1] and asked.socket.code == 1001
    asked.end()


def test_a_service_that_does_not_end_the_connection_has_some_time_for_it() -> None:
    asked = Asked(post(b"x"))
    asked.open()
    asked.say("ok")
    assert asked.answered() == (200, b"ok")
    asked.edge.loop.advance(LEAVING_SECONDS - 1)
    assert not asked.service.is_closing()
    asked.edge.loop.advance(1.5)
    assert asked.service.is_closing()
    asked.end()


@pytest.mark.parametrize("how", ["held", "paused"])
def test_a_client_that_leaves_lets_go_of_a_service_that_waits(how: str) -> None:
    asked = Asked(post(b"x", b"Accept: application/x-ndjson\r\n"), messages=0)
    asked.open()
    asked.say("1")
    protocol: Any = asked.client.protocol if how == "held" else asked.service.protocol
    protocol.pause_writing()
    assert asked.service.is_reading() == (how == "paused")
    asked.client.lose()
    if how == "held":
        assert asked.service.is_reading() and asked.service.is_eof_written
    else:
        assert asked.service.is_closing()  # it takes nothing, so no CLOSE either
    asked.end()


# --- flow


def test_a_client_that_does_not_read_holds_the_service() -> None:
    asked = Asked(post(b"x", b"Accept: application/x-ndjson\r\n"), messages=0)
    asked.edge.service.settings.websocket  # noqa: B018 - it has bounds of its own
    asked.open()
    asked.client.capacity = 0
    count = 0
    while asked.service.is_reading() and count < 5:
        asked.say(b"x" * 1000)
        count += 1
        asked.client.protocol.pause_writing() if count == 3 else None
    assert count == 3 and not asked.service.is_reading()
    asked.end()


@pytest.mark.parametrize(("is_open", "status"), [(False, 504), (True, 408)])
def test_a_body_that_does_not_come_is_the_fault_of_who_holds_it(is_open: bool, status: int) -> None:
    asked = Asked(post(b"x" * 10)[:-4])
    if is_open:
        asked.open()
    asked.edge.loop.advance(31)
    assert asked.answered()[0] == status
    asked.end()


def test_an_answer_in_the_middle_of_the_body_is_one() -> None:
    asked = Asked(post(b"x" * 10)[:-4])
    asked.open()
    asked.say("too much")
    assert asked.answered() == (200, b"too much") and asked.socket.receive(asked.service.take()) == []
    assert asked.socket.code == 1000
    asked.end()


def test_a_client_that_takes_its_own_time_with_a_stream_is_no_silence() -> None:
    asked = Asked(post(b"x", b"Accept: application/x-ndjson\r\n"), idle_timeout=1.0)
    asked.open()
    asked.say("1")
    protocol: Any = asked.client.protocol
    protocol.pause_writing()  # so nothing more of the service is read
    asked.edge.loop.advance(5)
    assert not asked.client.take().endswith(b"0\r\n\r\n")
    protocol.resume_writing()
    asked.edge.loop.advance(1.2)
    assert asked.client.take().endswith(b"0\r\n\r\n")
    asked.end()
