"""What becomes of a client that floods, of its address, and of its memory; and of one that has no room for what it asks for."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.http2.budget import REMEMBERED, SPARSE_STREAMS
from fastgw.core.http2.streams import STALLED_MOST
from fastgw.testing import usual
from fastgw.testing.edge import OK
from fastgw.wire.http2 import errors, frames
from fastgw.wire.http2.encoder import FieldEncoder
from fastgw.wire.http2.frame_kinds import DATA, GOAWAY, PREFACE, RST_STREAM, SETTINGS
from fastgw.wire.http2.frames import frame
from tests.unit.core.http2.peer import Http2Edge, Peer, Raw

ATTACKER = {"extra": {"peername": ("10.6.6.6", 6)}}
CALM = errors.ENHANCE_YOUR_CALM
LARGE = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 100_000


def get(number: int) -> bytes:
    return frames.headers(number, FieldEncoder().request(b"GET", b"http", b"a.test", b"/", b""), True)


class Attacker(Raw):
    """From an address of its own."""

    def __init__(self, edge: Http2Edge, first: bytes = frame(SETTINGS, 0, 0, b"")) -> None:
        client = edge.client
        edge.client = lambda *_, **__: client(**ATTACKER)  # type: ignore[method-assign]
        super().__init__(edge, first)
        edge.client = client  # type: ignore[method-assign]

    @property
    def streams(self) -> int:
        """How many it was told that it may have."""
        told = next(one[3] for one in self.frames if one[0] == SETTINGS)
        return int.from_bytes(told[told.index(b"\0\3") + 2 :][:4], "big")


def test_who_was_thrown_out_has_little_left_for_a_while() -> None:
    edge = Http2Edge()
    first = Attacker(edge)
    first.send(frames.ping(b"attacker", False) * 499)
    assert first.streams == 100 and not first.codes(GOAWAY, 4)
    first.send(frames.ping(b"attacker", False) * 10)
    assert first.codes(GOAWAY, 4) == [CALM]
    again = Attacker(edge)
    assert again.streams == SPARSE_STREAMS
    again.send(frames.ping(b"attacker", False) * 10)
    assert again.codes(GOAWAY, 4) == [CALM]
    other = Raw(edge)
    other.send(frames.ping(b"somebody", False) * 200)
    assert not other.codes(GOAWAY, 4)
    edge.loop.advance(REMEMBERED + 1)
    late = Attacker(edge)
    late.send(frames.ping(b"attacker", False) * 200)
    assert late.streams == 100 and not late.codes(GOAWAY, 4)
    edge.loop.run_ready()
    edge.end()


def test_who_shares_the_address_of_one_is_served() -> None:
    edge = Http2Edge()
    Attacker(edge).send(frames.ping(b"attacker", False) * 600)
    peer = Peer(edge, **ATTACKER)
    for number in range(SPARSE_STREAMS):
        peer.ask()
        assert not peer.goaways, number
    for service in [edge.connect() for _ in range(SPARSE_STREAMS)]:
        service.feed(OK)
    peer.listen()
    assert len(peer.ended) == SPARSE_STREAMS and not peer.resets
    edge.end()


def test_a_header_list_that_is_far_too_large_throws_out() -> None:
    edge = Http2Edge()
    raw = Attacker(edge)
    large = b"\x40\x01x\x7f\xe0\x1e" + b"v" * 4063  # 127 + 0x60 + (0x1e << 7) bytes
    raw.send(frames.headers(1, b"\x82\x86\x84\x41\x06a.test" + large + b"\xbe" * 10_000, True))
    assert raw.codes(GOAWAY, 4) == [CALM]
    assert Attacker(edge).streams == SPARSE_STREAMS
    edge.end()


def test_who_has_no_room_for_answers_may_ask_for_few() -> None:
    edge = Http2Edge()
    raw = Raw(edge, frame(SETTINGS, 0, 0, b"\0\4\0\0\0\7"))
    raw.send(b"".join(get(number) for number in range(1, 2 * STALLED_MOST + 3, 2)))
    assert edge.begun == STALLED_MOST
    assert raw.codes(RST_STREAM) == [errors.REFUSED_STREAM]
    raw.send(frame(SETTINGS, 0, 0, b"\0\4\0\1\0\0") + get(101))
    assert edge.begun == STALLED_MOST + 1
    raw.transport.lose()
    edge.end()


def test_who_has_no_room_and_asks_for_many_is_thrown_out() -> None:
    edge = Http2Edge()
    raw = Raw(edge, frame(SETTINGS, 0, 0, b"\0\4\0\0\0\0"))
    raw.send(b"".join(get(number) for number in range(1, 200, 2)))
    assert raw.codes(GOAWAY, 4) == [CALM]
    edge.end()


def stalled(edge: Http2Edge, count: int) -> tuple[Raw, list[Any]]:
    """So many answers for which the windows have no room any more, and their services."""
    raw = Raw(edge)
    raw.send(frames.window_update(0, 2**30) + b"".join(get(number) for number in range(1, 2 * count, 2)))
    services = [edge.connect() for _ in range(count)]
    for service in services:
        service.feed(LARGE)
    edge.run()
    return raw, services


def crowded(connections: int) -> Http2Edge:
    """An edge whose service takes so many connections, and where others may wait for long."""
    return Http2Edge(
        timeouts=usual.timeouts(write=60.0), pool=usual.pool(max_connections=connections, pending_timeout=1000.0)
    )


def wait(edge: Http2Edge, count: int) -> None:
    """So many others ask, and there is no connection left for them."""
    other = Raw(edge)
    other.send(b"".join(get(number) for number in range(1, 2 * count, 2)))


def test_many_answers_that_nobody_takes_wait_as_long_as_nobody_waits_for_them() -> None:
    edge = Http2Edge(timeouts=usual.timeouts(write=60.0))
    raw, _ = stalled(edge, STALLED_MOST + 2)
    edge.loop.advance(58.0)
    raw.send(b"")
    assert not raw.codes(RST_STREAM)
    edge.loop.advance(6.0)
    raw.send(b"")
    assert len(raw.codes(RST_STREAM)) == STALLED_MOST + 2
    raw.transport.lose()
    edge.end()


def test_those_beyond_a_few_are_given_up_soon_where_others_wait() -> None:
    edge = crowded(STALLED_MOST + 2)
    raw, services = stalled(edge, STALLED_MOST + 2)
    wait(edge, 5)
    edge.loop.advance(6.0)
    raw.send(b"")
    assert raw.codes(RST_STREAM) == [errors.CANCEL] * 2
    assert sum(service.is_closing() for service in services) == 2
    edge.loop.advance(50.0)
    raw.send(b"")
    assert len(raw.codes(RST_STREAM)) == 2
    edge.loop.advance(6.0)
    raw.send(b"")
    assert len(raw.codes(RST_STREAM)) == STALLED_MOST + 2
    raw.transport.lose()
    edge.end()


def test_many_that_take_too_long_are_thrown_out() -> None:
    edge = Http2Edge(timeouts=usual.timeouts(write=10.0))
    raw, services = stalled(edge, 60)
    edge.loop.advance(11.0)
    edge.loop.advance(1.0)
    raw.send(b"")
    assert raw.codes(GOAWAY, 4) == [CALM]
    assert all(service.is_closing() for service in services)
    edge.end()


def test_many_answers_that_are_taken_are_not_given_up_however_slowly() -> None:
    count = STALLED_MOST + 2
    edge = crowded(count)
    raw, _ = stalled(edge, count)
    wait(edge, count)
    for _ in range(6):
        raw.send(b"".join(frames.window_update(number, 1024) for number in range(1, 2 * count, 2)))
        edge.loop.advance(5.0)
    assert not raw.codes(RST_STREAM)
    raw.transport.lose()
    edge.end()


def test_windows_of_hardly_any_bytes_are_none() -> None:
    edge = Http2Edge(timeouts=usual.timeouts(write=20.0))
    raw, _ = stalled(edge, 1)
    for _ in range(6):
        raw.send(frames.window_update(1, 100))
        edge.loop.advance(4.0)
    raw.send(b"")
    assert raw.codes(RST_STREAM) == [errors.CANCEL]
    raw.transport.lose()
    edge.end()


def test_many_that_have_no_room_spend_the_budget() -> None:
    edge = crowded(70)
    raw, services = stalled(edge, 70)
    wait(edge, 70)
    edge.loop.advance(6.0)
    edge.loop.advance(1.0)
    raw.send(b"")
    assert raw.codes(GOAWAY, 4) == [CALM]
    assert all(service.is_closing() for service in services)
    edge.end()


@pytest.mark.parametrize("ending", ["lost", "failed"])
def test_a_connection_that_is_gone_leaves_nothing_to_collect(ending: str) -> None:
    edge = Http2Edge()
    gc.collect()
    gc.disable()
    try:
        raw = Raw(edge)
        raw.send(get(1))
        if ending == "failed":
            raw.send(PREFACE)
        edge.connect()
        raw.transport.lose()
        edge.loop.run_ready()
        kind, link = type(raw.transport.protocol), "Http2Link"
        raw.transport.protocol = None  # type: ignore[assignment]
        edge.loop.run_ready()
        left = [one for one in gc.get_objects() if type(one) is kind or type(one).__name__ == link]
        assert not left
    finally:
        gc.enable()
    assert edge.count(counters.CONNECTIONS_OPEN) == 0
    edge.end()


def spent(edge: Http2Edge) -> None:
    Attacker(edge).send(frames.ping(b"attacker", False) * 600)


@pytest.mark.parametrize(
    "wrong", [frames.reset(1, errors.CANCEL), frames.window_update(1, 0), frame(SETTINGS, 0, 1, b"")]
)
def test_what_is_reset_in_the_same_breath_is_not_begun_for_who_was_thrown_out(wrong: bytes) -> None:
    edge = Http2Edge()
    spent(edge)
    raw = Attacker(edge)
    raw.send(get(1) + wrong)
    assert edge.begun == 0 and not edge.attempts
    raw.transport.lose()
    edge.end()


def test_a_body_with_trailers_that_comes_with_its_head_follows_it_for_who_was_thrown_out_too() -> None:
    edge = Http2Edge()
    spent(edge)
    raw = Attacker(edge)
    encoder = FieldEncoder()
    raw.send(
        frames.headers(1, encoder.request(b"POST", b"http", b"a.test", b"/", b""), False)
        + frame(DATA, 0, 1, b"hello")
        + frames.headers(1, encoder.trailers(b"x-sum: 5\r\n"), True)
    )
    service = edge.connect()
    edge.run()
    assert service.take().endswith(b"\r\n5\r\nhello\r\n0\r\nx-sum: 5\r\n\r\n")
    service.feed(OK)
    raw.send(b"")
    assert not raw.codes(RST_STREAM)
    raw.transport.lose()
    edge.end()
