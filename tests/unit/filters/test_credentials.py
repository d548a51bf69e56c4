"""Where a credential is: what ``test_jwt`` does not ask, because it is seen best alone."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.filters.credentials import Editor, finder
from fastgw.testing.edge import Edge, Spy

CASES = [
    ("authorization", b"Authorization: bEARER  abc\r\n", b"/", [b"abc"]),
    ("authorization", b"Authorization: Basic abc\r\n", b"/", []),
    ("authorization", b"Authorization: Bearerabc\r\n", b"/", [b""]),
    ("header:x-key", b"X-Key: a\r\nx-key:\tb\r\n", b"/", [b"a", b"b"]),
    ("cookie:s", b"Cookie: t=1; s=abc; ss=2\r\n", b"/", [b"abc"]),
    ("query:k", b"", b"/?a=1&%6b=a%20b&kk=2", [b"a b"]),
    ("subprotocol:bearer", b"Sec-WebSocket-Protocol: x, bearer ,abc\r\nsec-websocket-protocol: y\r\n", b"/", [b"abc"]),
    ("subprotocol:bearer", b"Sec-WebSocket-Protocol: bearer, bearer, bearer\r\n", b"/", [b"bearer", b""]),
    ("subprotocol:bearer", b"Sec-WebSocket-Protocol: bearer.abc\r\n", b"/", []),
]


@pytest.mark.parametrize(("place", "line", "target", "tokens"), CASES)
def test_where_it_is(place: str, line: bytes, target: bytes, tokens: list[bytes]) -> None:
    found: list[list[bytes]] = []
    spy = Spy("spy", [], request=lambda exchange: found.append(finder(place).tokens(exchange.request)))
    Edge(filters=[spy]).client(b"GET %b HTTP/1.1\r\nHost: a\r\n%b\r\n" % (target, line))
    assert found == [tokens]


def test_what_two_filters_write_is_theirs_for_every_request() -> None:
    seen: list[tuple[bytes | None, ...]] = []
    editors = [
        Editor(finder("authorization"), frozenset({b"x-user"})),
        Editor(finder("header:x-key"), frozenset({b"x-id"})),
    ]

    def edit(exchange: Any) -> None:
        for editor, line in zip(editors, (b"x-user: ann\r\n", b"x-id: 7\r\n"), strict=True):
            editor.edit(exchange.request, line)
        names = (b"authorization", b"x-key", b"x-user", b"x-id", b"x_user", b"accept")
        seen.append(tuple(exchange.request.header(name) for name in names))

    edge = Edge(filters=[Spy("spy", [], request=edit)])
    for more in (b"", b"X_User: root\r\n", b"", b"X_Id: 8\r\nX-User: root\r\n"):
        edge.client(b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\nX-Key: k\r\nAccept: x\r\n%b\r\n" % more)
    assert seen == [(None, None, b"ann", b"7", None, b"x")] * 4


def test_a_field_that_the_gateway_writes_cannot_tell_who_it_is() -> None:
    with pytest.raises(ValueError, match="writes b'via' itself"):
        Editor(None, frozenset({b"via"}))
