"""The ClientHello: what OpenSSL writes is read, whole or in pieces, and nothing else is taken for one."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire.hello import HELLO_MAX, Hello, read_hello


def client_hello(name: str | None, *protocols: str) -> bytes:
    """What OpenSSL sends first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if protocols:
        context.set_alpn_protocols(protocols)
    outgoing = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


@pytest.mark.parametrize(
    ("name", "protocols"), [("a.test", ("h2", "http/1.1")), (None, ("h2",)), ("b.test", ()), (None, ())]
)
def test_what_openssl_writes(name: str | None, protocols: tuple[str, ...]) -> None:
    expected = Hello(name or "", tuple(one.encode() for one in protocols))
    assert read_hello(client_hello(name, *protocols)) == expected


def test_in_pieces_and_in_several_records() -> None:
    whole = client_hello("a.test", "h2")
    for cut in range(len(whole)):
        assert read_hello(whole[:cut]) is None, cut
    assert read_hello(whole + b"\x16\x03\x03") == Hello("a.test", (b"h2",))
    message = whole[5:]
    spread = b"".join(
        b"\x16\x03\x01\x00\x07" + message[at : at + 7].ljust(7, b"\0") for at in range(0, len(message), 7)
    )
    assert read_hello(spread) == Hello("a.test", (b"h2",))
    assert read_hello(spread[:-8]) is None


def test_without_extensions() -> None:
    body = b"\x03\x03" + b"r" * 32 + b"\0" + b"\0\2\x13\x01" + b"\1\0"
    assert read_hello(b"\x16\x03\x01\0" + bytes([len(body) + 4]) + b"\1\0\0" + bytes([len(body)]) + body) == Hello()


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1", b"\x15\x03\x01\x00\x02\x02\x28", b"\x16\x03\x01\x00\x05\x02hello", b"\x80\x2e\x01\x00\x02"],
)
def test_what_is_no_client_hello_says_nothing(data: bytes) -> None:
    assert read_hello(data) == Hello()


def test_search_is_bounded() -> None:
    claim = b"\x16\x03\x01\xff\xff\x01\xff\xff\xff"
    assert read_hello(claim.ljust(HELLO_MAX - 1, b"\0")) is None
    assert read_hello(claim + b"\0" * 65531 + b"\x16\x03\x01\xff\xff") == Hello()


WHOLE = client_hello("a.test", "h2", "http/1.1")


@given(st.data())
def test_damage_is_no_error(data: st.DataObject) -> None:
    whole = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    found = read_hello(bytes(whole))
    assert found is None or isinstance(found, Hello)
