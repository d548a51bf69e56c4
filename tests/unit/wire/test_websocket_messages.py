"""One end of a WebSocket: messages of any fragments, what it answers by itself, and how it ends; beside another implementation."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Opcode

from fastgw.wire.websocket_frames import INVALID, NO_CODE, PROTOCOL_ERROR, frame_of
from fastgw.wire.websocket_messages import WebSocket
from tests.fuzz.stage import by_byte, pieces_of
from tests.support.examples import examples
from tests.support.websockets import MASK, MOST, frame, read, told_apart

TEXT, BINARY, CONT, CLOSE, PING, PONG = (
    Opcode.TEXT,
    Opcode.BINARY,
    Opcode.CONT,
    Opcode.CLOSE,
    Opcode.PING,
    Opcode.PONG,
)


def test_messages_in_fragments_with_control_frames_between() -> None:
    data = frame(TEXT, "hä".encode()[:2], fin=False) + frame(PING, b"1") + frame(CONT, "hä".encode()[2:])
    data += frame(BINARY, b"\xff", fin=False) + frame(CONT, b"", fin=False) + frame(PONG, b"2") + frame(CONT, b"\x00")
    for pieces in ([data], by_byte(data)):
        socket, messages, out = read(pieces)
        assert messages == ["hä", b"\xff\x00"] and out == b"\x8a\x011" and socket.is_open


@pytest.mark.parametrize(
    ("data", "code", "messages"),
    [
        (frame(TEXT, b"\xff"), INVALID, []),
        (frame(TEXT, b"ok") + frame(TEXT, b"\xce", fin=True), INVALID, ["ok"]),
        (frame(TEXT, b"a\xff", fin=False), INVALID, []),  # refused before the message ends
        (frame(TEXT, b"\xce", fin=False) + frame(CONT, b"", fin=True), INVALID, []),
        (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), PROTOCOL_ERROR, []),
        (frame(CLOSE, b"\x03\xec"), PROTOCOL_ERROR, []),
        (frame(CLOSE, b"\x03\xe8\xff"), INVALID, []),
    ],
    ids=["text", "behind text", "fragment", "fragments", "inside another", "code", "reason"],
)
def test_it_fails_with_a_code_and_says_so_once(data: bytes, code: int, messages: list[str]) -> None:
    socket, found, out = read([data, frame(TEXT, b"more"), b"\xff\xff"])
    assert found == messages and socket.code == code and socket.is_close_sent and not socket.is_close_received
    assert out[:1] == b"\x88" and out[2:4] == code.to_bytes(2, "big") and len(out) == 2 + out[1]


def test_a_close_is_answered_with_its_code() -> None:
    socket, messages, out = read([frame(TEXT, b"last") + frame(CLOSE, b"\x0f\xa1why") + frame(TEXT, b"no")])
    assert messages == ["last"] and (socket.code, socket.reason) == (4001, "why")
    assert out == b"\x88\x02\x0f\xa1" and socket.is_close_received and socket.is_close_sent
    socket, _, out = read([frame(CLOSE)])
    assert socket.code == NO_CODE and out == b"\x88\x00"


def test_a_close_of_ours_waits_for_the_other() -> None:
    socket = WebSocket(MOST)
    assert socket.close(1001, "bye") == b"\x88\x05\x03\xe9bye" and not socket.is_open
    assert socket.receive(frame(TEXT, b"nobody reads this") + frame(PING, b"?")) == [] and not socket.out
    assert socket.receive(frame(CLOSE, b"\x03\xe8")) == [] and socket.is_close_received and not socket.out
    assert (socket.code, socket.reason) == (1001, "bye")


def test_what_breaks_the_rules_behind_our_close_is_answered_no_more() -> None:
    socket = WebSocket(MOST)
    socket.close()
    assert socket.receive(b"\xff\xff") == [] and not socket.out and not socket.is_close_received


def test_the_end_of_a_client_masks_and_reads_what_has_no_mask() -> None:
    client, server = WebSocket(MOST, lambda: MASK), WebSocket(MOST)
    said = client.text(b"a") + client.binary(b"b") + client.ping(b"c")
    assert server.receive(said) == ["a", b"b"] and client.receive(b"".join(server.out) + server.text(b"d")) == ["d"]
    assert client.receive(frame_of(1, b"x", MASK)) == [] and client.code == PROTOCOL_ERROR


FRAMES = st.lists(
    st.one_of(
        st.builds(
            lambda opcode, data, fin: frame(opcode, data, fin=fin or opcode >= 8),
            st.sampled_from([TEXT, TEXT, BINARY, CONT, CONT, PING, PONG]),
            st.one_of(st.text(max_size=8).map(str.encode), st.binary(max_size=4), st.just(b"x" * 126)),
            st.booleans(),
        ),
        st.builds(lambda data: frame(CLOSE, data), st.sampled_from([b"", b"\x03\xe8", b"\x03", b"\x13\x88", b"\x03\xe8\xc3"])),
        st.binary(max_size=3),
    ),
    max_size=8,
).map(b"".join)  # fmt: skip


@given(FRAMES, st.integers(0, 400), st.integers(0, 400))
@settings(max_examples=examples(100))
def test_another_implementation_reads_the_same_however_it_is_cut(data: bytes, first: int, second: int) -> None:
    assert not told_apart(pieces_of(data, first, second))
    assert not told_apart(by_byte(data))


def test_fragments_with_nothing_in_them_hold_nothing() -> None:
    """They count for no limit, so whoever sends them for ever must not fill the memory."""
    socket = WebSocket(MOST)
    assert socket.receive(frame(TEXT, b"a\r\n", fin=False)) == []
    empty = frame(CONT, b"", fin=False) * 1000
    socket.receive(empty)
    tracemalloc.start()
    for _ in range(20):
        assert socket.receive(empty) == []
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 20_000
    assert socket.receive(frame(CONT, b"b")) == ["a\r\nb"]
