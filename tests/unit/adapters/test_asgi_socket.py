"""WebSockets of ASGI applications, bytes of frames against messages."""

from __future__ import annotations

from typing import Any

import pytest
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import CLIENT, OPEN, Protocol

from fastgw.adapters.asgi_socket import CLOSE_SECONDS, SocketGone
from fastgw.core import counters
from fastgw.testing.edge import WEBSOCKET, Spy, body_of, head_of, statuses
from fastgw.testing.mock import MockTransport
from fastgw.testing.service import ServiceEdge

SCOPES: list[Any] = []
GOT: list[Any] = []
SENDS: list[Any] = []  #: what the test sends by, in the place of the application

CHAT = WEBSOCKET.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: super, chat\r\n\r\n")


#: Which nobody here speaks, whatever an application says.
EXTENSION = (b"Sec-WebSocket-Extensions", b"permessage-deflate")


def accept(**more: Any) -> dict[str, Any]:
    return {"type": "websocket.accept", **more}


async def echo(scope: Any, receive: Any, send: Any) -> None:
    SCOPES.append(scope)
    SENDS.append(send)
    while True:
        message = await receive()
        GOT.append(message)
        if message["type"] == "websocket.connect":
            await send(
                accept(subprotocol="chat" if scope["subprotocols"] else None, headers=[(b"X-A", b"b"), EXTENSION])
            )
        elif message["type"] == "websocket.disconnect":
            return
        elif message.get("text") == "close":
            await send({"type": "websocket.close", "code": 4001, "reason": "asked to"})
        elif message.get("text") == "raise":
            raise KeyError("a secret")
        elif message.get("text") == "return":
            return
        else:
            await send({**message, "type": "websocket.send"})


async def late(scope: Any, receive: Any, send: Any) -> None:
    """Accepts, and receives when the test says so."""
    await receive()
    await send(accept())
    SENDS.append(send)
    gate = LOOPS[-1].create_future()
    GATES.append(gate)
    await gate
    while True:
        GOT.append(await receive())
        if GOT[-1]["type"] == "websocket.disconnect":
            return


LOOPS: list[Any] = []
GATES: list[Any] = []


class Peer:
    """A client that speaks WebSocket."""

    def __init__(self, application: Any, handshake: bytes = WEBSOCKET, **options: Any) -> None:
        for one in (SCOPES, GOT, SENDS, GATES, LOOPS):
            one.clear()
        self.edge = ServiceEdge(application, filters=options.pop("filters", ()), **options)
        LOOPS.append(self.edge.loop)
        self.client: MockTransport = self.edge.client()
        self.client.feed(handshake)
        self.edge.run()
        self.answer = self.client.take()
        self.protocol = Protocol(CLIENT, state=OPEN)

    def say(self, *frames: Frame) -> list[Frame]:
        """Send them in one piece, and return what comes."""
        self.client.feed(b"".join(one.serialize(mask=True) for one in frames))
        return self.frames()

    def frames(self) -> list[Frame]:
        """What has come."""
        self.edge.run()
        self.protocol.receive_data(self.client.take())
        return [one for one in self.protocol.events_received() if isinstance(one, Frame)]

    def closed(self) -> tuple[int, str]:
        """Code and reason of the close frame that has come."""
        (frame,) = self.frames()
        assert frame.opcode is Opcode.CLOSE
        found = Close.parse(frame.data)  # type: ignore[arg-type]
        return int(found.code), found.reason


def text(data: str, *, fin: bool = True) -> Frame:
    return Frame(Opcode.TEXT, data.encode(), fin)


def close(code: int) -> Frame:
    return Frame(Opcode.CLOSE, Close(code, "").serialize())


def told(frames: list[Frame]) -> list[tuple[Any, bytes]]:
    return [(one.opcode, bytes(one.data)) for one in frames]


def test_a_handshake_is_accepted_with_a_subprotocol_and_fields() -> None:
    peer = Peer(echo, CHAT)
    head = head_of(peer.answer)
    assert head.startswith(b"http/1.1 101 ") and b"\r\nsec-websocket-protocol: chat\r\n" in head
    assert b"\r\nsec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n" in head and b"\r\nx-a: b\r\n" in head
    assert b"extensions" not in head
    (scope,) = SCOPES
    assert (scope["type"], scope["scheme"], scope["subprotocols"]) == ("websocket", "ws", ["super", "chat"])
    assert "method" not in scope and peer.edge.count(counters.TUNNELS_OPEN) == 1
    peer.client.lose()
    peer.edge.end()
    assert GOT[-1] == {"type": "websocket.disconnect", "code": 1006, "reason": ""}


def test_messages_go_both_ways_in_any_fragments() -> None:
    peer = Peer(echo)
    assert told(peer.say(text("hallö"), Frame(Opcode.BINARY, b"\x00\xff"))) == [
        (Opcode.TEXT, "hallö".encode()),
        (Opcode.BINARY, b"\x00\xff"),
    ]
    parts = (text("a", fin=False), Frame(Opcode.PING, b"?"), Frame(Opcode.CONT, b"", False), Frame(Opcode.CONT, b"b"))
    assert told(peer.say(*parts)) == [(Opcode.PONG, b"?"), (Opcode.TEXT, b"ab")]
    assert told(peer.say(close(1000))) == [(Opcode.CLOSE, b"\x03\xe8")]
    assert peer.client.is_closing() and GOT[-1] == {"type": "websocket.disconnect", "code": 1000, "reason": ""}
    peer.edge.end()


def test_what_comes_with_the_handshake_is_the_first_message() -> None:
    peer = Peer(echo, WEBSOCKET + text("early").serialize(mask=True))
    assert peer.answer.partition(b"\r\n\r\n")[2] == b"\x81\x05early"
    peer.client.feed_eof()  # without a closing handshake
    peer.edge.run()
    assert peer.client.is_closing() and GOT[-1]["code"] == 1006
    peer.edge.end()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (text("x").serialize(mask=False), 1002),
        (b"\xc1\x80mask", 1002),
        (Frame(Opcode.CONT, b"").serialize(mask=True), 1002),
        (Frame(Opcode.TEXT, b"\xff").serialize(mask=True), 1007),
        ((Frame(Opcode.TEXT, b"\xff").serialize(mask=True) + text("y").serialize(mask=True)) * 2, 1007),
        (text("x" * 1001).serialize(mask=True), 1009),
        (text("x" * 1000, fin=False).serialize(mask=True) + Frame(Opcode.CONT, b"y").serialize(mask=True), 1009),
    ],
    ids=[
        "no mask",
        "reserved bit",
        "nothing to continue",
        "no text",
        "text behind that",
        "too big",
        "too big in parts",
    ],
)
def test_what_breaks_the_protocol_closes_it(frame: bytes, code: int) -> None:
    peer = Peer(echo, max_input="1000B")
    peer.client.feed(frame)
    assert peer.closed()[0] == code and [one.get("code") for one in GOT[1:]] == [code]
    # What it has sent meanwhile is read and thrown away: a reset might take the code from it.
    assert peer.client.is_eof_written and not peer.client.is_closing()
    peer.client.feed(b"x" * 100_000)
    peer.edge.loop.advance(CLOSE_SECONDS + 0.1)
    assert peer.client.is_closing() and peer.client.take() == b""
    peer.edge.end()


def test_a_client_that_ends_behind_a_failure_is_waited_for_no_longer() -> None:
    peer = Peer(echo)
    peer.client.feed(text("x").serialize(mask=False))
    assert peer.closed()[0] == 1002
    peer.client.feed_eof()
    assert peer.client.is_closing()
    peer.edge.end()


@pytest.mark.parametrize(("word", "code", "failures"), [("close", 4001, 0), ("return", 1000, 0), ("raise", 1011, 1)])
def test_an_application_closes(word: str, code: int, failures: int) -> None:
    peer = Peer(echo)
    peer.client.feed(text(word).serialize(mask=True))
    found, reason = peer.closed()
    assert (found, reason) == (code, "asked to" if word == "close" else "")
    assert len(peer.edge.events("a service failed")) == failures and not peer.client.is_closing()
    assert peer.say(text("nobody reads this"), close(code)) == [] and peer.client.is_closing()
    peer.edge.end()


def test_a_client_that_does_not_close_has_a_bound() -> None:
    peer = Peer(echo)
    peer.client.feed(text("close").serialize(mask=True))
    assert peer.closed()[0] == 4001
    for _ in range(3):
        peer.edge.loop.advance(CLOSE_SECONDS / 4)
        peer.say(text("and on"))
    assert not peer.client.is_closing()
    peer.edge.loop.advance(CLOSE_SECONDS / 4 + 0.1)
    assert peer.client.is_closing()
    peer.edge.end()


def test_silence_is_closed_by_the_route() -> None:
    peer = Peer(echo, route={"tunnel_idle_timeout": 30.0})
    peer.edge.loop.advance(31)
    assert peer.closed()[0] == 1001 and peer.client.is_closing() and GOT[-1]["type"] == "websocket.disconnect"
    peer.edge.end()


def test_messages_that_are_not_received_hold_the_client() -> None:
    peer = Peer(late)
    for _ in range(20):
        peer.say(*[text("")] * 100)  # empty ones count too
    assert not peer.client.is_reading() and peer.client.unread > 0
    GATES[0].set_result(None)
    peer.edge.run()
    assert peer.client.is_reading() and len(GOT) == 2000
    peer.client.lose()
    peer.edge.end()


def test_sending_waits_for_a_client_that_does_not_read() -> None:
    peer = Peer(late)
    peer.client.capacity = 0
    sends = [SENDS[0]({"type": "websocket.send", "bytes": b"x" * 40_000}) for _ in range(3)]
    tasks = [peer.edge.loop.create_task(one) for one in sends]
    peer.edge.run()
    assert [one.done() for one in tasks] == [True, False, False]  # the first is beyond the mark
    peer.say(Frame(Opcode.PING, b"1"), Frame(Opcode.PING, b"2"))
    assert peer.client.get_write_buffer_size() < 41_000  # pongs do not pile up
    peer.client.drain()
    found = told(peer.frames())
    assert [one for one, _ in found].count(Opcode.BINARY) == 3 and all(one.done() for one in tasks)
    assert [data for one, data in found if one is Opcode.PONG] == [b"2"]
    GATES[0].set_result(None)
    peer.client.lose()
    peer.edge.end()


def test_a_send_that_waits_ends_with_the_client() -> None:
    peer = Peer(late)
    peer.client.capacity = 0
    tasks = [peer.edge.loop.create_task(SENDS[0]({"type": "websocket.send", "bytes": b"x" * 40_000})) for _ in range(3)]
    peer.edge.run()
    peer.client.lose()
    peer.edge.run()
    assert [isinstance(one.exception(), SocketGone) for one in tasks] == [False, True, True]
    GATES[0].set_result(None)
    peer.edge.end()


def test_an_application_that_sends_to_nobody_has_not_failed() -> None:
    async def talks(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(accept())
        await receive()
        try:
            await send({"type": "websocket.send", "text": "x"})
        except OSError:
            raise RuntimeError("what a framework makes of it")  # noqa: B904 - as Starlette does

    peer = Peer(talks)
    peer.client.lose()
    peer.edge.end()
    assert not peer.edge.events("a service failed")


# --- handshakes that are not accepted


def answering(*messages: dict[str, Any]) -> Any:
    """An application that says them and ends."""

    async def call(scope: Any, receive: Any, send: Any) -> None:
        GOT.append(await receive())
        for message in messages:
            await send(message)

    return call


def test_a_refusal_is_an_answer_and_the_connection_stays() -> None:
    peer = Peer(answering({"type": "websocket.close"}))
    assert statuses(peer.answer) == [403] and not peer.client.is_closing()
    peer.client.feed(WEBSOCKET)
    peer.edge.run()
    assert statuses(peer.client.take()) == [403]
    peer.edge.end()


def test_a_refusal_may_say_why() -> None:
    start = {"type": "websocket.http.response.start", "status": 401, "headers": [(b"www-authenticate", b"Bearer")]}
    peer = Peer(answering(start, {"type": "websocket.http.response.body", "body": b"who are you?"}))
    assert statuses(peer.answer) == [401] and body_of(peer.answer) == b"who are you?"
    assert b"www-authenticate: Bearer\r\n" in peer.answer
    peer.edge.end()


@pytest.mark.parametrize(
    "messages",
    [
        (),
        (accept(subprotocol="not offered"),),
        (accept(headers=[(b"Sec-WebSocket-Protocol", b"chat")]),),
        (accept(headers=[(b"a", b"b\r\nc: d")]),),
        ({"type": "websocket.send", "text": "too early"},),
        ({"type": "http.response.start", "status": 200},),
    ],
    ids=["nothing", "subprotocol", "subprotocol twice", "line end", "early", "http"],
)
def test_what_is_no_handshake_is_a_500(messages: tuple[dict[str, Any], ...]) -> None:
    peer = Peer(answering(*messages))
    assert statuses(peer.answer) == [500] and len(peer.edge.events("a service failed")) == 1
    peer.edge.end()


def test_a_second_acceptance_closes() -> None:
    peer = Peer(answering(accept(), accept()))
    (failure,) = peer.edge.events("a service failed")
    assert statuses(peer.answer) == [101] and "behind the acceptance" in str(failure["error"])
    assert peer.answer.endswith(b"\x88\x02\x03\xf3")
    peer.client.lose()
    peer.edge.end()


def test_a_hook_may_answer_instead() -> None:
    def fails(exchange: Any) -> None:
        raise KeyError("a hook")

    peer = Peer(echo, filters=[Spy("fails", [], response=fails)])
    assert statuses(peer.answer) == [500] and not peer.edge.events("a service failed")
    assert peer.edge.count(counters.TUNNELS_OPEN) == 0
    peer.edge.end()


def test_a_client_that_leaves_before_the_acceptance_is_told() -> None:
    async def waits(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        GOT.append(await receive())
        with pytest.raises(SocketGone):
            await send(accept())
        await send({"type": "websocket.close"})  # which is what it is

    peer = Peer(waits)
    assert peer.answer == b""
    peer.client.lose()
    peer.edge.end()
    assert [one["code"] for one in GOT] == [1006] and not peer.edge.events("a service failed")
