"""Streams that must end: between two events, with a comment, complete; told in bytes."""

from __future__ import annotations

import pytest

from fastgw.core import counters
from fastgw.core.exchange.ending import COMMENT, QUIET_SECONDS, end_streams, is_stream, unended
from fastgw.testing.edge import GET, Edge
from tests.support.bodies import reading

CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
PLAIN = b"HTTP/1.0 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\n"
END = b"1f\r\n: the gateway is shutting down\n\n\r\n0\r\n\r\n".replace(b"1f", b"%x" % len(COMMENT))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def test_one_that_has_sent_an_event_ends_behind_it() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(CHUNKED + chunk(b"data: 1\n\n"))
    client.take()
    end_streams(edge.plane.connections, edge.loop)
    service.feed(b"13\r\ndata: 2\n\nda")  # no event ends here, and no chunk
    edge.run()
    assert client.take() == b"13\r\ndata: 2\n\nda" and not client.is_closing()
    service.feed(b"ta: 3\n\n\n\r\n")
    edge.run()
    assert client.take() == b"ta: 3\n\n\n\r\n" + END
    assert client.is_closing() and service.is_lost
    assert edge.of_route(counters.ROUTE_FINISHED) == 1
    edge.end()


def test_an_event_that_has_begun_meanwhile_is_not_cut() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(CHUNKED)
    end_streams(edge.plane.connections, edge.loop)
    service.feed(chunk(b"data: 1\n\n"))
    service.feed(chunk(b"data: 2"))  # in the same turn of the loop
    edge.run()
    assert END not in client.take()
    service.feed(chunk(b"\r\n\r\n"))
    edge.run()
    assert client.take() == chunk(b"\r\n\r\n") + END
    edge.end()


def test_one_that_is_silent_stands_between_two_events() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(CHUNKED + chunk(b"data: 1\n\n"))
    client.take()
    end_streams(edge.plane.connections, edge.loop)
    edge.loop.advance(QUIET_SECONDS + 0.1)
    assert client.take() == END and service.is_lost
    edge.end()


@pytest.mark.parametrize("half", [b"9\r\ndata", b"9\r\ndata: 1\n\n", b"9\r\ndata: 1\n\n\r\n1"])
def test_one_that_is_silent_inside_of_a_chunk_stays_to_be_cut(half: bytes) -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(CHUNKED + half)
    end_streams(edge.plane.connections, edge.loop)
    edge.loop.advance(QUIET_SECONDS + 0.1)
    assert not client.is_closing() and unended(edge.plane.connections)
    edge.plane.cut_off()
    edge.run()
    assert END not in client.take() and client.is_lost
    edge.end()


def test_one_without_chunks_gets_them_here() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(PLAIN + b"data: 1\n\n")
    client.take()
    end_streams(edge.plane.connections, edge.loop)
    service.feed(b"data: 2\r\r")
    edge.run()
    assert client.take() == chunk(b"data: 2\r\r") + END
    edge.end()


def test_what_is_counted_are_the_data() -> None:
    edge = Edge()
    _, service = edge.pair()
    service.feed(CHUNKED + chunk(b"data: 1\n\n"))
    end_streams(edge.plane.connections, edge.loop)
    service.feed(chunk(b"data: 2"))
    (connection,) = edge.plane.connections
    assert connection.exchange is not None and connection.exchange.bytes_out == 16
    edge.plane.cut_off()
    edge.run()
    edge.end()


def test_one_that_ends_by_itself_is_as_ever() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(CHUNKED)
    end_streams(edge.plane.connections, edge.loop)
    service.feed(chunk(b"data: 1\n\n") + b"0\r\n\r\n")
    edge.loop.advance(QUIET_SECONDS + 0.1)
    assert client.take().endswith(chunk(b"data: 1\n\n") + b"0\r\n\r\n")
    edge.end()


def test_other_answers_are_no_streams() -> None:
    edge = Edge()
    client, service = edge.pair()
    waiting = edge.client(GET)
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
    end_streams(edge.plane.connections, edge.loop)
    assert not unended(edge.plane.connections) and not is_stream(None)
    edge.plane.cut_off(is_stream)
    edge.run()
    assert client.is_lost and b"503" in waiting.take()
    edge.end()


def test_streams_are_spared_by_the_cut_of_the_others() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(CHUNKED)
    edge.plane.cut_off(is_stream)
    edge.run()
    assert not client.is_lost
    edge.plane.cut_off()
    edge.run()
    assert client.is_lost
    edge.end()


def test_a_client_that_leaves_meanwhile_is_let_go_by_all_that_its_answer_passes() -> None:
    watching = reading("read_response")
    edge = Edge(filters=[watching])
    client, service = edge.pair()
    service.feed(CHUNKED + chunk(b"data: 1"))
    end_streams(edge.plane.connections, edge.loop)
    client.lose()
    edge.run()
    assert service.is_lost and [tape.data for tape in watching.seen] == [b"data: 1"]
    edge.loop.advance(2 * QUIET_SECONDS)
    assert edge.of_route(counters.ROUTE_ABORTED) == 1
    edge.end()
