"""Where a credential is: what ``test_jwt`` does not ask, because it is seen best alone."""

from __future__ import annotations

import pytest

from fastgw.filters.credentials import finder
from fastgw.testing.edge import Edge, Spy

CASES = [
    ("authorization", b"Authorization: bEARER  abc\r\n", b"/", [b"abc"]),
    ("authorization", b"Authorization: Basic abc\r\n", b"/", []),
    ("authorization", b"Authorization: Bearerabc\r\n", b"/", [b""]),
    ("header:x-key", b"X-Key: a\r\nx-key:\tb\r\n", b"/", [b"a", b"b"]),
    ("cookie:s", b"Cookie: t=1; s=abc; ss=2\r\n", b"/", [b"abc"]),
    ("query:k", b"", b"/?a=1&%6b=a%20b&kk=2", [b"a b"]),
]


@pytest.mark.parametrize(("place", "line", "target", "tokens"), CASES)
def test_where_it_is(place: str, line: bytes, target: bytes, tokens: list[bytes]) -> None:
    found: list[list[bytes]] = []
    spy = Spy("spy", [], request=lambda exchange: found.append(finder(place).tokens(exchange.request)))
    Edge(filters=[spy]).client(b"GET %b HTTP/1.1\r\nHost: a\r\n%b\r\n" % (target, line))
    assert found == [tokens]
