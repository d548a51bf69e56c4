"""The timers of a drain: exchanges end at one, streams at another, and the rest a little later."""

from __future__ import annotations

from fastgw.server.draining import CUT_PAUSE, Draining
from fastgw.server.messages import Drain
from fastgw.server.workers import END_LIMIT
from fastgw.testing.edge import GET, Edge

EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n"


def begun(edge: Edge, *graces: float) -> list[float]:
    """Draining; when it was over."""
    ends: list[float] = []
    began = edge.loop.time()
    Draining(edge.loop, edge.plane, lambda: ends.append(round(edge.loop.time() - began, 2))).begin(Drain(*graces))
    return ends


def test_streams_have_their_own_grace() -> None:
    edge = Edge()
    stream, service = edge.pair()
    service.feed(EVENTS)
    stream.take()
    waiting = edge.client(GET)
    ends = begun(edge, 0.5, 60.0)
    edge.loop.advance(0.5)
    edge.run()
    assert b" 503 " in waiting.take() and not stream.is_closing() and not ends
    edge.loop.advance(59.4)
    service.feed(b"9\r\ndata: 2\n\n\r\n")
    assert stream.take() == b"9\r\ndata: 2\n\n\r\n"
    edge.loop.advance(END_LIMIT)
    assert stream.take().endswith(b": the gateway is shutting down\n\n\r\n0\r\n\r\n")
    edge.loop.advance(END_LIMIT)
    assert ends and service.is_lost
    edge.end()


def test_without_one_of_its_own_a_stream_has_that_of_the_others() -> None:
    edge = Edge()
    stream, service = edge.pair()
    service.feed(EVENTS)
    stream.take()
    begun(edge, 5.0)
    edge.loop.advance(5.0)
    edge.loop.advance(2 * END_LIMIT)
    assert stream.take().endswith(b": the gateway is shutting down\n\n\r\n0\r\n\r\n")
    edge.end()


def test_what_does_not_end_is_cut() -> None:
    edge = Edge()
    stream, service = edge.pair()
    service.feed(EVENTS + b"9\r\nda")
    ends = begun(edge, 5.0, 7.0)
    edge.loop.advance(7.0 + END_LIMIT + CUT_PAUSE + 0.1)
    assert stream.is_lost and b"shutting down" not in stream.take()
    assert ends[-1] >= 7.0 + END_LIMIT
    edge.end()


def test_without_streams_the_end_is_that_of_the_grace() -> None:
    edge = Edge()
    waiting = edge.client(GET)
    ends = begun(edge, 0.5, 4.0)
    edge.loop.advance(0.5 + CUT_PAUSE + 0.01)
    assert b" 503 " in waiting.take() and ends == [0.55]
    edge.loop.advance(4.0)
    edge.end()


def test_tunnels_are_cut_when_the_grace_of_streams_is_over() -> None:
    edge = Edge()
    edge.route.upgrades = frozenset({b"echo"})
    client, service = edge.pair(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
    service.feed(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
    begun(edge, 1.0, 3.0)
    edge.loop.advance(2.9)
    assert not client.is_lost
    edge.loop.advance(0.2)
    assert client.is_lost and service.is_lost
    edge.loop.advance(END_LIMIT)
    edge.end()
