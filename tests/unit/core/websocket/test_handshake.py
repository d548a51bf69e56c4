"""What asks for a WebSocket, and what is wrong with what comes back."""

from __future__ import annotations

import pytest

from fastgw.core.exchange.tunnel import accept_of
from fastgw.core.websocket.handshake import problem_of
from fastgw.wire.fields import RESPONSE_FIELDS, FieldTable, find_field
from fastgw.wire.messages import Response
from fastgw.wire.response import read_response
from tests.unit.core.websocket.test_carrier import Asked, post

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = b"Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
ACCEPT = b"Sec-WebSocket-Accept: %b\r\n" % accept_of(KEY)


def problem(fields: bytes, subprotocol: str = "") -> str:
    response = Response()
    head = b"HTTP/1.1 101 Switching Protocols\r\n" + fields + b"\r\n"
    read_response(head, response, FieldTable(RESPONSE_FIELDS), 100, False)
    return problem_of(response, KEY, subprotocol)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (UPGRADE + ACCEPT, ""),
        (UPGRADE + ACCEPT + b"Sec-WebSocket-Protocol: chat\r\n", ""),
        (ACCEPT, "another protocol"),
        (UPGRADE.replace(b"websocket", b"h2c") + ACCEPT, "another protocol"),
        (UPGRADE, "does not belong to the key"),
        (UPGRADE + ACCEPT + b"Sec-WebSocket-Extensions: x\r\n", "an extension"),
        (UPGRADE + ACCEPT + b"Sec-WebSocket-Protocol: talk\r\n", "a subprotocol"),
    ],
)
def test_what_is_wrong_with_a_101(fields: bytes, words: str) -> None:
    found = problem(fields, "chat")
    assert (words in found) if words else found == ""


def test_fields_of_a_handshake_or_a_body_are_the_gateways_own() -> None:
    fields = b"Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Extensions: y\r\nSec-WebSocket-Protocol: z\r\n"
    asked = Asked(post(b"{}", fields, b"Content-Digest: sha-256=:x:\r\nContent-Encoding: identity\r\nCookie: a=b\r\n"))
    keys = find_field(asked.head, b"sec-websocket-key") or b""
    assert len(keys) == 24 and find_field(asked.head, b"sec-websocket-version") == b"13"
    gone = (
        b"sec-websocket-extensions",
        b"sec-websocket-protocol",
        b"content-digest",
        b"content-encoding",
        b"content-length",
    )
    assert [find_field(asked.head, name) for name in gone] == [None] * len(gone)
    assert find_field(asked.head, b"cookie") == b"a=b" and asked.head.count(b"\r\n\r\n") == 1
    asked.open()
    asked.say("ok")
    asked.end()
