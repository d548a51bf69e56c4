"""WebSockets by frames: what passes as it came, what is refused and told to both, time, and draining."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.exchange.frames import CLOSE_SECONDS, PAYLOAD, offers_of
from fastgw.core.websocket_counters import CLOSE_CODES, CLOSES, CODES, ENDS, MESSAGES, OPEN
from fastgw.core.websocket_settings import WebSocketSettings
from fastgw.filters.websocket import WebSockets
from fastgw.testing.edge import SWITCHING, WEBSOCKET, Edge, Spy, statuses
from fastgw.testing.mock import MockTransport
from fastgw.wire.http2.frame_kinds import DATA
from fastgw.wire.http2.frames import frame as http2_frame
from fastgw.wire.websocket_frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    WebSocketFrames,
    close_payload,
    frame_of,
    read_close,
)
from tests.support.websockets import MASK
from tests.unit.core.http2.peer import Http2Edge, Raw
from tests.unit.core.http2.test_tunnel import connect, sent, switching

USUAL = WebSocketSettings(
    max_frame=1000,
    max_message=1500,
    message_rate=(),
    message_burst=0,
    frame_rate=(),
    frame_burst=0,
    idle_timeout=0.0,
    ping_interval=0.0,
    ping_timeout=10.0,
    drain_grace=10.0,
    subprotocols=(),
    compression="refuse",
)
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"


class Open:
    """One that is open, in the hands of a test."""

    def __init__(
        self, handshake: bytes = WEBSOCKET, answer: bytes = SWITCHING, *, route: Any = None, **settings: Any
    ) -> None:
        self.notes: list[Any] = []
        spy = Spy("spy", [], done=lambda exchange: self.notes.append(exchange.notes))
        self.edge = Edge(filters=[spy, WebSockets(USUAL._replace(**settings))], route=route or {})
        self.client: MockTransport = self.edge.client(handshake)
        self.service = self.edge.connect()
        self.asked = self.service.take()
        self.service.feed(answer)
        self.answer = self.client.take()

    def told(self, side: MockTransport) -> tuple[int, str]:
        """Code and reason of the CLOSE that is all that ``side`` got."""
        reader = WebSocketFrames(1 << 20, 1 << 20, is_masked=side is self.service)
        (frame,) = reader.feed(side.take())
        assert frame.opcode == CLOSE
        return read_close(frame.payload)

    def count(self, index: int) -> int:
        """Of the route."""
        return self.edge.of_route(index)

    def ended(self) -> list[str]:
        """By whom, or why."""
        return [name for place, name in enumerate(ENDS) for _ in range(self.count(CLOSES + place))]

    def end(self) -> None:
        """Nothing may be left."""
        self.client.lose()
        self.edge.run()
        assert self.edge.count(counters.TUNNELS_OPEN) == 0 == self.count(OPEN) and not self.edge.plane.unconnected
        assert sum(self.count(CODES + place) for place in range(len(CLOSE_CODES))) == len(self.ended()) == 1
        self.edge.end()


def say(opcode: int, data: bytes = b"", *, is_last: bool = True) -> bytes:
    return frame_of(opcode, data, MASK, is_last=is_last)


def test_frames_pass_as_they_came_and_whole() -> None:
    found = Open()
    sent = say(TEXT, b"one", is_last=False) + say(PING, b"?") + say(CONTINUATION, b"\xff") + say(BINARY, b"two")
    for byte in sent:
        found.client.feed(bytes((byte,)))
        assert found.service.writes[-1][:1] in (
            b"G",
            b"\x01",
            b"\x89",
            b"\x80",
            b"\x82",
        )  # of the head, and of each frame
    assert found.service.take() == sent
    back = frame_of(TEXT, b"three") + frame_of(PONG, b"?")
    found.service.feed(back[:3])
    assert found.client.take() == b""
    found.service.feed(back[3:])
    assert found.client.take() == back
    assert (found.count(MESSAGES), found.count(MESSAGES + 1)) == (2, 1)
    found.end()
    assert found.notes[0]["websocket"] == {"client": 2, "service": 1, "close": 1006} and found.ended() == ["lost"]


def test_what_comes_with_the_handshake_is_read_too() -> None:
    found = Open(WEBSOCKET + say(TEXT, b"early"), SWITCHING + frame_of(TEXT, b"soon"))
    assert found.service.take() == say(TEXT, b"early") and found.answer.endswith(frame_of(TEXT, b"soon"))
    found.end()


@pytest.mark.parametrize("is_client", [True, False])
def test_a_closing_handshake_is_theirs(is_client: bool) -> None:
    found = Open()
    first, second = (found.client, found.service) if is_client else (found.service, found.client)
    bye = {found.client: say(CLOSE, close_payload(4001, "x")), found.service: frame_of(CLOSE, close_payload(4001, "x"))}
    first.feed(bye[first])
    assert second.take() == bye[first] and not second.is_closing()
    first.feed(b"nothing counts behind it")
    assert second.take() == b""
    second.feed(bye[second])
    assert first.take() == bye[second]
    found.service.feed_eof()
    found.edge.run()
    assert found.client.is_closing() or found.client.is_eof_written
    assert found.ended() == ["client" if is_client else "service"]
    found.end()
    assert found.notes[0]["websocket"]["close"] == 4001


def test_connections_that_nobody_ends_behind_it_have_a_bound() -> None:
    found = Open()
    found.client.feed(say(CLOSE))
    found.service.feed(frame_of(CLOSE, b""))
    assert not found.client.is_closing()
    found.edge.loop.advance(CLOSE_SECONDS + 0.5)
    assert found.client.is_closing() and found.service.is_closing()
    found.end()


@pytest.mark.parametrize(
    ("data", "code", "by"),
    [
        (frame_of(TEXT, b"x"), 1002, "broken"),
        (b"\xc1\x80" + MASK, 1002, "broken"),
        (say(CONTINUATION, b"x"), 1002, "broken"),
        (say(CLOSE, b"\x03\xec"), 1002, "broken"),
        (say(TEXT, b"x" * 1001)[:8], 1009, "too_large"),
        (say(TEXT, b"x" * 1000, is_last=False) + say(CONTINUATION, b"x" * 501), 1009, "too_large"),
    ],
    ids=["mask", "compressed", "continuation", "code", "frame", "message"],
)
def test_a_client_that_breaks_a_rule_is_told_which(data: bytes, code: int, by: str) -> None:
    found = Open()
    found.client.feed(say(TEXT, b"good") + data)
    passed = found.service.take()
    assert passed.startswith(say(TEXT, b"good"))
    (*_, last) = WebSocketFrames(1 << 20, 1 << 20, is_masked=True).feed(passed)
    assert read_close(last.payload) == (1001, "") and found.told(found.client)[0] == code
    assert found.client.is_eof_written and found.ended() == [by]
    found.service.feed(frame_of(TEXT, b"nobody gets this"))
    found.client.feed(b"nor this")
    assert found.client.take() == b"" == found.service.take()
    found.edge.loop.advance(CLOSE_SECONDS + 0.5)
    assert found.client.is_closing() and found.service.is_closing()
    found.end()


def test_a_service_that_breaks_a_rule_has_failed() -> None:
    found = Open()
    found.service.feed(say(TEXT, b"with a mask"))
    assert found.told(found.service)[0] == 1002 and found.told(found.client)[0] == 1011
    found.client.feed(say(CLOSE, close_payload(1011)))
    assert found.client.is_closing() and found.ended() == ["broken"]
    found.end()


def test_messages_that_come_too_fast_are_a_matter_of_policy() -> None:
    found = Open(message_rate=(2, 1), message_burst=3)
    found.client.feed(say(TEXT, b"x") * 3)
    assert found.service.take() == say(TEXT, b"x") * 3
    found.edge.loop.advance(0.5)
    found.client.feed(say(TEXT, b"x", is_last=False) + say(CONTINUATION))  # one message
    assert found.count(counters.ROUTE_BYTES_IN) == 0 and found.service.take()
    found.client.feed(say(TEXT, b"x"))
    assert found.told(found.client)[0] == 1008 and found.ended() == ["too_fast"]
    found.end()


@pytest.mark.parametrize(
    "cheap",
    [say(PING), say(PONG, b"x"), say(TEXT, is_last=False) + say(CONTINUATION, is_last=False) * 39],
    ids=["ping", "pong", "empty fragments"],
)
def test_what_is_no_message_has_a_rate_too(cheap: bytes) -> None:
    found = Open(frame_rate=(20, 1), frame_burst=5)
    found.client.feed(cheap * 5)
    passed = found.service.take()
    found.client.feed(cheap)
    reader = WebSocketFrames(1 << 20, 1 << 20, is_masked=True)
    *_, last = reader.feed(passed + found.service.take())
    assert found.told(found.client) == (1008, "more frames than are allowed here") and last.opcode == CLOSE
    assert found.ended() == ["too_fast"] and found.count(CODES + CLOSE_CODES.index("1008")) == 1
    found.end()


def test_a_close_is_never_too_fast() -> None:
    found = Open(frame_rate=(20, 1), frame_burst=2)
    bye = say(CLOSE, close_payload(1000))
    found.client.feed(say(PING) * 2 + bye)
    assert found.service.take() == say(PING) * 2 + bye and found.ended() == ["client"]
    found.end()


def test_of_two_rates_the_first_that_is_passed_counts() -> None:
    found = Open(message_rate=(2, 1), frame_rate=(20, 1))
    found.client.feed(say(PING) * 18 + say(TEXT, b"x") * 2)
    assert found.service.take() and not found.ended()
    found.edge.loop.advance(0.5)
    found.client.feed(say(TEXT, b"x") * 2)
    assert found.told(found.client) == (1008, "more messages than are allowed here")
    found.end()


# --- time


def test_a_client_that_says_nothing_is_asked_and_then_gone() -> None:
    found = Open(ping_interval=30.0)
    found.edge.loop.advance(30.5)
    assert found.client.take() == frame_of(PING, PAYLOAD)
    found.client.feed(say(PONG, PAYLOAD) + say(PONG, b"of its own"))
    assert found.service.take() == say(PONG, b"of its own")  # that of ours is not the service's
    found.edge.loop.advance(29)
    assert found.client.take() == b""
    found.edge.loop.advance(1.5)
    assert found.client.take() == frame_of(PING, PAYLOAD)
    found.edge.loop.advance(10.5)
    assert found.told(found.service) == (1001, "no answer to a ping") and found.client.is_closing()
    assert found.ended() == ["lost"]
    found.end()


def test_a_client_that_does_not_read_is_not_asked() -> None:
    found = Open(ping_interval=30.0)
    found.client.capacity = 0
    while found.service.is_reading():
        found.service.feed(frame_of(BINARY, b"x" * 1000))
    queued = found.client.get_write_buffer_size()
    found.edge.loop.advance(31)
    assert found.client.get_write_buffer_size() == queued
    found.client.drain()
    found.client.take()
    found.edge.loop.advance(31)
    assert found.client.take() == frame_of(PING, PAYLOAD)
    found.end()


def test_without_messages_it_is_idle_whatever_else_is_said() -> None:
    found = Open(idle_timeout=60.0)
    found.edge.loop.advance(59)
    found.client.feed(say(TEXT, b"x"))
    found.edge.loop.advance(59)
    found.client.feed(say(PING, b"x"))
    found.service.take()
    assert not found.ended()
    found.edge.loop.advance(1.5)
    assert found.told(found.client) == (1001, "no message for too long") == found.told(found.service)
    found.client.feed(say(CLOSE, close_payload(1001)))
    assert found.client.is_closing() and found.ended() == ["idle"]
    found.end()


def test_silence_of_both_is_that_of_any_tunnel() -> None:
    found = Open(route={"tunnel_idle_timeout": 200.0})
    found.edge.loop.advance(201)
    assert found.told(found.client)[0] == 1001 == found.told(found.service)[0] and found.client.is_closing()
    found.end()


# --- ends


@pytest.mark.parametrize("how", ["lose", "feed_eof"])
def test_a_client_that_is_gone_is_told_to_the_service(how: str) -> None:
    found = Open()
    getattr(found.client, how)()
    assert found.told(found.service)[0] == 1001 and found.service.is_closing() and found.ended() == ["lost"]
    found.edge.run()
    assert not found.edge.plane.unconnected


@pytest.mark.parametrize("how", ["lose", "feed_eof"])
def test_a_service_that_is_gone_is_told_to_the_client(how: str) -> None:
    found = Open()
    getattr(found.service, how)()
    assert found.told(found.client) == (1011, "the service is gone") and found.client.is_closing()
    found.end()


def test_a_worker_that_drains_closes_each_within_the_grace() -> None:
    found = Open(drain_grace=4.0)
    found.edge.plane.drain()
    found.client.feed(say(TEXT, b"x"))
    assert found.service.take() == say(TEXT, b"x")
    found.edge.loop.advance(4.5)
    assert found.told(found.client) == (1001, "the gateway stops") == found.told(found.service)
    assert found.ended() == ["drained"]
    found.client.feed(say(CLOSE, close_payload(1001)))
    assert found.client.is_closing()
    found.end()


def test_a_worker_without_time_says_so_all_the_same() -> None:
    found = Open()
    found.edge.plane.cut_off()
    assert found.told(found.client)[0] == 1001 == found.told(found.service)[0]
    found.end()


# --- over HTTP/2


def test_a_stream_of_http2_is_the_same_client() -> None:
    edge = Http2Edge(filters=[WebSockets(USUAL._replace(idle_timeout=60.0))])
    raw = Raw(edge)
    raw.send(connect(sec_websocket_protocol=b"chat"))
    service = edge.connect()
    service.feed(switching(service))
    sent_up = say(TEXT, b"one")
    raw.send(http2_frame(DATA, 0, 1, sent_up[:3]))
    assert service.take() == b""
    raw.send(http2_frame(DATA, 0, 1, sent_up[3:]))
    assert service.take() == sent_up
    edge.loop.advance(61)
    raw.send(http2_frame(DATA, 0, 1, say(CLOSE, close_payload(1001))))
    goodbye = frame_of(CLOSE, close_payload(1001, "no message for too long"))
    assert [payload for _, payload in sent(raw)][:1] == [goodbye] and service.is_closing()
    assert edge.count(counters.TUNNELS_OPEN) == 0 and edge.of_route(CLOSES + ENDS.index("idle")) == 1
    raw.transport.lose()
    edge.end()


# --- the handshake


def handshake(*fields: bytes) -> bytes:
    return WEBSOCKET.replace(b"\r\n\r\n", b"\r\n" + b"".join(fields) + b"\r\n")


def test_compression_is_not_offered() -> None:
    found = Open(handshake(DEFLATE))
    assert b"extensions" not in found.asked.lower()
    found.end()
    found = Open(handshake(DEFLATE), SWITCHING.replace(b"\r\n\r\n", b"\r\n" + DEFLATE + b"\r\n"))
    assert statuses(found.answer) == [502]  # whatever the client has offered
    found.edge.end()


def test_compression_passes_where_both_agree_on_it() -> None:
    offer = b"Sec-WebSocket-Extensions: x-webkit-foo, permessage-deflate; client_max_window_bits\r\n"
    found = Open(handshake(offer), SWITCHING.replace(b"\r\n\r\n", b"\r\n" + DEFLATE + b"\r\n"), compression="pass")
    assert b"sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n" in found.asked
    assert b"permessage-deflate" in found.answer
    compressed = bytes((0xC1, 0x81)) + MASK + b"x"
    found.client.feed(compressed)
    assert found.service.take() == compressed
    found.end()


@pytest.mark.parametrize(
    "field",
    [
        DEFLATE,
        b"Sec-WebSocket-Extensions: x-other\r\n",
        b"Sec-WebSocket-Protocol: mqtt\r\n",
    ],
)
def test_a_service_that_chooses_what_it_was_not_offered_is_refused(field: bytes) -> None:
    found = Open(answer=SWITCHING.replace(b"\r\n\r\n", b"\r\n" + field + b"\r\n"))
    assert statuses(found.answer) == [502] and b"bad_upgrade" in found.answer
    found.edge.end()


def test_subprotocols_are_those_of_the_route() -> None:
    answer = SWITCHING.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: chat\r\n\r\n")
    found = Open(handshake(b"Sec-WebSocket-Protocol: mqtt, chat\r\n"), answer, subprotocols=("chat", "talk"))
    assert b"sec-websocket-protocol: chat\r\n" in found.asked and statuses(found.answer) == [101]
    found.end()


@pytest.mark.parametrize("fields", [(), (b"Sec-WebSocket-Protocol: mqtt\r\n",)])
def test_others_are_refused(fields: tuple[bytes, ...]) -> None:
    edge = Edge(filters=[WebSockets(USUAL._replace(subprotocols=("chat", "talk")))])
    told = edge.client(handshake(*fields)).take()
    assert statuses(told) == [400] and b"subprotocol_refused" in told and b"chat, talk" in told
    edge.end()


def test_of_an_offer_what_can_be_passed_on() -> None:
    assert (
        offers_of(b"a, PerMessage-Deflate; x=1 ,permessage-deflate") == b"PerMessage-Deflate; x=1, permessage-deflate"
    )
    assert offers_of(b"a") == b""
