"""What the operator learns of a service that breaks off or does not speak HTTP."""

from __future__ import annotations

import errno

import pytest

from fastgw.core.causes import excerpt
from fastgw.testing.edge import Edge, statuses


@pytest.mark.parametrize(
    "data", [b"SSH-2.0-x\r\n\0", b"\x15\x03\x01\0\x02\x02\x46", b"HTTP/2", b"\0\0\x12\x04\0\0\0\0\0"]
)
def test_what_can_never_be_an_answer_is_refused_at_once_and_shown_to_the_operator(data: bytes) -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(data)
    got = client.take()
    assert statuses(got) == [502] and b"bad_answer" in got
    [line] = edge.failures()
    assert (line["cause"], line["detail"].partition(": ")[2]) == ("bad_answer", excerpt(data))
    assert excerpt(data).encode() not in got  # but not to the client
    edge.end()


@pytest.mark.parametrize("error", [None, ConnectionResetError(errno.ECONNRESET, "reset")])
@pytest.mark.parametrize("came", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
def test_how_a_connection_ended_is_told(came: bytes, error: Exception | None) -> None:
    edge = Edge()
    _, service = edge.pair()
    if came:
        service.feed(came)
    if error is None:
        service.feed_eof()
    else:
        service.lose(error)
    [line] = edge.failures()
    assert line["cause"] == "upstream_reset"
    assert ("Connection reset by peer" in line["detail"]) == (error is not None)
    assert ("'HTTP/1.1 2'" in line["detail"]) == (came == b"HTTP/1.1 2")
    assert ("after 4 bytes" in line["detail"]) == came.endswith(b"half")
    edge.end()
