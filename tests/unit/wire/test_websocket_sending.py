"""The body of a request as messages: at every split, within bounds, and nothing that a peer would have to refuse."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire.websocket_frames import BINARY, TEXT
from fastgw.wire.websocket_messages import WebSocket
from fastgw.wire.websocket_sending import (
    SEND_BINARY,
    SEND_LINES,
    SEND_PIECES,
    SEND_TEXT,
    MessageSender,
    SizeError,
    TextError,
    form_of,
)

MASK = b"\x01\x02\x03\x04"


def heard(form: str, pieces: list[bytes], most: int = 1000) -> list[str | bytes]:
    """What a server hears of a body in these pieces."""
    sender, peer = MessageSender(form, most, lambda: MASK), WebSocket(1 << 20)
    out = [sender.feed(piece, number == len(pieces) - 1) for number, piece in enumerate(pieces)]
    messages = peer.receive(b"".join(out))
    assert peer.is_open and len(messages) == sender.count
    return messages


def split(body: bytes, cuts: set[int]) -> list[bytes]:
    places = [0, *sorted(one for one in cuts if one < len(body)), len(body)]
    return [body[start:end] for start, end in pairwise(places)]


@given(st.text(max_size=60), st.sets(st.integers(0, 200), max_size=8))
def test_a_body_is_one_message_at_every_split(text: str, cuts: set[int]) -> None:
    body = text.encode()
    assert heard(SEND_TEXT, split(body, cuts)) == ([text] if text else [])
    assert heard(SEND_BINARY, split(body, cuts)) == ([body] if text else [])


@given(
    st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=10), max_size=8),
    st.sets(st.integers(0, 200), max_size=8),
)
def test_each_line_that_says_something_is_a_message_at_every_split(lines: list[str], cuts: set[int]) -> None:
    said = [line.encode().strip(b" \t\r").decode() for line in lines]
    assert heard(SEND_LINES, split("\n".join(lines).encode(), cuts)) == [line for line in said if line]


def test_each_piece_is_a_message_or_several() -> None:
    assert heard(SEND_PIECES, [b"abc", b"", b"defghij", b"k"], 3) == [b"abc", b"def", b"ghi", b"j", b"k"]
    assert heard(SEND_PIECES, [b"\xff" * 4], 3) == [b"\xff" * 3, b"\xff"] and heard(SEND_PIECES, [b""], 3) == []


def test_an_end_without_bytes_ends_a_message_that_has_begun() -> None:
    assert heard(SEND_TEXT, [b"", b"a", b""]) == ["a"]
    assert heard(SEND_BINARY, [b""]) == [] == heard(SEND_LINES, [b"\n \r\n", b""])


@pytest.mark.parametrize("pieces", [[b"\xff"], [b"a\xc3", b"a"], [b"a\xc3"]])
def test_text_that_is_none_is_not_sent(pieces: list[bytes]) -> None:
    with pytest.raises(TextError):
        heard(SEND_TEXT, pieces)
    with pytest.raises(TextError):
        heard(SEND_LINES, pieces)
    assert heard(SEND_BINARY, pieces) == [b"".join(pieces)]


@pytest.mark.parametrize("form", [SEND_TEXT, SEND_BINARY, SEND_LINES])
@pytest.mark.parametrize(
    "pieces", [[b"x" * 11], [b"x" * 6, b"x" * 5], [b"x" * 11, b"\n"], [b"a\n" + b"x" * 11 + b"\n"]]
)
def test_a_message_has_a_bound(form: str, pieces: list[bytes]) -> None:
    with pytest.raises(SizeError):
        heard(form, pieces, 10)
    heard(form, pieces, 20)


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        (b"application/json; charset=utf-8", SEND_TEXT),
        (b"Text/Plain", SEND_TEXT),
        (b"application/vnd.x+json", SEND_TEXT),
        (b"application/x-ndjson", SEND_LINES),
        (b"application/jsonl", SEND_LINES),
        (b"audio/wav", SEND_BINARY),
        (b"", SEND_BINARY),
    ],
)
def test_the_type_says_what_it_is_sent_as(content_type: bytes, form: str) -> None:
    assert form_of(content_type) == form


def test_pieces_are_fragments_of_their_type() -> None:
    sender = MessageSender(SEND_BINARY, 100, lambda: MASK)
    assert [sender.feed(b"a", False)[0], sender.feed(b"b", False)[0], sender.feed(b"c", True)[0]] == [BINARY, 0, 0x80]
    assert MessageSender(SEND_TEXT, 100, lambda: MASK).feed(b"a", True)[0] == 0x80 | TEXT
